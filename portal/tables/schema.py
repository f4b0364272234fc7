"""What a table must look like."""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass


class Kind(enum.Enum):
    """What a column holds."""

    IDENTIFIER = "identifier"  # text or integer; kept as text, so that 12 and "12" are the same
    NUMBER = "number"  # 64-bit float
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    CATEGORY = "category"  # text with few distinct values
    TEXT = "text"  # an extra column of text with many distinct values


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
    every_allowed: bool = False
    """Whether each allowed value must occur: an outcome that never differs cannot be evaluated."""
    examples: tuple[str, ...] = ()
    """Values for the example that shows how to prepare the table, where the kind gives none."""


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table, its key, and the table that its key columns refer to."""

    name: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Columns that are unique together; an absent optional column takes no part."""
    extra_columns: bool = False
    """Whether other columns are kept (subgroups, inputs of a model) or refused."""
    refers_to: str | None = None
    """Name of the table that must hold every value of the shared key columns."""
    refers_by: tuple[str, ...] = ()
    """The key columns that are shared with that table; none named: all of the key. To be named
    where an optional key column (the type of an event) is not one of the other table's."""
    alternative_to: str | None = None
    """Name of the table that this one is given instead of: exactly one of the two is needed."""

    def column(self, name: str) -> Column | None:
        """The declared column of that name; None for an extra one."""
        return next((column for column in self.columns if column.name == name), None)

    def key_among(self, names: Collection[str]) -> tuple[str, ...]:
        """The key columns that a file with these columns has."""
        return tuple(name for name in self.key if name in names)
