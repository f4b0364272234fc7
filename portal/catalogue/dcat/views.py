"""Addresses that programs read: a dataset and the whole catalogue, in each format."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_safe

from portal.catalogue.dcat import export, harvesting
from portal.catalogue.dcat.answers import graphs_answer, negotiated, wanted_format
from portal.catalogue.dcat.writing import FORMATS, Format
from portal.catalogue.models import Dataset
from portal.usecase import UseCase


@require_safe
def dataset_graph(request: HttpRequest, use_case: UseCase, slug: str, ending: str) -> HttpResponse:
    """A public dataset in one format."""
    public = export.for_export(harvesting.public_datasets().of(use_case))
    return dataset_answer(request, get_object_or_404(public, slug=slug), FORMATS[ending])


def dataset_answer(request: HttpRequest, dataset: Dataset, written: Format) -> HttpResponse:
    """The graph of a public dataset (see :func:`~portal.catalogue.dcat.export.for_export`)."""
    address = export.address_of(dataset)
    return graphs_answer(
        request,
        iter([export.dataset_graph(dataset)]),
        written,
        harvesting.last_change(dataset),
        links=[
            f'<{address}>; rel="canonical"; type="text/html"',
            *(f'<{each.address}>; rel="alternate"; type="{each.media_type}"'
              for each in alternates(address.rstrip("/")) if each.media_type != written.media_type),
        ],
    )  # fmt: skip


class Alternate:
    """The same thing in another format."""

    def __init__(self, address: str, written: Format) -> None:
        self.address = f"{address}.{written.ending}"
        self.media_type = written.media_type
        self.label = written.label


def alternates(address: str) -> list[Alternate]:
    """Every format of what is at ``address``."""
    return [Alternate(address, written) for written in FORMATS.values()]


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """The catalogue's own address: its list for people, its first page for programs."""
    written = wanted_format(request)
    if written is None:
        return negotiated(redirect("all-dataset-list"))
    return negotiated(_page(request, written))


@require_safe
def catalogue_graph(request: HttpRequest, ending: str) -> HttpResponse:
    """A page of all public datasets in one format."""
    return _page(request, FORMATS[ending])


def _page(request: HttpRequest, written: Format) -> HttpResponse:
    total = harvesting.public_datasets().count()
    pages = harvesting.pages_of(total)
    number = harvesting.asked_page(request.GET.get("page", ""), pages)
    if number is None:
        raise Http404("The catalogue has no such page.")
    address = export.site_address("catalogue-graph", ending=written.ending)
    relations = {"previous": "prev"}
    return graphs_answer(
        request,
        harvesting.catalogue_pages(number, total, address),
        written,
        harvesting.last_change(),
        links=[
            f'<{harvesting.page_address(address, other)}>; rel="{relations.get(name, name)}"'
            for name, other in harvesting.neighbours(number, pages).items()
        ],
    )
