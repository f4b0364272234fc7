"""What a stored table holds, column by column, as the dataset's page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.showcase.numbers import coordinate, number
from portal.tables import Kind

if TYPE_CHECKING:
    from portal.catalogue.models import Table, Variable
    from portal.tables import TableSchema

MOST_VALUES = 6
"""Categories that are listed before the rest is only counted."""

BAR = 24.0
"""Height of the tallest bar of a histogram, in pixels."""


@dataclass(frozen=True)
class Bar:
    """One bin of a histogram, as attributes of SVG."""

    x: str
    y: str
    width: str
    height: str
    hidden: bool


@dataclass(frozen=True)
class ShownColumn:
    """One column of a table: what it means and how its values are spread."""

    name: str
    label: str
    kind: str
    unit: str
    missing: str
    summary: str
    values: list[tuple[str, str]]
    """The commonest values and how often each occurs."""
    bars: list[Bar]


def shown_columns(
    table: Table, schema: TableSchema, dictionary: Mapping[str, Variable]
) -> list[ShownColumn]:
    """The columns of a stored table, from the profile that was made when it arrived.

    Parameters
    ----------
    dictionary
        The dataset's variables by name: words for the columns that the schema does not declare.
    """
    return [_shown(column, schema, dictionary) for column in table.profile.get("columns", [])]


def _shown(
    column: dict[str, Any], schema: TableSchema, dictionary: Mapping[str, Variable]
) -> ShownColumn:
    declared = schema.column(column["name"])
    variable = dictionary.get(column["name"])
    label, unit = (variable.label, variable.unit) if variable else ("", "")
    if declared is not None:
        label, unit = _(declared.label), _(declared.unit) if declared.unit else ""
    summary, values = _summary(column)
    return ShownColumn(
        name=column["name"],
        label=label,
        kind=kind_words(Kind(column["kind"])),
        unit=unit,
        missing=_count(column["missing"]),
        summary=summary,
        values=values,
        bars=_bars(column.get("counts", [])),
    )


def kind_words(kind: Kind) -> str:
    """What a column holds, in words."""
    return {
        Kind.IDENTIFIER: _("identifier"),
        Kind.NUMBER: _("number"),
        Kind.INTEGER: _("whole number"),
        Kind.BOOLEAN: _("yes or no"),
        Kind.DATE: _("date"),
        Kind.CATEGORY: _("category"),
        Kind.TEXT: _("text"),
    }[kind]


def _count(value: int | None) -> str:
    return _("hidden") if value is None else number(value)


def _summary(column: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    if "values" in column:
        found = column["values"]
        shown = [(str(value["value"]), _count(value["count"])) for value in found[:MOST_VALUES]]
        parts = []
        if more := len(found) - len(shown):
            parts.append(ngettext("%(n)d more value", "%(n)d more values", more) % {"n": more})
        if column.get("rare"):
            parts.append(_("rare values are not named"))
        return "; ".join(parts), shown
    if "distinct" in column:
        if column["distinct"] is None:
            return "", []
        return _("%(n)s different") % {"n": number(column["distinct"])}, []
    quantiles = {entry["at"]: f"{entry['value']:g}" for entry in column.get("quantiles", [])}
    if 0.25 in quantiles and 0.75 in quantiles:
        words = _("median %(median)s; half lie between %(low)s and %(high)s") % {
            "median": quantiles[0.5],
            "low": quantiles[0.25],
            "high": quantiles[0.75],
        }
        return words, []
    return "", []


def _bars(counts: list[int | None]) -> list[Bar]:
    most = max((count for count in counts if count), default=0)
    if not most:
        return []
    step = 100 / len(counts)
    bars = []
    for place, count in enumerate(counts):
        height = 2.0 if count is None else BAR * count / most
        bars.append(
            Bar(
                x=f"{coordinate(place * step)}%",
                y=coordinate(BAR - height),
                width=f"{coordinate(step * 0.86)}%",
                height=coordinate(height),
                hidden=count is None,
            )
        )
    return bars
