"""What a table's columns look like, told so that no person can be made out.

Counts of 1 to 9 are hidden. A hidden count that follows from the others (their sum is the number
of rows) would not be hidden, so that further counts are hidden until the hidden ones add up to at
least ten and are at least two. Labels of rare values are not told. A quantile is told only where
at least ten values lie on each side of it, and is rounded to a thousandth of the spread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from portal.tables.keys import KeyHashes
from portal.tables.schema import Column, Kind, TableSchema

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 20
SAMPLE = 1_000_000
"""Quantiles of a longer table are those of this many of its rows, evenly spread."""

_FEW_INTEGERS = 20
_CELLS = 2_000_000


def profile_table(
    path: Path,
    schema: TableSchema,
    kinds: Mapping[str, Kind],
    *,
    smallest_count: int = 10,
) -> dict[str, Any]:
    """Describe a converted table, column by column, as JSON can hold it.

    Parameters
    ----------
    path
        The Parquet file that :func:`portal.tables.convert_table` wrote.
    kinds
        Its columns and their kinds.
    smallest_count
        Counts from 1 to below it are None.

    Returns
    -------
    dict
        ``{"rows", "smallest_count", "columns": [...]}``; each column has ``name``, ``kind``,
        ``rows`` and ``missing``, and by its kind ``distinct`` (identifiers, text), ``values``
        (``[{"value", "count"}]``) with ``rare`` (whether rare values are left out), or
        ``quantiles`` (``[{"at", "value"}]``), ``edges`` and ``counts`` (a histogram whose first
        and last bin are open) and ``sampled``.
    """
    scan = pl.scan_parquet(path, glob=False)
    rows = int(scan.select(pl.len()).collect().item())
    describers = [
        _describer(name, kind, schema.column(name), rows, smallest_count)
        for name, kind in kinds.items()
    ]
    numbers = [describer for describer in describers if isinstance(describer, _Numbers)]
    _find_quantiles(scan, numbers, rows)
    batch_rows = max(1_000, _CELLS // len(kinds))
    for frame in scan.collect_batches(chunk_size=batch_rows, engine="streaming"):
        for describer in describers:
            describer.add(frame.get_column(describer.name))
    return {
        "rows": _hidden(rows, smallest_count),
        "smallest_count": smallest_count,
        "columns": [describer.described() for describer in describers],
    }


def hide_small(counts: Sequence[int], smallest: int) -> list[int | None]:
    """The counts with small ones hidden, and others so that no hidden one follows from the sum.

    Examples
    --------
    >>> hide_small([995, 5, 0], 10)
    [None, None, 0]
    >>> hide_small([900, 60, 6, 3], 10)
    [900, None, None, None]
    """
    hidden = {place for place, count in enumerate(counts) if 0 < count < smallest}
    for place in sorted(range(len(counts)), key=lambda place: counts[place]):
        if not hidden or (len(hidden) > 1 and sum(counts[at] for at in hidden) >= smallest):
            break
        if counts[place] > 0:
            hidden.add(place)
    return [None if place in hidden else count for place, count in enumerate(counts)]


def _hidden(count: int, smallest: int) -> int | None:
    return None if 0 < count < smallest else count


class _Describer:
    """Takes in a column batch by batch; by itself it tells how many values are missing."""

    def __init__(self, name: str, kind: Kind, rows: int, smallest: int) -> None:
        self.name = name
        self.kind = kind
        self.rows = rows
        self.smallest = smallest
        self.missing = 0

    def add(self, values: pl.Series) -> None:
        self.missing += values.null_count()

    def described(self) -> dict[str, Any]:
        missing, _ = hide_small([self.missing, self.rows - self.missing], self.smallest)
        return {
            "name": self.name,
            "kind": self.kind.value,
            "rows": _hidden(self.rows, self.smallest),
            "missing": missing,
        }


class _Identifiers(_Describer):
    """Only how many different ones there are."""

    def __init__(self, name: str, kind: Kind, rows: int, smallest: int) -> None:
        super().__init__(name, kind, rows, smallest)
        self.hashes = KeyHashes()

    def add(self, values: pl.Series) -> None:
        super().add(values)
        self.hashes.add(values.to_frame())

    def described(self) -> dict[str, Any]:
        distinct = self.hashes.distinct()
        repeats = len(self.hashes) - distinct
        small = 0 < repeats < self.smallest or 0 < distinct < self.smallest
        return {**super().described(), "distinct": None if small else distinct}


class _Categories(_Describer):
    """How often each value occurs."""

    def __init__(
        self, name: str, kind: Kind, rows: int, smallest: int, declared: Sequence[int | str]
    ) -> None:
        super().__init__(name, kind, rows, smallest)
        self.declared = declared
        self.counts: dict[Any, int] = dict.fromkeys(declared, 0)

    def add(self, values: pl.Series) -> None:
        super().add(values)
        for value, count in values.drop_nulls().value_counts().iter_rows():
            self.counts[value] = self.counts.get(value, 0) + count

    def described(self) -> dict[str, Any]:
        order = sorted(self.counts, key=lambda value: (-self.counts[value], str(value)))
        if self.declared or self.kind is not Kind.CATEGORY:
            order = sorted(self.counts)
        counts = [self.counts[value] for value in order]
        *shown, missing = hide_small([*counts, self.missing], self.smallest)
        rare = [
            value not in self.declared and 0 < count < self.smallest
            for value, count in zip(order, counts, strict=True)
        ]
        return {
            **super().described(),
            "missing": missing,
            "values": [
                {"value": value, "count": count}
                for value, count, left_out in zip(order, shown, rare, strict=True)
                if not left_out
            ],
            "rare": any(rare),
        }


class _Numbers(_Describer):
    """Quantiles and a histogram between the outermost of them."""

    def __init__(self, name: str, kind: Kind, rows: int, smallest: int) -> None:
        super().__init__(name, kind, rows, smallest)
        self.quantiles: list[tuple[float, float]] = []
        self.edges = np.empty(0)
        self.counts = np.zeros(0, dtype=np.int64)
        self.sampled = False

    def take_sample(self, values: np.ndarray, *, sampled: bool) -> None:
        """Find the quantiles, and with them the bins."""
        self.sampled = sampled
        told = [q for q in QUANTILES if len(values) * min(q, 1 - q) >= self.smallest]
        if not told:
            return
        found = np.quantile(values, told)
        spread = float(found[-1] - found[0])
        digits = 3 - math.ceil(math.log10(spread)) if spread > 0 else 3
        self.quantiles = [
            (q, round(float(value), digits)) for q, value in zip(told, found, strict=True)
        ]
        low, high = self.quantiles[0][1], self.quantiles[-1][1]
        if high > low:
            # The first and the last bin are open, so that the extremes stay untold.
            self.edges = np.linspace(low, high, BINS - 1)
            self.counts = np.zeros(BINS, dtype=np.int64)

    def add(self, values: pl.Series) -> None:
        super().add(values)
        if len(self.edges):
            bins = np.searchsorted(self.edges, values.drop_nulls().to_numpy(), side="right")
            self.counts += np.bincount(bins, minlength=BINS)

    def described(self) -> dict[str, Any]:
        described = super().described()
        *counts, missing = hide_small([*self.counts.tolist(), self.missing], self.smallest)
        if len(self.edges):
            described["missing"] = missing
        return {
            **described,
            "quantiles": [{"at": q, "value": value} for q, value in self.quantiles],
            "edges": [float(f"{edge:.6g}") for edge in self.edges],
            "counts": counts,
            "sampled": self.sampled,
        }


class _Integers(_Numbers):
    """Counts of each value where there are few, such as 0 and 1; else as other numbers."""

    def __init__(self, name: str, kind: Kind, rows: int, smallest: int) -> None:
        super().__init__(name, kind, rows, smallest)
        self.values: _Categories | None = _Categories(name, kind, rows, smallest, ())

    def add(self, values: pl.Series) -> None:
        super().add(values)
        if self.values is not None:
            self.values.add(values)
            if len(self.values.counts) > _FEW_INTEGERS:
                self.values = None

    def described(self) -> dict[str, Any]:
        return super().described() if self.values is None else self.values.described()


def _describer(
    name: str, kind: Kind, column: Column | None, rows: int, smallest: int
) -> _Describer:
    if kind is Kind.IDENTIFIER or kind is Kind.TEXT:
        return _Identifiers(name, kind, rows, smallest)
    if column is not None and column.allowed:
        return _Categories(name, kind, rows, smallest, column.allowed)
    if kind in (Kind.CATEGORY, Kind.BOOLEAN):
        return _Categories(name, kind, rows, smallest, ())
    if kind is Kind.INTEGER:
        return _Integers(name, kind, rows, smallest)
    if kind is Kind.NUMBER:
        return _Numbers(name, kind, rows, smallest)
    return _Describer(name, kind, rows, smallest)


def _find_quantiles(scan: pl.LazyFrame, numbers: Sequence[_Numbers], rows: int) -> None:
    step = max(1, math.ceil(rows / SAMPLE))
    together = max(1, _CELLS * 4 // min(rows, SAMPLE))
    for first in range(0, len(numbers), together):
        part = numbers[first : first + together]
        names = [describer.name for describer in part]
        frame = scan.select(pl.col(names).gather_every(step)).collect(engine="streaming")
        for describer in part:
            values = frame.get_column(describer.name).drop_nulls().cast(pl.Float64).to_numpy()
            describer.take_sample(values, sampled=step > 1)
