"""How to prepare a table, told from its schema alone: columns, what each may hold, an example."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from portal.catalogue.presentation import kind_words
from portal.showcase.numbers import number, significant
from portal.tables import Column, Kind, TableSchema

if TYPE_CHECKING:
    from portal.usecase import Task

ROWS = 2
"""Of an example."""
FIRST_DAY = date(2024, 1, 15)
SHARES = (0.12, 0.35)
"""Where in its range a number lies, in each row of an example."""


@dataclass(frozen=True)
class PreparedColumn:
    """A column in the words of whoever fills it."""

    name: str
    label: str
    kind: str
    unit: str
    rules: list[str]
    is_optional: bool


@dataclass(frozen=True)
class PreparedTable:
    """A table of a task, and what a file of it looks like."""

    name: str
    title: str
    columns: list[PreparedColumn]
    key: list[str]
    refers_to: str
    """Title of the table that holds its identifiers; "" for none."""
    instead_of: str
    """Title of the table that it is given instead of; "" for none."""
    takes_more: bool
    is_from_model: bool
    example: str
    """A CSV file of two rows."""


def prepared_tables(task: Task) -> list[PreparedTable]:
    """Each table of ``task``; those that the holder provides first."""
    ordered = [*task.reference_tables, *task.output_tables]
    titles = {schema.name: _(schema.title) for schema in task.tables}
    return [
        PreparedTable(
            name=schema.name,
            title=titles[schema.name],
            columns=[_column(column) for column in schema.columns],
            key=_key(schema),
            refers_to=titles.get(schema.refers_to or "", ""),
            instead_of=titles.get(schema.alternative_to or "", ""),
            takes_more=schema.extra_columns,
            is_from_model=schema in task.output_tables,
            example=example(schema),
        )
        for schema in ordered
    ]


def _key(schema: TableSchema) -> list[str]:
    """The columns that are unique together, in words where one may be missing."""
    columns = [column for name in schema.key if (column := schema.column(name))]
    return [
        column.name if column.required else _("{column} (if given)").format(column=column.name)
        for column in columns
    ]


def _column(column: Column) -> PreparedColumn:
    return PreparedColumn(
        name=column.name,
        label=_(column.label),
        kind=kind_words(column.kind),
        unit=_(column.unit) if column.unit else "",
        rules=_rules(column),
        is_optional=not column.required,
    )


def _rules(column: Column) -> list[str]:
    """What the site checks of each value."""
    rules = []
    low, high = column.minimum, column.maximum
    if column.allowed:
        values = ", ".join(str(value) for value in column.allowed)
        wording = _("each of {values} occurs") if column.every_allowed else _("one of {values}")
        rules.append(wording.format(values=values))
    if low is not None and high is not None:
        rules.append(_("{low} to {high}").format(low=significant(low), high=significant(high)))
    elif low is not None:
        wording = _("more than {low}") if column.exclusive_minimum else _("{low} or more")
        rules.append(wording.format(low=number(low)))
    elif high is not None:
        rules.append(_("{high} or less").format(high=significant(high)))
    if column.nullable:
        rules.append(_("may be empty"))
    return rules


def example(schema: TableSchema) -> str:
    """A file that the site accepts: the declared columns, two rows."""
    lines = [",".join(column.name for column in schema.columns)]
    for row in range(ROWS):
        cells = [_cell(column, row, position) for position, column in enumerate(schema.columns)]
        lines.append(",".join(cells))
    return "\n".join(lines)


def _cell(column: Column, row: int, position: int) -> str:
    """A value that the column may hold; another in each row."""
    if column.examples:
        return column.examples[row % len(column.examples)]
    if column.allowed:
        return str(column.allowed[row % len(column.allowed)])
    match column.kind:
        case Kind.IDENTIFIER:
            return f"{column.name[0].upper()}{row + 1:03}"
        case Kind.NUMBER:
            return f"{_between(column, row):g}"
        case Kind.INTEGER:
            return f"{_between(column, row):.0f}"
        case Kind.BOOLEAN:
            return ("false", "true")[row % 2]
        case Kind.DATE:
            return (FIRST_DAY + timedelta(days=90 * position + 7 * row)).isoformat()
        case _:
            return ("A", "B")[row % 2]


def _between(column: Column, row: int) -> float:
    """Within the range of the column; without an end, a few units from the other."""
    low = column.minimum if column.minimum is not None else (column.maximum or 0) - 10
    if column.minimum is None and column.maximum is None:
        low = 0
    high = column.maximum if column.maximum is not None else low + 10
    return round(low + SHARES[row % ROWS] * (high - low), 2)
