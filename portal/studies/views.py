"""Pages of studies, for those who coordinate them, are invited to them and take part."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from portal.access.presentation import linked
from portal.accounts.people import signed_in
from portal.audit.middleware import is_of
from portal.downloads import csv_file, json_file
from portal.evaluations.models import Evaluation
from portal.evaluations.presentation import protocol_lines
from portal.htmx import wants_fragment
from portal.jobs.models import Status
from portal.organisations.acting import acting_for
from portal.organisations.models import Appointment, Organisation
from portal.organisations.roles import Duty
from portal.pagination import page_of
from portal.studies import actions, presentation, tabular
from portal.studies.actions import StudyRefused
from portal.studies.forms import MembersForm, StudyForm
from portal.studies.models import (
    Cell,
    Invitation,
    InvitationStatus,
    Publication,
    Study,
    StudyStatus,
)
from portal.studies.report import Report, report_of
from portal.usecase import Task, UseCase

Places = dict[tuple[str, str], Cell]
"""The cells, by the report's keys of model and site."""


@require_GET
def study_list(request: HttpRequest, use_case: UseCase) -> HttpResponse:
    """The studies that one may see, and those that are published for everybody."""
    seen = Study.objects.visible_to(request.user).of(use_case)
    shows_own = request.GET.get("show") != "published" and seen.exists()
    rows: Any = Publication.objects.of(use_case).newest()
    if shows_own:
        rows = seen.for_list()
    user = request.user
    context = {
        "use_case": use_case,
        "section": "studies",
        "page": page_of(request, rows),
        "shows_own": shows_own,
        "has_own": shows_own or seen.exists(),
        "waiting": list(Invitation.objects.waiting_for(user).filter(study__use_case=use_case.slug)),
        "may_create": _may_create(request),
    }
    return render(request, use_case.templates("studies/study_list.html"), context)


def _may_create(request: HttpRequest) -> bool:
    user = request.user
    return (
        Appointment.objects.may(user, Duty.LEAD_STUDIES)
        and Organisation.objects.where_may(user, Duty.ADD).exists()
    )


def _task(use_case: UseCase, slug: str) -> Task:
    try:
        return use_case.task(slug)
    except LookupError as error:
        raise Http404(str(error)) from error


def study_of(request: HttpRequest, use_case: UseCase, reference: str) -> Study:
    visible = Study.objects.visible_to(request.user).of(use_case)
    return get_object_or_404(visible.select_related("organisation"), reference=reference)


def coordinated(request: HttpRequest, use_case: UseCase, reference: str) -> Study:
    """The study, if the person may see it (404) and coordinates it (403)."""
    study = study_of(request, use_case, reference)
    if not study.is_coordinated_by(request.user):
        raise PermissionDenied
    return study


@login_required
@require_http_methods(["GET", "POST"])
def study_create(request: HttpRequest, use_case: UseCase, task: str) -> HttpResponse:
    """Draft a study."""
    found = _task(use_case, task)
    if not _may_create(request):
        raise PermissionDenied
    user = signed_in(request)
    form = StudyForm(request.POST or None, user=user, task=found, initial=acting_for(request))
    if request.method == "POST" and form.is_valid() and form.protocol is not None:
        try:
            study = actions.create_study(
                use_case=use_case,
                task=found,
                organisation=form.cleaned_data["organisation"],
                title=form.cleaned_data["title"],
                question=form.cleaned_data["question"],
                protocol=form.protocol,
                by=user,
            )
        except StudyRefused as refusal:
            _add_errors(form, refusal)
        else:
            messages.success(request, _("The draft is saved. Now choose whom to invite."))
            return redirect("study-invite", use_case=use_case, reference=study.reference)
    context = {"use_case": use_case, "section": "studies", "task": found, "form": form}
    return render(request, use_case.templates("studies/study_form.html"), context)


def _add_errors(form: Any, refusal: StudyRefused) -> None:
    for reason in refusal.reasons:
        form.add_error(None, reason)


@login_required
@require_http_methods(["GET", "POST"])
def study_edit(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """Change what a study asks, and its protocol, before it starts."""
    study = coordinated(request, use_case, reference)
    if not study.is_open:
        raise Http404("A study that has started never changes.")
    form = StudyForm(
        request.POST or None, user=signed_in(request), task=study.declared_task, study=study
    )
    if request.method == "POST" and form.is_valid() and form.protocol is not None:
        try:
            actions.update_study(
                study=study,
                title=form.cleaned_data["title"],
                question=form.cleaned_data["question"],
                protocol=form.protocol,
                by=signed_in(request),
            )
        except StudyRefused as refusal:
            _add_errors(form, refusal)
        else:
            return redirect(study)
    context = {
        "use_case": use_case,
        "section": "studies",
        "task": study.declared_task,
        "study": study,
        "form": form,
    }
    return render(request, use_case.templates("studies/study_form.html"), context)


@login_required
@require_http_methods(["GET", "POST"])
def study_invite(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """Choose the datasets and model versions to invite."""
    study = coordinated(request, use_case, reference)
    if not study.is_open:
        raise Http404("The members of a study that has started never change.")
    form = MembersForm(request.POST or None, user=signed_in(request), study=study)
    if request.method == "POST" and form.is_valid():
        try:
            actions.invite(
                study=study,
                datasets=list(form.cleaned_data["datasets"]),
                model_versions=list(form.cleaned_data["model_versions"]),
                by=signed_in(request),
            )
        except StudyRefused as refusal:
            _add_errors(form, refusal)
        else:
            return redirect(study)
    context = {"use_case": use_case, "section": "studies", "study": study, "form": form}
    return render(request, use_case.templates("studies/study_invite.html"), context)


@require_GET
def study_detail(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """The study as it stands: its members, its progress, or what it found."""
    study = study_of(request, use_case, reference)
    context: dict[str, Any] = {
        "use_case": use_case,
        "section": "studies",
        "study": study,
        "task": study.declared_task,
        "may_manage": study.is_coordinated_by(request.user),
    }
    if not study.has_started:
        context |= _members_context(study, request)
        return render(request, use_case.templates("studies/study_members.html"), context)
    report = report_of(study, whole=False)
    cells = list(study.cells.select_related("evaluation").order_by("id"))
    places = {(e.model, e.site): c for e, c in zip(report.cells, cells, strict=True)}
    links = _links(study, places, request)
    if study.status in (StudyStatus.FINISHED, StudyStatus.PUBLISHED):
        retries = _retries(study, places) if context["may_manage"] else {}
        asked = request.GET.get("measure")
        context |= presentation.page_context(report, asked, links=links, retries=retries)
        context["publication"] = Publication.objects.filter(study=study).defer("content").first()
        if wants_fragment(request):
            return _fragment(request, context)
        return render(request, use_case.templates("studies/study_detail.html"), context)
    context |= _grid_context(report, places, links)
    name = "_grid" if wants_fragment(request) else "study_running"
    return render(request, use_case.templates(f"studies/{name}.html"), context)


def _fragment(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """What another measure changes; the whole page where its study ended while it was watched."""
    if "measure" in request.GET:
        return render(request, "studies/_across.html", context)
    response = HttpResponse()
    response["HX-Refresh"] = "true"
    return response


def _members_context(study: Study, request: HttpRequest) -> dict[str, Any]:
    """Who is invited; who is asked sees their own lines, and which organisations beside them."""
    invitations = list(study.invitations.for_list())
    mine = Invitation.objects.answerable_by(request.user).filter(study=study)
    answerable = set(mine.values_list("pk", flat=True))
    return {
        "protocol": protocol_lines(study.declared_task, study.protocol),
        "datasets": [found for found in invitations if found.dataset],
        "versions": [found for found in invitations if found.model_version],
        "mine": [found for found in invitations if found.pk in answerable],
        "organisations": sorted({str(found.organisation) for found in invitations}),
        "waiting": sum(1 for found in invitations if found.status == InvitationStatus.WAITING),
        "start_reasons": [
            linked(reason)
            for reason in actions.start_reasons(study, signed_in(request))
            if study.is_open
        ],
        "is_member": Organisation.objects.where_member(request.user)
        .filter(pk=study.organisation_id)
        .exists(),
    }


def _links(study: Study, places: Places, request: HttpRequest) -> dict[tuple[str, str], str]:
    """The pages of the evaluations that the person may see."""
    seen = Evaluation.objects.visible_to(request.user).filter(study=study)
    pks = set(seen.values_list("pk", flat=True))
    return {
        place: cell.evaluation.get_absolute_url()
        for place, cell in places.items()
        if cell.evaluation is not None and cell.evaluation.pk in pks
    }


def _retries(study: Study, places: Places) -> dict[tuple[str, str], str]:
    """Where the cells that failed or were cancelled are tried again."""
    if study.status != StudyStatus.FINISHED:
        return {}
    where = {"use_case": study.declared, "reference": study.reference}
    return {
        place: reverse("study-retry", kwargs=where | {"cell": cell.pk})
        for place, cell in places.items()
        if cell.status in (Status.FAILED, Status.CANCELLED)
    }


def _grid_context(
    report: Report, places: Places, links: dict[tuple[str, str], str]
) -> dict[str, Any]:
    """The progress grid: a row a site, a column a model."""
    entries = {(entry.model, entry.site): entry for entry in report.cells}
    final = sum(1 for cell in places.values() if cell.is_final)
    rows = [(site, [(model.key, site.key) for model in report.models]) for site in report.sites]
    return {
        "report": report,
        "partners": presentation.partners(report),
        "grid": [
            (site, [(places[at], entries[at], links.get(at, "")) for at in row])
            for site, row in rows
        ],
        "final": final,
        "cells": len(places),
        "percent": 100 * final / len(places) if places else 0,
    }


def _whole(request: HttpRequest, use_case: UseCase, reference: str) -> Report:
    """The report with everything in it, once the study has started."""
    study = study_of(request, use_case, reference)
    if not study.has_started:
        raise Http404("The study has not started.")
    is_of(request, study)
    return report_of(study, whole=True)


@require_GET
def study_estimates(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """Every estimate of every cell, as CSV."""
    rows = tabular.estimate_rows(_whole(request, use_case, reference))
    return csv_file(f"study-{reference}-estimates", tabular.ESTIMATE_HEAD, rows)


@require_GET
def study_pooled(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """Every pooled estimate, as CSV."""
    rows = tabular.pooled_rows(_whole(request, use_case, reference))
    return csv_file(f"study-{reference}-pooled", tabular.POOLED_HEAD, rows)


@require_GET
def study_report(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """Everything of the study, as JSON."""
    return json_file(f"study-{reference}", _whole(request, use_case, reference).to_json())
