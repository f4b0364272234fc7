"""A published study in the words of schema.org, for those who index data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from portal.organisations.countries import country_name
from portal.showcase.structured import CONTEXT, organisation_named
from portal.studies.citation import authors

if TYPE_CHECKING:
    from portal.studies.models import Publication
    from portal.studies.report import Report


def publication_data(
    publication: Publication, report: Report, absolute: Callable[[str], str]
) -> dict[str, Any]:
    """The study as a Dataset: its aggregates are what is published.

    Parameters
    ----------
    absolute
        Makes a whole address of a path.
    """
    where = {"use_case": publication.declared, "slug": publication.slug}
    files = (
        ("publication-report", "application/json"),
        ("publication-estimates", "text/csv"),
        ("publication-pooled", "text/csv"),
    )
    countries = dict.fromkeys(site.country for site in report.sites)
    data: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "Dataset",
        "name": report.title,
        "description": " ".join([report.question, report.finding.title]),
        "url": absolute(publication.get_absolute_url()),
        "identifier": f"sha256:{publication.sha256}",
        "datePublished": publication.published_at.date().isoformat(),
        "isAccessibleForFree": True,
        "creator": [organisation_named(name) for name in authors(report)],
        "measurementTechnique": report.task_title,
        "variableMeasured": [measure.label for measure in report.measures],
        "spatialCoverage": [country_name(code) for code in countries],
        "distribution": [
            {
                "@type": "DataDownload",
                "encodingFormat": kind,
                "contentUrl": absolute(reverse(name, kwargs=where)),
            }
            for name, kind in files
        ],
    }
    if publication.is_retracted:
        data["creativeWorkStatus"] = "Retracted"
    return data
