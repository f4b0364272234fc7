"""Keys in bounded memory: eight bytes a row, whatever the identifiers look like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from portal.tables.csv_file import Batch
from portal.tables.problems import SHOWN, shown

_MOST_REMEMBERED = 1_000_000


def hashes(frame: pl.DataFrame) -> np.ndarray:
    """One 64-bit hash a row, of all columns; the same within a process, not across."""
    return frame.hash_rows(seed=0).to_numpy()


class KeyHashes:
    """The hashes of a table's keys, collected batch by batch."""

    def __init__(self) -> None:
        self._hashes = np.empty(1 << 16, dtype=np.uint64)
        self._used = 0
        self._sorted = False

    def __len__(self) -> int:
        return self._used

    def add(self, frame: pl.DataFrame) -> None:
        """Add the rows of ``frame`` that have every value."""
        new = hashes(frame.drop_nulls())
        if self._used + len(new) > len(self._hashes):
            # Grown in place by the allocator: no second copy of what may be 800 MB.
            self._hashes.resize(int((self._used + len(new)) * 1.25), refcheck=False)
        self._hashes[self._used : self._used + len(new)] = new
        self._used += len(new)
        self._sorted = False

    def _sort(self) -> np.ndarray:
        values = self._hashes[: self._used]
        if not self._sorted:
            values.sort()
            self._sorted = True
        return values

    def distinct(self) -> int:
        """How many different keys there are."""
        values = self._sort()
        return int(np.count_nonzero(values[1:] != values[:-1])) + bool(len(values))

    def repeated(self) -> np.ndarray:
        """The hashes that occur more than once, ascending."""
        values = self._sort()
        return np.unique(values[1:][values[1:] == values[:-1]])

    def contain(self, wanted: np.ndarray) -> np.ndarray:
        """Which of ``wanted`` are among the hashes."""
        values = self._sort()
        if not len(values):
            return np.zeros(len(wanted), dtype=bool)
        places = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
        return values[places] == wanted


def first_repeats(
    batches: Iterable[Batch], key: Sequence[str], repeated: np.ndarray
) -> tuple[list[int], list[str]]:
    """The first ten rows whose key an earlier row has, and those keys.

    ``repeated`` are the hashes to look among, so that two keys which merely share a hash are
    told apart here. Of more than a million repeated keys only the first million are compared.
    """
    seen: set[tuple[object, ...]] = set()
    rows: list[int] = []
    found: list[str] = []
    for batch in batches:
        frame = batch.frame.select(key)
        complete = ~frame.select(pl.any_horizontal(pl.all().is_null())).to_series().to_numpy()
        at = np.flatnonzero(complete & np.isin(hashes(frame), repeated))
        for index, value in zip(at.tolist(), frame[at].rows(), strict=True):
            if value in seen:
                rows.append(int(batch.rows[index]))
                found.append(shown_key(value))
                if len(rows) == SHOWN:
                    return rows, found
            elif len(seen) < _MOST_REMEMBERED:
                seen.add(value)
    return rows, found


def shown_key(values: Sequence[object]) -> str:
    """A key as a message quotes it."""
    return " / ".join(shown(value) for value in values)
