"""Pages of published studies: drawn from the frozen report alone, for everybody."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from portal.accounts.people import signed_in
from portal.downloads import csv_file, json_file
from portal.htmx import wants_fragment
from portal.studies import presentation, publishing, tabular
from portal.studies.forms import NoticeForm
from portal.studies.models import Publication
from portal.studies.report import Report
from portal.usecase import UseCase


def _publication(use_case: UseCase, slug: str) -> Publication:
    found = Publication.objects.of(use_case).select_related("study").prefetch_related("notices")
    return get_object_or_404(found, slug=slug)


def _report(publication: Publication) -> Report:
    return Report.model_validate_json(bytes(publication.content))


@require_GET
def publication_detail(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """What a published study found."""
    publication = _publication(use_case, slug)
    report = _report(publication)
    context: dict[str, Any] = {
        "use_case": use_case,
        "section": "studies",
        "publication": publication,
        "address": request.build_absolute_uri(publication.get_absolute_url()),
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
