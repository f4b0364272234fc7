"""Pages of published studies: drawn from the frozen report alone, for everybody."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_GET, require_http_methods

from portal.accounts.people import signed_in
from portal.downloads import bibtex_file, csv_file, json_file
from portal.facets import filtered
from portal.htmx import wants_fragment
from portal.pagination import page_of, words_of
from portal.studies import presentation, publishing, tabular
from portal.studies.citation import bibtex, citation
from portal.studies.facets import publication_facets
from portal.studies.forms import NoticeForm
from portal.studies.models import Publication
from portal.studies.report import Report
from portal.studies.structured import publication_data
from portal.usecase import UseCase


def _publication(use_case: UseCase, slug: str) -> Publication:
    found = Publication.objects.of(use_case).select_related("study").prefetch_related("notices")
    return get_object_or_404(found, slug=slug)


def _report(publication: Publication) -> Report:
    return Report.model_validate_json(bytes(publication.content))


def _address(request: HttpRequest, publication: Publication) -> str:
    """Where it stays: the address without a language, whichever one it is read in."""
    with override(settings.LANGUAGE_CODE):
        return request.build_absolute_uri(publication.get_absolute_url())


@require_GET
def publication_list(request: HttpRequest) -> HttpResponse:
    """What has been published, in all use cases."""
    words = words_of(request)
    found = filtered(request, Publication.objects.matching(words), publication_facets())
    rows: Any = found.rows
    context = {
        "section": "published",
        "words": words,
        "found": found,
        "page": page_of(request, rows.newest(), total=found.total),
    }
    return render(request, "studies/publication_list.html", context)


@require_GET
def publication_detail(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """What a published study found."""
    publication = _publication(use_case, slug)
    report = _report(publication)
    address = _address(request, publication)
    context: dict[str, Any] = {
        "use_case": use_case,
        "section": "studies",
        "publication": publication,
        "citation": citation(publication, report, address),
        "bibtex": bibtex(publication, report, address),
        "structured": publication_data(publication, report, request.build_absolute_uri),
        "may_manage": publication.study.is_coordinated_by(request.user),
        **presentation.page_context(report, request.GET.get("measure")),
    }
    if wants_fragment(request):
        return render(request, "studies/_across.html", context)
    return render(request, use_case.templates("studies/publication.html"), context)


@require_GET
def publication_report(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """The report, byte for byte as it was published."""
    return json_file(slug, bytes(_publication(use_case, slug).content))


@require_GET
def publication_citation(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """The study as an entry for BibTeX."""
    publication = _publication(use_case, slug)
    entry = bibtex(publication, _report(publication), _address(request, publication))
    return bibtex_file(slug, entry)


@require_GET
def publication_estimates(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """Every estimate of every cell, as CSV."""
    report = _report(_publication(use_case, slug))
    rows = tabular.estimate_rows(report)
    return csv_file(f"{slug}-estimates", tabular.ESTIMATE_HEAD, rows)


@require_GET
def publication_pooled(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """Every pooled estimate, as CSV."""
    report = _report(_publication(use_case, slug))
    rows = tabular.pooled_rows(report)
    return csv_file(f"{slug}-pooled", tabular.POOLED_HEAD, rows)


@login_required
@require_http_methods(["GET", "POST"])
def publication_notice(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """Add a correction or a retraction, which stands above the publication from then on."""
    publication = _publication(use_case, slug)
    if not publication.study.is_coordinated_by(request.user):
        raise PermissionDenied
    form = NoticeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        publishing.add_notice(publication=publication, by=signed_in(request), **form.cleaned_data)
        messages.success(request, _("The notice stands above the publication."))
        return redirect(publication)
    context = {
        "use_case": use_case,
        "section": "studies",
        "publication": publication,
        "form": form,
    }
    return render(request, use_case.templates("studies/publication_notice.html"), context)
