"""Ratios of totals over patients, with intervals that respect that a patient has many events."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import special

from usecases.statistics.quantity import Z95, Quantity, percentile_quantity
from usecases.statistics.resampling import CHUNK, generator

PATIENTS = 4
"""Purpose of the generator, beside those of :mod:`usecases.statistics.resampling`."""

METHOD = "Patient-cluster bootstrap, percentiles"


def patient_draws(patients: int, replicates: int, seed: int) -> Iterator[np.ndarray]:
    """How often each patient is drawn, replicate by replicate, int64 of shape (patients,)."""
    for chunk, start in enumerate(range(0, replicates, CHUNK)):
        random = generator(seed, PATIENTS, chunk)
        for _ in range(min(CHUNK, replicates - start)):
            yield np.bincount(random.integers(patients, size=patients), minlength=patients)


def ratio_quantity(
    count: int, whole: float, replicates: np.ndarray, *, patients: int | None = None
) -> Quantity:
    """A ratio of totals with the percentile interval of its replicates.

    Where the numerator is 0, or the share 1, every replicate repeats it. Then the interval is
    exact: Poisson for a rate, for no event cannot cluster; Clopper and Pearson for a share, as if
    each patient counted once.

    Parameters
    ----------
    count : int
        The numerator.
    whole : float
        The denominator: a count for a share, years for a rate.
    replicates : ndarray, shape (replicates,)
    patients : int or None
        Those who add to the denominator of a share; None for a rate.
    """
    value = count / whole
    if patients is None and count == 0:
        upper = exact_poisson(0, whole)[1]
        return Quantity("Exact Poisson, as none was found", value, 0.0, upper)
    if patients is not None and count == 0:
        upper = float(special.betaincinv(1, patients, 0.975))
        return Quantity("Clopper-Pearson by patient, as none was found", value, 0.0, upper)
    if patients is not None and count == whole:
        lower = float(special.betaincinv(patients, 1, 0.025))
        return Quantity("Clopper-Pearson by patient, as all were found", value, lower, 1.0)
    high = math.inf if patients is None else 1.0
    return percentile_quantity(value, replicates, METHOD, low=0.0, high=high)


def exact_poisson(count: int, years: float) -> tuple[float, float]:
    """The exact 95% interval of a rate if events came independently of each other (Garwood)."""
    lower = float(special.chdtri(2 * count, 0.975) / 2) if count else 0.0
    return lower / years, float(special.chdtri(2 * count + 2, 0.025) / 2) / years


def robust_interval(
    above: np.ndarray, below: np.ndarray, *, share: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ratios of totals with intervals by linearisation: one ratio a column.

    Parameters
    ----------
    above, below : ndarray, shape (patients, ratios) or (patients, 1)
        What each patient adds to numerator and denominator.
    share : bool
        Whether the interval is made on the logit scale, or on that of the logarithm.

    Returns
    -------
    value, lower, upper : ndarray, shape (ratios,)
        NaN without a denominator; the ends are NaN too where the ratio is 0, or the share 1.

    Notes
    -----
    The variance of the ratio estimator with patients as clusters: Cochran, Sampling Techniques,
    3rd ed., 1977, 6.3; the same as the cluster-robust variance of an intercept-only model.
    """
    patients = max(above.shape[0], below.shape[0])
    top, whole = above.sum(axis=0), np.asarray(below.sum(axis=0), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = top / whole
        # Sum of (above - value * below)², opened, so that no array of its size is needed.
        cross = np.einsum("ij,ij->j", *np.broadcast_arrays(above, below))
        squares = np.einsum("ij,ij->j", above, above) - 2 * value * cross
        squares = squares + value**2 * np.einsum("ij,ij->j", below, below)
        variance = np.maximum(squares, 0) / whole**2 * patients / max(patients - 1, 1)
        error = np.sqrt(variance)
        if share:
            place = np.log(value / (1 - value))
            half = Z95 * error / (value * (1 - value))
            lower, upper = 1 / (1 + np.exp(-(place - half))), 1 / (1 + np.exp(-(place + half)))
        else:
            half = np.exp(Z95 * error / value)
            lower, upper = value / half, value * half
    bad = ~np.isfinite(value) | (top <= 0) | (share & (top >= whole)) | (patients < 2)
    return value, np.where(bad, np.nan, lower), np.where(bad, np.nan, upper)
