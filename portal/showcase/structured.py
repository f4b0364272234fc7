"""What pages say of themselves in the words of schema.org, as JSON-LD.

It is a block of data: the browser runs nothing of it, so the Content-Security-Policy needs no
exception for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from portal.catalogue.models import Dataset
    from portal.organisations.models import Organisation

CONTEXT = "https://schema.org"


def consortium_data(absolute: Callable[[str], str]) -> dict[str, Any]:
    """SHAIPED, as its own page describes it."""
    return {
        "@context": CONTEXT,
        "@type": "Organization",
        "name": "SHAIPED",
        "description": _(
            "A European consortium that prepares access to health data for AI medical devices, "
            "and their clinical validation across countries."
        ),
        "url": absolute(reverse("home")),
        "areaServed": _("European Union"),
    }


def organisation_named(name: str) -> dict[str, Any]:
    """An organisation of which the name alone is told."""
    return {"@type": "Organization", "name": name}


def organisation_data(organisation: Organisation, absolute: Callable[[str], str]) -> dict[str, Any]:
    """A partner, as everybody may know it."""
    return {
        **organisation_named(organisation.name),
        "@context": CONTEXT,
        "url": organisation.website or absolute(organisation.get_absolute_url()),
        "address": {"@type": "PostalAddress", "addressCountry": organisation.country},
    }


def dataset_data(dataset: Dataset, absolute: Callable[[str], str]) -> dict[str, Any]:
    """A dataset whose description is public: nothing that its public page does not say."""
    data: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "Dataset",
        "name": dataset.title,
        "description": dataset.description,
        "url": absolute(dataset.get_absolute_url()),
        "identifier": dataset.slug,
        "keywords": dataset.keyword,
        "creator": organisation_named(dataset.organisation.name),
        "spatialCoverage": dataset.country_name,
        "conditionsOfAccess": dataset.get_access_rights_display(),
        "dateModified": dataset.modified.date().isoformat(),
    }
    if dataset.temporal_start and dataset.temporal_end:
        ends = (dataset.temporal_start, dataset.temporal_end)
        data["temporalCoverage"] = "/".join(day.isoformat() for day in ends)
    return data
