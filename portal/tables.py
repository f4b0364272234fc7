"""Tables: what a schema asks for, and reading a file against it. No Django."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl


class Kind(enum.Enum):
    """What a column holds."""

    IDENTIFIER = "identifier"  # text or integer; kept as text
    NUMBER = "number"  # 64-bit float
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    CATEGORY = "category"  # text with few distinct values


@dataclass(frozen=True)
class Column:
    """A column that a schema names."""

    name: str
    kind: Kind
    label: str
    unit: str = ""
    required: bool = True
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    allowed: tuple[int | str, ...] = ()


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table, its key, and the table that its first key column refers to."""

    name: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Columns that are unique together; an absent optional column takes no part."""
    extra_columns: bool = False
    """Whether other columns are kept (subgroups, inputs of a model) or refused."""
    refers_to: str | None = None
    """Name of the table that must hold every value of the shared key columns."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a table: the column, the first rows, what was expected and found."""

    expected: str
    found: str
    column: str | None = None
    rows: tuple[int, ...] = ()
    """The first ten, counted from 1 after the header."""
    count: int = 0

    def __str__(self) -> str:
        raise NotImplementedError


class TableRefused(Exception):
    """A file is not the table it should be; carries every problem at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class LoadedTable:
    """A validated table in memory, and the SHA-256 of the file it came from."""

    frame: pl.DataFrame
    sha256: str


def read_table(path: Path, schema: TableSchema) -> LoadedTable:
    """Read a CSV or Parquet file and check it against ``schema``."""
    raise NotImplementedError
