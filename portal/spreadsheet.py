"""Rows as CSV, for spreadsheets: safe to open, whoever wrote the cells."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a formula begins, or what a spreadsheet drops before it looks for one."""


def csv_cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula, whatever a person named a thing."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


class _Line:
    """What csv writes to: hands each line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(header: Iterable[Any], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """The lines of the file, one by one, so that a long one needs no memory."""
    writer = csv.writer(_Line())
    yield writer.writerow([csv_cell(cell) for cell in header])
    for row in rows:
        yield writer.writerow([csv_cell(cell) for cell in row])
