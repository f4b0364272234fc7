"""The whole catalogue, page by page, for the catalogues that harvest it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Max
from django.utils import timezone
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, FOAF, RDF, XSD

from portal.audit.acts import Act
from portal.audit.models import Entry
from portal.catalogue.changes import DatasetChange
from portal.catalogue.dcat import export, terms
from portal.catalogue.dcat.terms import DCAT, DCATAP, ELI, HYDRA
from portal.catalogue.models import Dataset

PER_PAGE = 20
"""A dataset with 2,000 variables has some 15,000 statements: what is written of a page is kept in
memory until it is sent."""

TITLE = "The SHAIPED catalogue of health data"
DESCRIPTION = (
    "Datasets of the partners of SHAIPED, a European consortium that prepares access to health "
    "data for AI medical devices, and their clinical validation across countries."
)


def public_datasets() -> Any:
    """What everybody may read, in an order that stays as datasets are added."""
    return Dataset.objects.visible_to(AnonymousUser()).order_by("pk")


def asked_page(asked: str, pages: int) -> int | None:
    """The number of the page that the address asks for; None where there is no such page."""
    if not re.fullmatch(r"[1-9][0-9]{0,6}", asked or "1"):
        return None
    number = int(asked or "1")
    return number if number <= pages else None


def pages_of(total: int) -> int:
    """How many pages ``total`` datasets fill; an empty catalogue has one."""
    return max(1, math.ceil(total / PER_PAGE))


def catalogue_pages(number: int, total: int, address: str) -> Iterator[Graph]:
    """The graphs of one page: the catalogue, then each of its datasets.

    Parameters
    ----------
    number
        Of the page, from 1.
    total
        Public datasets there are.
    address
        Of the catalogue in the format that was asked for, without a page.
    """
    first = PER_PAGE * (number - 1)
    datasets = list(export.for_export(public_datasets())[first : first + PER_PAGE])
    yield _catalogue(datasets, number, total, address)
    around = export.surroundings_of(datasets)
    for dataset in datasets:
        yield export.dataset_graph(dataset, around)


def _catalogue(datasets: list[Dataset], number: int, total: int, address: str) -> Graph:
    graph = terms.empty_graph()
    node = URIRef(export.site_address("catalogue"))
    for what, value in (
        (RDF.type, DCAT.Catalog),
        (RDF.type, HYDRA.Collection),
        (DCTERMS.title, Literal(TITLE, lang=export.LANGUAGE)),
        (DCTERMS.description, Literal(DESCRIPTION, lang=export.LANGUAGE)),
        (DCTERMS.publisher, export.say_consortium(graph)),
        (DCATAP.applicableLegislation, terms.EHDS_REGULATION),
        (FOAF.homepage, URIRef(export.site_address("all-dataset-list"))),
        (HYDRA.totalItems, Literal(str(total), datatype=XSD.integer)),
        (HYDRA.view, URIRef(page_address(address, number))),
    ):
        graph.add((node, what, value))
    graph.add((terms.EHDS_REGULATION, RDF.type, ELI.LegalResource))
    graph.add((URIRef(export.site_address("all-dataset-list")), RDF.type, FOAF.Document))
    for dataset in datasets:
        place = URIRef(export.address_of(dataset))
        graph.add((node, DCAT.dataset, place))
        graph.add((node, HYDRA.member, place))
    view = URIRef(page_address(address, number))
    graph.add((view, RDF.type, HYDRA.PartialCollectionView))
    for relation, other in neighbours(number, pages_of(total)).items():
        graph.add((view, HYDRA[relation], URIRef(page_address(address, other))))
    return graph


def neighbours(number: int, pages: int) -> dict[str, int]:
    """The pages that one goes to from page ``number``, by their relation to it."""
    found = {"first": 1, "last": pages}
    if number > 1:
        found["previous"] = number - 1
    if number < pages:
        found["next"] = number + 1
    return found


def page_address(address: str, number: int) -> str:
    """Where a page of the catalogue is."""
    return f"{address}?page={number}"


def last_change(dataset: Dataset | None = None) -> datetime:
    """When anything last changed that the graph of ``dataset``, or of any dataset, says.

    What is no longer public counts too, and so does what an organisation is called.
    """
    from portal.studies.models import Notice, Publication

    changes = DatasetChange.objects.all()
    rows = Dataset.objects.all()
    if dataset is not None:
        changes, rows = changes.filter(dataset=dataset), rows.filter(pk=dataset.pk)
        if dataset.previous_version_id:
            others = DatasetChange.objects.filter(dataset=dataset.previous_version_id)
            changes = changes | others
    organisations = Entry.objects.filter(
        verb__in=(Act.ORGANISATION_ADDED, Act.ORGANISATION_CHANGED, Act.ORGANISATION_DELETED)
    ).order_by("-id")
    times = [
        changes.aggregate(at=Max("at"))["at"],
        rows.aggregate(at=Max("modified"))["at"],
        Publication.objects.aggregate(at=Max("published_at"))["at"],
        Notice.objects.aggregate(at=Max("created_at"))["at"],
        organisations.values_list("at", flat=True).first(),
    ]
    return max((time for time in times if time is not None), default=timezone.now())
