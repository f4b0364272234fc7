"""Buttons of studies: send, answer, start, retry, withdraw, publish."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts.people import signed_in
from portal.studies import actions, publishing, running
from portal.studies.actions import StudyRefused
from portal.studies.forms import AnswerForm, WithdrawalForm
from portal.studies.models import Invitation, Study, StudyStatus
from portal.studies.report import report_of
from portal.studies.views import coordinated, study_of
from portal.usecase import UseCase


def _move(request: HttpRequest, study: Study, act: Callable[[], object]) -> HttpResponse:
    """Carry out a move of a study; a refusal is said above its page."""
    try:
        act()
    except PermissionError as error:
        raise PermissionDenied from error
    except StudyRefused as refusal:
        for reason in refusal.reasons:
            messages.error(request, reason)
    return redirect(study)


@login_required
@require_POST
def study_send(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """Show the draft to those who are invited."""
    study, user = study_of(request, use_case, reference), signed_in(request)
    return _move(request, study, lambda: actions.send_invitations(study=study, by=user))


@login_required
@require_POST
def study_answer(
    request: HttpRequest, use_case: UseCase, reference: str, invitation: int
) -> HttpResponse:
    """Accept an invitation, or decline it with a reason."""
    study, user = study_of(request, use_case, reference), signed_in(request)
    found = get_object_or_404(study.invitations, pk=invitation)
    may_answer = Invitation.objects.answerable_by(user).contains(found)
    if study.status == StudyStatus.INVITING and not may_answer:
        raise PermissionDenied
    form = AnswerForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Accept, or decline and say why."))
        return redirect(study)
    accept, reason = form.cleaned_data["answer"] == "accept", form.cleaned_data["reason"]
    return _move(
        request,
        study,
        lambda: actions.answer_invitation(invitation=found, accept=accept, reason=reason, by=user),
    )


@login_required
@require_POST
def study_start(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """Lock the protocol and run every cell."""
    study, user = study_of(request, use_case, reference), signed_in(request)
    return _move(request, study, lambda: running.start_study(study=study, by=user))


@login_required
@require_http_methods(["GET", "POST"])
def study_withdraw(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """End a study that has not finished, with a reason."""
    study = coordinated(request, use_case, reference)
    if study.status not in (StudyStatus.DRAFT, StudyStatus.INVITING, StudyStatus.RUNNING):
        raise Http404("A study that has finished is not withdrawn.")
    form = WithdrawalForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason, user = form.cleaned_data["reason"], signed_in(request)
        return _move(
            request, study, lambda: actions.withdraw_study(study=study, reason=reason, by=user)
        )
    context = {"use_case": use_case, "section": "studies", "study": study, "form": form}
    return render(request, use_case.templates("studies/study_withdraw.html"), context)


@login_required
@require_POST
def study_retry(request: HttpRequest, use_case: UseCase, reference: str, cell: int) -> HttpResponse:
    """Try one cell again."""
    study, user = study_of(request, use_case, reference), signed_in(request)
    found = get_object_or_404(study.cells, pk=cell)

    def act() -> None:
        after = running.retry_cell(cell=found, by=user)
        for reason in after.reasons:
            messages.error(request, reason)

    return _move(request, study, act)


@login_required
@require_http_methods(["GET", "POST"])
def study_publish(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """Say what becomes public, and publish it."""
    study, user = coordinated(request, use_case, reference), signed_in(request)
    if request.method == "POST":
        try:
            return redirect(publishing.publish_study(study=study, by=user))
        except StudyRefused as refusal:
            for reason in refusal.reasons:
                messages.error(request, reason)
            return redirect(study)
    if study.status != StudyStatus.FINISHED:
        raise Http404("Only a study that has finished is published.")
    context = {
        "use_case": use_case,
        "section": "studies",
        "study": study,
        "report": report_of(study, whole=False),
    }
    return render(request, use_case.templates("studies/study_publish.html"), context)
