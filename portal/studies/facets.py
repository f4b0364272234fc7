"""What the published studies of all use cases can be filtered by."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, Q, TextField
from django.utils.translation import gettext_lazy as _

from portal.facets import Facet, of_use_case
from portal.organisations.countries import COUNTRIES


def _in_countries(codes: Sequence[str]) -> Q:
    return Q(summary__countries__has_any_keys=list(codes))


def publication_facets() -> list[Facet]:
    """The use case, and the countries whose data were evaluated."""
    countries = Func(
        F("summary"),
        template="ARRAY(SELECT jsonb_array_elements_text(%(expressions)s -> 'countries'))",
        output_field=ArrayField(TextField()),
    )
    return [
        of_use_case(),
        Facet(
            "country",
            _("Country"),
            countries,
            _in_countries,
            labels=dict(COUNTRIES),
            many=True,
        ),
    ]
