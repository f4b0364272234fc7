"""Cells: from what a file holds to what a kind of column keeps."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from portal.tables.schema import Kind

MISSING = ("", "NA")
"""What a CSV file may write for a missing value; ``NA`` is what R writes."""
_LONGEST_MISSING = max(map(len, MISSING))

STORED_AS: dict[Kind, pl.DataType] = {
    Kind.IDENTIFIER: pl.String(),
    Kind.NUMBER: pl.Float64(),
    Kind.INTEGER: pl.Int64(),
    Kind.BOOLEAN: pl.Boolean(),
    Kind.DATE: pl.Date(),
    Kind.CATEGORY: pl.String(),
    Kind.TEXT: pl.String(),
}
"""The type of each kind in a validated table."""

_WHOLE = 2.0**53  # beyond it a float no longer tells neighbouring integers apart
_TRUE = ("true", "t", "yes", "1")
_FALSE = ("false", "f", "no", "0")


@dataclass(frozen=True)
class Parsed:
    """A column as its kind keeps it; ``bad`` marks cells that hold something else."""

    values: pl.Series
    """Null where a cell is missing or bad."""
    bad: pl.Series | None
    """Booleans, or None when no cell is bad."""


def is_readable(dtype: pl.DataType) -> bool:
    """Whether a Parquet column of this type can be a column of any kind."""
    return dtype.is_numeric() or isinstance(
        dtype,
        pl.Boolean | pl.String | pl.Date | pl.Datetime | pl.Categorical | pl.Enum | pl.Null,
    )


def natural_kind(dtype: pl.DataType) -> Kind:
    """The kind of an extra column that a Parquet file holds with this type."""
    if dtype.is_integer():
        return Kind.INTEGER
    if dtype.is_numeric():
        return Kind.NUMBER
    if isinstance(dtype, pl.Boolean):
        return Kind.BOOLEAN
    if isinstance(dtype, pl.Date | pl.Datetime):
        return Kind.DATE
    return Kind.CATEGORY


def parse(series: pl.Series, kind: Kind, *, flags: bool = False) -> Parsed:
    """Turn ``series`` into what ``kind`` keeps.

    Parameters
    ----------
    series
        Text, as read from a CSV file, or any type that :func:`is_readable`.
    flags
        Whether an integer column may also hold true and false, for 1 and 0.
    """
    if series.dtype == pl.Null:
        return Parsed(series.cast(STORED_AS[kind]), None)
    if isinstance(series.dtype, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    if series.dtype == pl.String:
        return _parse_text(series, kind, flags=flags)
    return _parse_typed(series, kind, flags=flags)


def _parse_text(series: pl.Series, kind: Kind, *, flags: bool) -> Parsed:
    if kind is Kind.NUMBER:
        # The common case, without touching the text: every cell that is not missing is a number.
        numbers = series.cast(pl.Float64, strict=False)
        if numbers.null_count() == series.null_count():
            return Parsed(numbers, None)
    text = _without_missing(series)
    if kind in (Kind.IDENTIFIER, Kind.CATEGORY, Kind.TEXT):
        return Parsed(text, None)
    if kind is Kind.NUMBER:
        values = text.cast(pl.Float64, strict=False)
    elif kind is Kind.INTEGER:
        values = _integers(text, flags=flags)
    elif kind is Kind.BOOLEAN:
        values = _booleans(text)
    else:
        values = text.str.to_date("%Y-%m-%d", strict=False)
    return _parsed(text, values)


def _parse_typed(series: pl.Series, kind: Kind, *, flags: bool) -> Parsed:
    dtype = series.dtype
    nothing = pl.Series(series.name, [None], dtype=STORED_AS[kind]).new_from_index(0, len(series))
    values = nothing
    if kind is Kind.NUMBER and dtype.is_numeric():
        values = series.cast(pl.Float64, strict=False)
    elif kind is Kind.INTEGER and dtype.is_numeric():
        values = _whole_numbers(series)
    elif kind is Kind.IDENTIFIER and dtype.is_numeric():
        whole = series if dtype.is_integer() else _whole_numbers(series)
        values = whole.cast(pl.String)
    elif kind is Kind.INTEGER and dtype == pl.Boolean and flags:
        values = series.cast(pl.Int64)
    elif kind is Kind.BOOLEAN and dtype == pl.Boolean:
        values = series
    elif kind is Kind.BOOLEAN and dtype.is_numeric():
        values = (series == 1).set(~series.is_in([0, 1]), None)
    elif kind is Kind.DATE and isinstance(dtype, pl.Date | pl.Datetime):
        values = series.cast(pl.Date, strict=False)
    elif kind in (Kind.CATEGORY, Kind.TEXT):
        if dtype.is_integer() or dtype == pl.Boolean:
            values = series.cast(pl.String)
        elif dtype.is_numeric():
            values = _whole_numbers(series).cast(pl.String)
    return _parsed(series, values.alias(series.name))


def _parsed(source: pl.Series, values: pl.Series) -> Parsed:
    if values.null_count() == source.null_count():
        return Parsed(values, None)
    return Parsed(values, source.is_not_null() & values.is_null())


def without_repeats(values: pl.Series) -> pl.Series:
    """The values that differ from the row above; of a person's rows, which mostly follow each
    other, one. Missing values at the top are left out."""
    return values.filter(values.ne_missing(values.shift()))


def _without_missing(text: pl.Series) -> pl.Series:
    different = without_repeats(text)
    if not (
        (different.str.len_bytes() <= _LONGEST_MISSING).any()
        or (different.str.strip_chars() != different).any()
    ):
        return text  # nothing to take away: the common case of an identifier
    text = text.str.strip_chars()
    return text.set(text.is_in(MISSING), None)


def _integers(text: pl.Series, *, flags: bool) -> pl.Series:
    integers = text.cast(pl.Int64, strict=False)
    if integers.null_count() == text.null_count():
        return integers
    # "1.0" is what pandas writes for an integer in a column with missing values.
    integers = integers.zip_with(
        integers.is_not_null(), _whole_numbers(text.cast(pl.Float64, strict=False))
    )
    if flags:
        lower = text.str.to_lowercase()
        named = lower.replace_strict(["true", "false"], [1, 0], default=None, return_dtype=pl.Int64)
        integers = integers.zip_with(integers.is_not_null(), named)
    return integers


def _whole_numbers(series: pl.Series) -> pl.Series:
    """Integers; null where a number is not whole."""
    if not series.dtype.is_float():
        whole = series.cast(pl.Int64, strict=False)
        if series.dtype.is_integer():
            return whole
        return whole.set(whole.cast(pl.Float64) != series.cast(pl.Float64, strict=False), None)
    whole = (series == series.floor()) & (series.abs() <= _WHOLE)
    return series.set(~whole, None).cast(pl.Int64, strict=False)


def _booleans(text: pl.Series) -> pl.Series:
    return text.str.to_lowercase().replace_strict(
        [*_TRUE, *_FALSE],
        [True] * len(_TRUE) + [False] * len(_FALSE),
        default=None,
        return_dtype=pl.Boolean,
    )
