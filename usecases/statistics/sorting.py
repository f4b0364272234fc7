"""Sorting many numbers by value."""

from __future__ import annotations

import numpy as np
import polars as pl

_FEW = 1 << 14


def sorted_values(values: np.ndarray) -> np.ndarray:
    """The values in ascending order, as ``np.sort`` gives them; -0.0 comes back as 0.0.

    The bits of a double, read as an integer, have the order of the doubles, and Polars sorts
    integers in one thread at the same speed on every processor. ``np.sort`` takes up to four
    times as long where its AVX-512 instructions are slow (AMD Zen 4), which is why it is used
    for few numbers only.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)

    Raises
    ------
    ValueError
        If a value is not a number.
    """
    values = values + 0.0  # a copy, in which -0.0 is 0.0
    if values.size < _FEW:
        values.sort()
    else:
        bits = _flipped(values.view(np.int64))
        ranked = pl.Series(bits).sort(multithreaded=False).to_numpy()
        values = _flipped(ranked).view(np.float64)
    # NaN lies beyond the infinities on either side.
    if values.size and (np.isnan(values[0]) or np.isnan(values[-1])):
        raise ValueError("A score is not a number.")
    return values


def _flipped(bits: np.ndarray) -> np.ndarray:
    """Integers in the order of the doubles with these bits, and back again."""
    if bits.size and bits.min() >= 0:
        return bits
    return bits ^ ((bits >> 63) & np.int64(np.iinfo(np.int64).max))
