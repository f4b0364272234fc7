"""Facets: what a list can be filtered by, how many rows each choice would show, and the address.

Within a facet several values widen the list, several facets narrow it. The counts of a facet
leave its own choice out: they say what one would see after ticking another value. All of them
come from one query over the rows that the person may see, so that nothing else is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, F, Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.usecase import use_cases

if TYPE_CHECKING:
    from django.db.models.expressions import Combinable
    from django.http import HttpRequest, QueryDict
    from django_stubs_ext import StrPromise

MOST_CHOSEN = 20
"""Values of one facet that an address may ask for."""
LISTED = 8
"""Values of a facet that are shown before the rest is folded away."""


@dataclass(frozen=True)
class Facet:
    """One property that a list can be filtered by."""

    key: str
    """Its name in the address."""
    title: str | StrPromise
    value: Combinable | QuerySet[Any, Any]
    """The property of a row, as text; or as a list of texts, of which each counts; or where the
    texts stand in rows of their own: a query of (key of the row, text), each pair once."""
    condition: Callable[[Sequence[str]], Q]
    """The rows that have any of the values."""
    labels: Mapping[str, str | StrPromise] | None = None
    """All values there can be, in their order, with their names; None: any text, the commonest
    first, under its own name."""
    many: bool = False
    """Whether ``value`` is a list."""


def of_choices(key: str, title: str | StrPromise, path: str, choices: Any) -> Facet:
    """A facet of a field that holds one of ``choices``."""
    return Facet(
        key,
        title,
        F(path),
        lambda values: Q(**{f"{path}__in": list(values)}),
        labels=dict(choices),
    )


def of_use_case() -> Facet:
    """The use case that a row belongs to."""
    choices = [(slug, gettext(found.short_title)) for slug, found in use_cases().items()]
    return of_choices("use_case", _("Use case"), "use_case", choices)


@dataclass(frozen=True)
class Option:
    """One value of a facet, as a checkbox shows it."""

    value: str
    label: str
    count: int
    is_chosen: bool
    id: str


@dataclass(frozen=True)
class ShownFacet:
    """A facet with the values that occur."""

    key: str
    title: str
    options: list[Option]
    more: list[Option]
    """The rest of a long list."""

    @property
    def is_chosen(self) -> bool:
        return any(option.is_chosen for option in (*self.options, *self.more))


@dataclass(frozen=True)
class Chip:
    """A choice that is in force, and the address without it."""

    title: str
    label: str
    url: str


@dataclass(frozen=True)
class Filtered:
    """A list that was filtered, and what stands beside it."""

    rows: QuerySet[Any]
    facets: list[ShownFacet]
    chips: list[Chip]
    total: int
    """How many rows there are."""
    without_chips: str = field(default="?")
    """The address without any choice."""


def chosen_values(query: QueryDict, facets: Iterable[Facet]) -> dict[str, list[str]]:
    """The values that the address asks for; what a facet cannot have is left out."""
    chosen = {}
    for facet in facets:
        asked = dict.fromkeys(query.getlist(facet.key)[:MOST_CHOSEN])
        values = [
            value[:100]
            for value in asked
            if value and "\x00" not in value and (facet.labels is None or value in facet.labels)
        ]
        if values:
            chosen[facet.key] = values
    return chosen


def filtered(request: HttpRequest, rows: QuerySet[Any], facets: Sequence[Facet]) -> Filtered:
    """``rows`` as the address filters them, with every facet's values and counts."""
    chosen = chosen_values(request.GET, facets)
    counts, total = count(rows, facets, chosen)
    shown = [
        shown_facet(facet, counts.get(facet.key, {}), chosen.get(facet.key, [])) for facet in facets
    ]
    chips = [
        Chip(facet.title, option.label, _without(request.GET, facet.key, option.value))
        for facet in shown
        for option in (*facet.options, *facet.more)
        if option.is_chosen
    ]
    rows = _narrowed(rows, facets, chosen)
    kept = request.GET.copy()
    for name in [*chosen, "page"]:
        kept.pop(name, None)
    return Filtered(
        rows, [facet for facet in shown if facet.options], chips, total, f"?{kept.urlencode()}"
    )


def narrowed(query: QueryDict, rows: QuerySet[Any], facets: Sequence[Facet]) -> QuerySet[Any]:
    """``rows`` as ``query`` filters them, without any counts."""
    return _narrowed(rows, facets, chosen_values(query, facets))


def _narrowed(
    rows: QuerySet[Any], facets: Iterable[Facet], chosen: Mapping[str, Sequence[str]]
) -> QuerySet[Any]:
    for facet in facets:
        if facet.key in chosen:
            rows = rows.filter(facet.condition(chosen[facet.key]))
    return rows


def shown_facet(facet: Facet, counts: Mapping[str, int], chosen: Sequence[str]) -> ShownFacet:
    """The values of a facet in the order in which they are read."""
    if facet.labels is not None:
        values = [value for value in facet.labels if counts.get(value) or value in chosen]
    else:
        found = {*counts, *chosen}
        values = sorted(found, key=lambda value: (-counts.get(value, 0), value.casefold()))
    options = [
        Option(
            value,
            str(facet.labels[value]) if facet.labels is not None else value,
            counts.get(value, 0),
            value in chosen,
            f"facet-{facet.key}-{number}",
        )
        for number, value in enumerate(values)
    ]
    first = [option for number, option in enumerate(options) if number < LISTED or option.is_chosen]
    rest = [option for option in options if option not in first]
    if len(rest) == 1:  # a fold for a single line saves nothing
        first, rest = options, []
    return ShownFacet(facet.key, str(facet.title), first, rest)


def count(
    rows: QuerySet[Any], facets: Sequence[Facet], chosen: Mapping[str, Sequence[str]]
) -> tuple[dict[str, dict[str, int]], int]:
    """How many of ``rows`` have each value of each facet, given the choices in the others.

    Returns
    -------
    counts : dict
        Facet -> value -> rows; values of no row are left out.
    total : int
        The rows that all the choices leave.
    """
    values = {
        f"value_{number}": facet.value
        for number, facet in enumerate(facets)
        if not isinstance(facet.value, QuerySet)
    }
    passes = {
        f"passes_{number}": ExpressionWrapper(
            facet.condition(chosen[facet.key]), output_field=BooleanField()
        )
        for number, facet in enumerate(facets)
        if facet.key in chosen
    }
    named = rows.order_by().annotate(row_key=F("pk"), **values, **passes)
    counts: dict[str, dict[str, int]] = {facet.key: {} for facet in facets}
    try:
        sql, params = named.values_list("row_key", *values, *passes).query.sql_with_params()
    except EmptyResultSet:  # of somebody who sees nothing
        return counts, 0
    parts = [f"SELECT -1, NULL, count(*) FROM seen{_where(passes)}"]  # noqa: S608 - our own names
    for number, facet in enumerate(facets):
        others = [name for name in passes if name != f"passes_{number}"]
        source, value = "seen", f"value_{number}"
        if isinstance(facet.value, QuerySet):
            pairs, more = facet.value.query.sql_with_params()
            source, value = f"seen JOIN ({pairs}) AS pair (row_key, one) USING (row_key)", "one"
            params += more
        elif facet.many:
            source, value = f"seen, unnest(value_{number}) AS one", "one"
        parts.append(
            f"SELECT {number}, {value}, count(*) FROM {source}{_where(others)} GROUP BY {value}"  # noqa: S608
        )
    # Read once, counted many times: what one may see is worked out a single time.
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH seen AS MATERIALIZED ({sql}) {' UNION ALL '.join(parts)}",
            params,
        )
        found = cursor.fetchall()
    total = 0
    for number, value, rows_with_it in found:
        if number < 0:
            total = rows_with_it
        elif value not in (None, ""):
            counts[facets[number].key][value] = rows_with_it
    return counts, total


def _where(conditions: Iterable[str]) -> str:
    joined = " AND ".join(conditions)
    return f" WHERE {joined}" if joined else ""


def _without(query: QueryDict, key: str, value: str) -> str:
    """The address without one value of a facet, on the first page."""
    kept = query.copy()
    kept.setlist(key, [other for other in kept.getlist(key) if other[:100] != value])
    kept.pop("page", None)
    return f"?{kept.urlencode()}"
