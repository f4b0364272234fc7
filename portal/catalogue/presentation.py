"""What a dataset's page shows: what is stated about it, and its tables column by column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.facts import Fact, in_words, label_of
from portal.showcase.numbers import coordinate, number
from portal.tables import Kind

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User
    from portal.catalogue.models import Dataset, Table, Variable
    from portal.tables import TableSchema

STATED = (
    "alternative",
    "dataset_type",
    "health_theme",
    "population_coverage",
    "temporal_resolution",
    "accrual_periodicity",
    "personal_data_categories",
    "purpose",
    "coding_systems",
    "code_values",
    "conforms_to",
    "languages",
)
"""What HealthDCAT-AP adds, in the order in which the page shows it where it is stated."""

LINKS = (
    "landing_page",
    "documentation",
    "analytics",
    "sample",
    "quality_certificate",
    "publications",
    "sources",
    "relations",
)

MOST_OF_A_SERIES = 20

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


def stated_facts(dataset: Dataset) -> list[Fact]:
    """What HealthDCAT-AP adds to the description, where it is stated."""
    found = [_stated(dataset, name) for name in STATED]
    ages = (dataset.min_typical_age, dataset.max_typical_age)
    if any(age is not None for age in ages):
        found.insert(4, Fact("ages", _("Typical ages"), _between(*ages)))
    if dataset.retention_start or dataset.retention_end:
        days = [
            date_format(day, "DATE_FORMAT") if day else None
            for day in (dataset.retention_start, dataset.retention_end)
        ]
        found.append(Fact("kept", _("Kept"), _between(*days)))
    if not dataset.has_structured_data:
        found.append(Fact("structured", _("Structured"), _("no")))
    return [fact for fact in found if fact.text]


def _stated(dataset: Dataset, name: str) -> Fact:
    field: Any = dataset._meta.get_field(name)
    return Fact(name, label_of(field), in_words(field, getattr(dataset, name)))


def _between(low: object | None, high: object | None) -> str:
    if low is None:
        return _("up to %(high)s") % {"high": high}
    if high is None:
        return _("from %(low)s") % {"low": low}
    return _("%(low)s to %(high)s") % {"low": low, "high": high}


def stated_links(dataset: Dataset) -> list[tuple[str, list[str]]]:
    """Addresses elsewhere that tell more of the dataset, by what they are."""
    found = []
    for name in LINKS:
        value = getattr(dataset, name)
        if value:
            field: Any = dataset._meta.get_field(name)
            found.append((label_of(field), [value] if isinstance(value, str) else value))
    return found


def versions_of(dataset: Dataset, reader: User | AnonymousUser) -> dict[str, Any]:
    """The versions beside the dataset, and the others of its series, that ``reader`` may see."""
    visible = type(dataset).objects.visible_to(reader)
    series = visible.none()
    if dataset.series:
        same = visible.filter(series=dataset.series, organisation=dataset.organisation_id)
        series = same.exclude(pk=dataset.pk).order_by("-version_label", "-id")[:MOST_OF_A_SERIES]
    return {
        "previous": visible.filter(pk=dataset.previous_version_id).first()
        if dataset.previous_version_id
        else None,
        "next": list(visible.filter(previous_version=dataset).order_by("id")[:MOST_OF_A_SERIES]),
        "series": list(series),
    }


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
