"""What the catalogue can be filtered by: the shared metadata, and each use case's own profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.fields import ArrayField, RangeField
from django.db import models
from django.db.backends.postgresql.psycopg_any import NumericRange
from django.db.models import Case, F, Func, Q, TextField, Value, When
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.catalogue.profiles import Band, DatasetProfile, profile_model
from portal.catalogue.vocabulary import AccessRights, HealthCategory
from portal.facets import Facet, of_choices, of_use_case
from portal.facts import accessor, label_of
from portal.organisations.countries import COUNTRIES
from portal.usecase import UseCase

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

SORTS: Mapping[str, tuple[str | StrPromise, Sequence[Any]]] = {
    "title": (_("Title"), ("title", "id")),
    "newest": (_("Newest change"), ("-modified", "-id")),
    "people": (
        _("Most people"),
        (F("number_of_unique_individuals").desc(nulls_last=True), "title", "id"),
    ),
}
"""How the catalogue can be sorted: in the address, in words, in the database."""
RELEVANCE: Mapping[str, tuple[str | StrPromise, Sequence[Any]]] = {
    "relevance": (_("Relevance"), ("-rank", "title", "id"))
}
"""Of what was searched for by words."""


def sorts_for(words: str) -> Mapping[str, tuple[str | StrPromise, Sequence[Any]]]:
    """How a list can be sorted that was searched for ``words``: the first is taken unasked."""
    return {**RELEVANCE, **SORTS} if words else SORTS


def dataset_facets(use_case: UseCase | None) -> list[Facet]:
    """The facets of a use case's datasets, its own first; those that all share for None."""
    own: list[Facet] = []
    if use_case is None:
        own = [of_use_case()]
    elif model := profile_model(use_case):
        own = [_of_field(model, name) for name in model.facets]
    return [
        *own,
        of_choices("country", _("Country"), "spatial", COUNTRIES),
        Facet(
            "holder",
            pgettext_lazy("of data", "Holder"),
            F("organisation__name"),
            lambda values: Q(organisation__name__in=values),
        ),
        of_choices("access", _("Access"), "access_rights", AccessRights.choices),
        of_choices("category", _("Health category"), "health_category", HealthCategory.choices),
    ]


def _any_of(path: str, many: bool) -> Any:
    lookup = f"{path}__{'overlap' if many else 'in'}"
    return lambda values: Q(**{lookup: list(values)})


def _of_field(model: type[DatasetProfile], name: str) -> Facet:
    """A facet of a profile's field; what it is, the field says."""
    field: Any = model._meta.get_field(name)
    path = f"{accessor(model)}__{name}"
    title = label_of(field)
    if name in model.bands:
        return _of_bands(name, title, path, field, model.bands[name])
    if isinstance(field, models.BooleanField):
        is_true = {"yes": True, "no": False}
        return Facet(
            name,
            title,
            Case(*(When(**{path: truth}, then=Value(word)) for word, truth in is_true.items())),
            lambda values: Q(**{f"{path}__in": [is_true[value] for value in values]}),
            labels={"yes": _("Yes"), "no": _("No")},
        )
    many = isinstance(field, ArrayField)
    choices = (field.base_field if many else field).choices
    return Facet(
        name,
        title,
        F(path),
        _any_of(path, many),
        labels=dict(choices) if choices else None,
        many=many,
    )


def _of_bands(name: str, title: str, path: str, field: Any, bands: Sequence[Band]) -> Facet:
    """A facet of stretches of numbers; a range belongs to each stretch that it touches."""
    within = {band.key: _within(path, band, isinstance(field, RangeField)) for band in bands}

    def condition(values: Sequence[str]) -> Q:
        found = Q()
        for value in values:
            found |= within[value]
        return found

    keys = [Case(When(inside, then=Value(key))) for key, inside in within.items()]
    return Facet(
        name,
        title,
        Func(*keys, template="ARRAY[%(expressions)s]", output_field=ArrayField(TextField())),
        condition,
        labels={band.key: band.label for band in bands},
        many=True,
    )


def _within(path: str, band: Band, is_range: bool) -> Q:
    if is_range:
        return Q(**{f"{path}__overlap": NumericRange(band.low, band.high, "[)")})
    ends = {f"{path}__gte": band.low, f"{path}__lt": band.high}
    return Q(**{lookup: end for lookup, end in ends.items() if end is not None})
