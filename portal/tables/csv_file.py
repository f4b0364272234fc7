"""CSV files, read in pieces of a few megabytes whose every byte is looked at first.

The file is split into records here and not by the CSV reader, because the reader neither says
which row is ragged nor stops at a line of 200 MB; what it is given is known to be well formed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

from portal.tables.limits import Limits
from portal.tables.problems import SHOWN, Problem, TableRefused, gettext_noop

PIECE = 4 << 20
"""Bytes read at a time, of a table that is not wide."""

_BOM = b"\xef\xbb\xbf"
_NEWLINE, _RETURN, _QUOTE = 10, 13, 34

_OTHER_FORMATS = (
    (b"PK\x03\x04", gettext_noop("an Excel workbook or a zip archive")),
    (b"\xd0\xcf\x11\xe0", gettext_noop("an old Excel workbook")),
    (b"\x1f\x8b", gettext_noop("a gzip archive")),
    (b"%PDF", gettext_noop("a PDF document")),
    (b"\x80\x02", gettext_noop("a Python pickle")),
    (b"\x80\x03", gettext_noop("a Python pickle")),
    (b"\x80\x04", gettext_noop("a Python pickle")),
    (b"\x80\x05", gettext_noop("a Python pickle")),
    (b"\x89PNG", gettext_noop("an image")),
    (b"{", gettext_noop("JSON")),
    (b"<", gettext_noop("HTML or XML")),
)
_SAVE_AS_CSV = gettext_noop("Save the table as CSV (UTF-8) or Parquet and upload that.")


@dataclass(frozen=True)
class CsvHeader:
    """The first line, and how the rest is to be read."""

    names: tuple[str, ...]
    separator: str
    length: int
    """Bytes before the first data row."""


@dataclass(frozen=True)
class Batch:
    """Some rows of a file, with their numbers, counted from 1 after the header."""

    frame: pl.DataFrame
    rows: np.ndarray


class RaggedRows(TableRefused):
    """Rows that were passed over have more or fewer fields than the header; all was read."""


def refused(code: str, template: str, *, hint: str = "", **values: str | int) -> TableRefused:
    """The refusal of a file that cannot be read on."""
    return TableRefused([Problem(code, template, values, hint=hint)])


def read_header(file: BinaryIO, limits: Limits) -> CsvHeader:
    """Read the first line of a CSV file.

    Raises
    ------
    TableRefused
        If this is not a CSV file in UTF-8, or its header has no names.
    """
    start = file.read(limits.line_bytes + len(_BOM) + 1)
    for magic, name in _OTHER_FORMATS:
        if start.startswith(magic):
            raise refused(
                "not-csv",
                gettext_noop("The file must be CSV or Parquet; it looks like {format}"),
                hint=_SAVE_AS_CSV,
                format=name,
            )
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refused(
            "encoding",
            gettext_noop("The file must be encoded in UTF-8; it is encoded in UTF-16"),
            hint=gettext_noop("Save it again as 'CSV UTF-8'."),
        )
    skipped = len(_BOM) if start.startswith(_BOM) else 0
    text = start[skipped:]
    end = text.find(b"\n")
    line = text if end < 0 else text[:end]
    if len(line) > limits.line_bytes:
        _check_bytes(line[: limits.line_bytes], first_line=1, cut=True)
        raise _too_long(1, limits)
    _check_bytes(line, first_line=1)
    if not line.strip():
        raise refused(
            "empty-header",
            gettext_noop("The first line must hold the names of the columns; it is empty"),
        )
    if b"\r" in line.rstrip(b"\r"):
        raise refused(
            "line-ends",
            gettext_noop("Lines must end with a line feed; this file has carriage returns alone"),
            hint=gettext_noop("Save it again as 'CSV UTF-8'."),
        )
    decoded = line.decode().rstrip("\r")
    separator = _separator(decoded)
    try:
        names = next(csv.reader([decoded], delimiter=separator, strict=True))
    except csv.Error as error:
        raise refused(
            "quotes",
            gettext_noop("The header must be readable CSV; line 1 has a misplaced quotation mark"),
            hint=gettext_noop("Write a name either without quotation marks or wholly in them."),
        ) from error
    return CsvHeader(
        tuple(name.strip() for name in names),
        separator,
        skipped + (len(text) if end < 0 else end + 1),
    )


def csv_batches(
    path: Path, header: CsvHeader, limits: Limits, advance: Callable[[float], None]
) -> Iterator[Batch]:
    """The data rows as text, a few megabytes at a time; blank lines are left out.

    ``advance`` is told the fraction of the file read. Missing values are null.

    Raises
    ------
    RaggedRows
        At the end of the file, if some rows had more or fewer fields than the header.
    TableRefused
        At once, if the file cannot be read on.
    """
    ragged = _Ragged(len(header.names), header.separator)
    size = path.stat().st_size or 1
    row = 1
    for piece, position in _pieces(path, header, limits):
        lengths = np.diff(piece.ends, prepend=-1)
        blank = lengths == 1
        at = np.frombuffer(piece.content, dtype=np.uint8)
        crlf = (lengths == 2) & (at[piece.ends - 1] == _RETURN)
        blank |= crlf
        rows = np.arange(row, row + len(piece.ends))
        row += len(piece.ends)
        if row - 1 > limits.rows:
            raise too_many_rows(limits)
        content = piece.content
        fits = ragged.check(piece, rows, blank)
        if not fits.all():
            starts = piece.ends - lengths + 1
            content = b"".join(
                content[start : end + 1]
                for start, end in zip(starts[fits], piece.ends[fits], strict=True)
            )
            rows = rows[fits]
        if len(rows):
            yield Batch(_frame(content, header, rows), rows)
        advance(position / size)
    if ragged.count:
        raise RaggedRows([ragged.problem()])


def too_many_rows(limits: Limits) -> TableRefused:
    """The refusal of a file with more rows than any table may have."""
    return refused(
        "too-many-rows",
        gettext_noop("A table may have at most {most} rows; this file has more"),
        hint=gettext_noop("Split it into several tables."),
        most=limits.rows,
    )


@dataclass(frozen=True)
class _Piece:
    """Whole records, and where they end: the positions of the line feeds that end them."""

    content: bytes
    ends: np.ndarray
    quoted: np.ndarray | None
    """For each byte whether it stands in quotation marks; None where there are none."""


def _pieces(path: Path, header: CsvHeader, limits: Limits) -> Iterator[tuple[_Piece, int]]:
    line = 2
    rest = b""
    # Longer pieces of a wide table: each column of each piece has a cost of its own.
    size = PIECE * min(8, 1 + len(header.names) // 50)
    with path.open("rb") as file:
        position = file.seek(header.length)
        while True:
            block = file.read(size)
            position += len(block)
            content = rest + block
            if not block and content and not content.endswith(b"\n"):
                content += b"\n"
            at = np.frombuffer(content, dtype=np.uint8)
            quoted = None
            ends = np.flatnonzero(at == _NEWLINE)
            if b'"' in content:
                quoted = np.logical_xor.accumulate(at == _QUOTE)
                ends = ends[~quoted[ends]]
            used = int(ends[-1]) + 1 if len(ends) else 0
            lengths = np.diff(ends, prepend=-1)
            longest = int(np.argmax(lengths > limits.line_bytes)) if len(ends) else 0
            if len(ends) and lengths[longest] > limits.line_bytes:
                start = int(ends[longest]) - int(lengths[longest]) + 1
                _check_bytes(content[:start], first_line=line)
                raise _too_long(line + content.count(b"\n", 0, start), limits)
            if len(content) - used > limits.line_bytes:
                _check_bytes(content[:used], first_line=line)
                raise _unended(content[used:], line + content.count(b"\n", 0, used), limits)
            if not block and used < len(content):
                raise _unended(content[used:], line + content.count(b"\n", 0, used), limits)
            rest = content[used:]
            content = content[:used]
            if content:
                _check_bytes(content, first_line=line)
                line += content.count(b"\n")
                yield _Piece(content, ends, None if quoted is None else quoted[:used]), position
            if not block:
                return


def _unended(content: bytes, line: int, limits: Limits) -> TableRefused:
    first = content.split(b"\n", 1)[0]
    if first.count(b'"') % 2 == 0 or len(first) > limits.line_bytes:
        _check_bytes(content[: limits.line_bytes], first_line=line, cut=True)
        return _too_long(line, limits)
    return refused(
        "quotes",
        gettext_noop("Every quotation mark that opens must close; the one in line {line} does not"),
        hint=gettext_noop("Double a quotation mark that is part of the text, or leave it out."),
        line=line,
    )


def _too_long(line: int, limits: Limits) -> TableRefused:
    return refused(
        "line-too-long",
        gettext_noop("A line may be at most {most} bytes long; line {line} is longer"),
        hint=gettext_noop(
            "Check that each row of the table ends with a line break and holds no free text."
        ),
        line=line,
        most=limits.line_bytes,
    )


def _check_bytes(content: bytes, *, first_line: int, cut: bool = False) -> None:
    """Refuse what is not text in UTF-8; ``cut`` allows half a character at the end."""
    nul = content.find(b"\0")
    if nul >= 0:
        raise refused(
            "not-csv",
            gettext_noop("The file must be CSV or Parquet; line {line} holds binary data"),
            hint=_SAVE_AS_CSV,
            line=first_line + content.count(b"\n", 0, nul),
        )
    if content.isascii():
        return
    try:
        content.decode()
    except UnicodeDecodeError as error:
        if cut and error.start >= len(content) - 3:
            return
        start = content.rfind(b"\n", 0, error.start) + 1
        raise refused(
            "encoding",
            gettext_noop(
                "The file must be encoded in UTF-8; byte {position} of line {line} is {byte}"
            ),
            hint=gettext_noop("It may be Latin-1 or Windows-1252: save it again as 'CSV UTF-8'."),
            position=error.start - start + 1,
            line=first_line + content.count(b"\n", 0, error.start),
            byte=f"0x{content[error.start]:02X}",
        ) from error


def _separator(line: str) -> str:
    unquoted = "".join(line.split('"')[::2])
    counts = {mark: unquoted.count(mark) for mark in ",;\t|"}
    if not counts[","] and not counts[";"]:
        if counts["\t"] or counts["|"]:
            raise refused(
                "separator",
                gettext_noop("Columns must be separated by commas or semicolons; line 1 has none"),
                hint=gettext_noop("Save the file again with commas between the columns."),
            )
        return ","
    return ";" if counts[";"] > counts[","] else ","


class _Ragged:
    """Rows with more or fewer fields than the header has names."""

    def __init__(self, width: int, separator: str) -> None:
        self.width = width
        self.separator = separator
        self.count = 0
        self.rows: list[int] = []
        self.found: list[str] = []
        self.wider_by_commas = True

    def check(self, piece: _Piece, rows: np.ndarray, blank: np.ndarray) -> np.ndarray:
        """Which records have as many fields as the header; the others are remembered."""
        at = np.frombuffer(piece.content, dtype=np.uint8)
        separators = at == ord(self.separator)
        if piece.quoted is not None:
            separators &= ~piece.quoted
        before = np.searchsorted(np.flatnonzero(separators), piece.ends)
        fields = np.diff(before, prepend=0) + 1
        bad = (fields != self.width) & ~blank
        if bad.any():
            self.count += int(bad.sum())
            self.wider_by_commas &= bool((fields[bad] > self.width).all())
            room = SHOWN - len(self.rows)
            self.rows += rows[bad][:room].tolist()
            self.found += [str(number) for number in fields[bad][:room].tolist()]
        return ~bad & ~blank

    def problem(self) -> Problem:
        hint = gettext_noop("Put text that holds the separator in quotation marks.")
        if self.separator == "," and self.wider_by_commas:
            hint = gettext_noop(
                "If numbers are written with a decimal comma, save them with a decimal point; put "
                "text that holds a comma in quotation marks."
            )
        return Problem(
            "ragged",
            gettext_noop("Every row must have as many fields as the header ({width})"),
            {"width": self.width},
            rows=tuple(self.rows),
            found=tuple(self.found),
            count=self.count,
            hint=hint,
        )


def _frame(content: bytes, header: CsvHeader, rows: np.ndarray) -> pl.DataFrame:
    try:
        return pl.read_csv(
            io.BytesIO(content),
            has_header=False,
            separator=header.separator,
            infer_schema=False,
            new_columns=[f"column {index}" for index in range(len(header.names))],
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        row = _first_unreadable(content.splitlines(keepends=True), header, rows)
        raise refused(
            "quotes",
            gettext_noop(
                "Every row must be readable CSV; row {row} has a misplaced quotation mark"
            ),
            hint=gettext_noop("Double a quotation mark that is part of the text, or leave it out."),
            row=row,
        ) from error


def _first_unreadable(lines: list[bytes], header: CsvHeader, rows: np.ndarray) -> int:
    """The number of the first row with a mark where none may stand, by reading it strictly."""
    texts = (line.decode() for line in lines)
    reader = csv.reader(texts, delimiter=header.separator, strict=True)
    for row in rows.tolist():
        try:
            next(reader)
        except csv.Error:
            return int(row)
        except StopIteration:
            break
    return int(rows[0])
