"""Parquet files: what one will unfold to is read from its description before any of it is unfolded.

The description (footer and page headers) is Thrift in the compact protocol; the few fields that
matter are read here, because Polars does not show them. Source: the Apache Parquet format,
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift, and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl

from portal.tables.csv_file import Batch, refused, too_many_rows
from portal.tables.limits import Limits
from portal.tables.problems import Problem, TableRefused, gettext_noop
from portal.tables.values import is_readable

MAGIC = b"PAR1"
CELLS = 2_000_000
"""Cells read at a time."""

_TEXT_BYTES = 32 << 20

_MOST_PAGES = 1_000_000
_PAGE_HEADER_BYTES = 1 << 16
_SUSPICIOUS = 256 << 20
_UNREADABLE = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    OSError,
    OverflowError,
    ValueError,
)


class _DamagedError(Exception):
    """The bytes are not the Thrift that they should be."""


def parquet_schema(path: Path, limits: Limits) -> dict[str, pl.DataType]:
    """The columns of a Parquet file that is safe to read.

    Raises
    ------
    TableRefused
        If the file is damaged, would unfold to more than ``limits`` allow, or has columns that
        are not plain values.
    """
    try:
        _check_size(path, limits)
        schema = dict(pl.read_parquet_schema(path))
    except (_DamagedError, *_UNREADABLE) as error:
        raise _damaged() from error
    nested = [name for name, dtype in schema.items() if not is_readable(dtype)]
    if nested:
        raise TableRefused(
            Problem(
                "type",
                gettext_noop(
                    "Column '{column}' must hold numbers, text, dates or true and false; "
                    "it holds values of type {type}"
                ),
                {"type": str(schema[name])[:100]},
                column=name,
                hint=gettext_noop("Leave the column out, or write one value in each cell."),
            )
            for name in nested
        )
    return schema


def parquet_batches(path: Path, width: int, advance: Callable[[float], None]) -> Iterator[Batch]:
    """The rows of a Parquet file, some at a time; ``advance`` is told the fraction read."""
    try:
        scan = pl.scan_parquet(path, low_memory=True, glob=False)
        total = scan.select(pl.len()).collect().item()
        row = 1
        for frame in scan.collect_batches(
            chunk_size=max(1_000, CELLS // max(width, 1)), maintain_order=True, engine="streaming"
        ):
            for part in frame.iter_slices(_rows_at_once(frame)):
                yield Batch(part, np.arange(row, row + len(part)))
                row += len(part)
            advance(row / (total + 1))
    except _UNREADABLE as error:
        raise _damaged() from error


def _rows_at_once(frame: pl.DataFrame) -> int:
    """Fewer where texts are long: a file holds a repeated text once, memory may hold it often."""
    longest = 0
    for series in frame:
        if isinstance(series.dtype, pl.Categorical | pl.Enum):
            series = series.unique().cast(pl.String)
        if series.dtype == pl.String:
            length = series.str.len_bytes().max()
            longest += length if isinstance(length, int) else 0
    return max(1, min(len(frame), _TEXT_BYTES // max(longest, 1)))


def _damaged() -> TableRefused:
    return refused(
        "damaged",
        gettext_noop("The file must be readable Parquet; it is damaged or incomplete"),
        hint=gettext_noop("Write it again, and check that it was copied whole."),
    )


def _check_size(path: Path, limits: Limits) -> None:
    """Refuse a file whose own description, or whose pages, announce more than ``limits``."""
    size = path.stat().st_size
    with path.open("rb") as file:
        footer = _footer(file, size, limits)
        groups = footer.get(4, [])
        rows = _number(footer.get(3))
        if rows > limits.rows or sum(_number(group.get(3)) for group in groups) > limits.rows:
            raise too_many_rows(limits)
        unpacked = 0
        pages = 0
        for group in groups:
            columns = group.get(1, [])
            of_group = _number(group.get(3)) * len(columns)  # a byte a cell at the very least
            of_pages = 0
            for column in columns:
                described = column.get(3)
                if not isinstance(described, dict):
                    raise _DamagedError
                announced, number = _pages(file, described, size, _MOST_PAGES - pages)
                pages += number
                of_pages += max(announced, _number(described.get(6)))
            of_group = max(of_group, of_pages)
            if of_group > limits.row_group_bytes:
                raise refused(
                    "row-group",
                    gettext_noop(
                        "A row group of a Parquet file may unfold to at most {most} MiB; one of "
                        "this file unfolds to {size} MiB"
                    ),
                    hint=gettext_noop("Write it again with fewer rows in each row group."),
                    most=limits.row_group_bytes >> 20,
                    size=of_group >> 20,
                )
            unpacked += max(of_group, 8 * _number(group.get(3)) * len(columns))
    if unpacked > limits.unpacked_bytes or (
        unpacked > _SUSPICIOUS and unpacked > limits.expansion * size
    ):
        raise refused(
            "expansion",
            gettext_noop(
                "A file must not unfold to far more than its size; this one has {packed} KiB and "
                "unfolds to {unpacked} MiB"
            ),
            hint=gettext_noop("Check that the file is the intended one, or split the table."),
            packed=max(size >> 10, 1),
            unpacked=unpacked >> 20,
        )


def _footer(file: BinaryIO, size: int, limits: Limits) -> dict[int, Any]:
    if size < 12:
        raise _DamagedError
    file.seek(size - 8)
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or length > size - 12:
        raise _DamagedError
    if length > limits.footer_bytes:
        raise refused(
            "footer",
            gettext_noop("The description of a Parquet file may have at most {most} MiB"),
            hint=gettext_noop("Write it again with more rows in each row group."),
            most=limits.footer_bytes >> 20,
        )
    file.seek(size - 8 - length)
    return _Thrift(file.read(length)).struct()


def _pages(file: BinaryIO, column: dict[int, Any], size: int, most: int) -> tuple[int, int]:
    """What the pages of a column chunk announce to unfold to, in bytes, and how many there are."""
    starts = [_number(column[field]) for field in (9, 11) if field in column]
    position = min((start for start in starts if start > 0), default=0)
    end = position + _number(column.get(7))
    values = _number(column.get(5))
    if not 0 < position <= end <= size:
        raise _DamagedError
    announced = seen = number = 0
    while position < end and seen < values:
        number += 1
        if number > most:
            raise _DamagedError
        file.seek(position)
        thrift = _Thrift(file.read(_PAGE_HEADER_BYTES))
        page = thrift.struct()
        announced += _number(page.get(2))
        position += thrift.position + _number(page.get(3))
        data = page.get(5) or page.get(8)
        seen += _number(data.get(1)) if isinstance(data, dict) else 0
    return announced, number


def _number(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise _DamagedError
    return value


class _Thrift:
    """A reader of Thrift's compact protocol: structs become dictionaries by field number."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.position = 0
        self.depth = 0

    def struct(self) -> dict[int, Any]:
        self.depth += 1
        if self.depth > 32:
            raise _DamagedError
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            fields[number] = self._value(head & 15)
        self.depth -= 1
        return fields

    def _value(self, kind: int, *, in_list: bool = False) -> Any:
        if kind in (1, 2):
            return self._byte() == 1 if in_list else kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._zigzag()
        if kind == 7:
            return self._take(8)
        if kind == 8:
            return self._take(self._varint())
        if kind in (9, 10):
            return self._list()
        if kind == 12:
            return self.struct()
        raise _DamagedError  # maps are not part of the Parquet description

    def _list(self) -> list[Any]:
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._varint()
        if size > len(self.content) - self.position:
            raise _DamagedError
        return [self._value(head & 15, in_list=True) for _ in range(size)]

    def _byte(self) -> int:
        if self.position >= len(self.content):
            raise _DamagedError
        self.position += 1
        return self.content[self.position - 1]

    def _take(self, size: int) -> bytes:
        if size > len(self.content) - self.position:
            raise _DamagedError
        self.position += size
        return self.content[self.position - size : self.position]

    def _varint(self) -> int:
        number = shift = 0
        while shift < 70:
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            shift += 7
        raise _DamagedError

    def _zigzag(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)
