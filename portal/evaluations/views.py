"""Pages of evaluations and their results."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.access.presentation import linked, permit_address
from portal.access.rule import Use
from portal.access.vocabulary import Purpose
from portal.accounts.people import signed_in
from portal.evaluations import actions, presentation
from portal.evaluations.forms import SubmissionForm
from portal.evaluations.models import Evaluation
from portal.evaluations.result_views import find_evaluation, result_context
from portal.evaluations.timing import duration, elapsed_seconds, expected_seconds
from portal.htmx import wants_fragment
from portal.jobs.models import Status
from portal.organisations.acting import acting_for, may_contribute
from portal.organisations.roles import Verb
from portal.organisations.sharing import may
from portal.pagination import counted_page
from portal.usecase import Task, UseCase


@require_GET
def evaluation_list(request: HttpRequest, use_case: UseCase | None = None) -> HttpResponse:
    """The evaluations that one may see, newest first."""
    rows = Evaluation.objects.visible_to(request.user)
    if use_case is not None:
        rows = rows.of(use_case)
    status = request.GET.get("status", "")
    if status in Status.values:
        rows = rows.filter(status=status)
    page = counted_page(request, rows, Evaluation.objects.for_list())
    context = {
        "use_case": use_case,
        "section": "results",
        "page": page,
        "rows": [presentation.listed(evaluation) for evaluation in page],
        "status": status,
        "statuses": Status.choices,
        "may_submit": use_case is not None and may_contribute(request),
    }
    templates = "evaluations/evaluation_list.html"
    return render(request, use_case.templates(templates) if use_case else templates, context)


def _task(use_case: UseCase, slug: str) -> Task:
    try:
        return use_case.task(slug)
    except LookupError as error:
        raise Http404(str(error)) from error


@login_required
@require_http_methods(["GET", "POST"])
def evaluation_submit(request: HttpRequest, use_case: UseCase, task: str) -> HttpResponse:
    """Choose a model version, a dataset and a protocol, and submit."""
    user = signed_in(request)
    found = _task(use_case, task)
    if not may_contribute(request):
        raise PermissionDenied
    asked = ("model_version", "dataset")
    chosen = {name: request.GET[name] for name in asked if name in request.GET}
    form = SubmissionForm(
        request.POST or None,
        user=user,
        use_case=use_case,
        task=found,
        initial=acting_for(request) | chosen,
    )
    if request.method == "POST" and form.is_valid() and form.protocol is not None:
        try:
            evaluation, is_new = actions.submit_evaluation(
                organisation=form.cleaned_data["organisation"],
                dataset=form.cleaned_data["dataset"],
                model_version=form.cleaned_data["model_version"],
                task=found,
                protocol=form.protocol,
                purpose=form.cleaned_data["purpose"],
                by=user,
            )
        except actions.SubmissionRefused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, linked(reason))
        else:
            if not is_new:
                messages.info(request, _("The same evaluation exists already: this is it."))
            return redirect(evaluation)
    context = {"use_case": use_case, "section": "results", "task": found, "form": form}
    return render(request, use_case.templates("evaluations/evaluation_submit.html"), context)


@login_required
@require_GET
def evaluation_check(request: HttpRequest, use_case: UseCase, task: str) -> HttpResponse:
    """What is still missing for the choice made so far: a fragment of the submission page."""
    user = signed_in(request)
    found = _task(use_case, task)
    form = SubmissionForm(request.GET, user=user, use_case=use_case, task=found)
    form.is_valid()
    dataset = form.cleaned_data.get("dataset")
    version = form.cleaned_data.get("model_version")
    reasons: list[str] = []
    ready = None
    if dataset and version:
        if organisation := form.cleaned_data.get("organisation"):
            purpose = form.cleaned_data.get("purpose") or Purpose.ALGORITHMS
            use = Use(organisation, user, dataset, version, purpose, timezone.localdate())
            reasons += actions.rights_reasons(use)
        ready = actions.readiness(dataset=dataset, model_version=version, task=found)
        reasons += ready.reasons
        if form.protocol:
            reasons += actions.protocol_reasons(form.protocol, ready.tables, found)
    context = {
        "is_chosen": bool(dataset and version),
        "reasons": [linked(reason) for reason in reasons],
        "problems": [
            (form.fields[name].label, errors)
            for name, errors in form.errors.items()
            if name.startswith("protocol_")
        ],
        "tables": sorted(ready.tables.items()) if ready else [],
    }
    return render(request, "evaluations/_check.html", context)


@require_GET
def evaluation_detail(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """The result; before there is one, how far the job is, refreshed by htmx."""
    evaluation = find_evaluation(request, use_case, reference)
    context = {
        "use_case": use_case,
        "section": "results",
        "evaluation": evaluation,
        "task": evaluation.declared_task,
        "permit_url": permit_address(request.user, evaluation.permit),
        "sees_dataset": may(request.user, Verb.VIEW, evaluation.dataset),
        "sees_model": may(request.user, Verb.VIEW, evaluation.model_version.model),
    }
    if evaluation.state == Status.SUCCEEDED:
        if wants_fragment(request):  # the job ended while its page was watched: load the result
            response = HttpResponse()
            response["HX-Refresh"] = "true"
            return response
        context |= result_context(evaluation, request)
        return render(request, use_case.templates("evaluations/result.html"), context)
    after = request.GET.get("after", "")
    context |= {
        "may_manage": evaluation.may_be_managed_by(request.user),
        "log": evaluation.log.filter(pk__gt=int(after[:18]) if after.isdecimal() else 0),
        "last_line": evaluation.log.last(),
        "elapsed": duration(elapsed_seconds(evaluation)),
        "expected": duration(expected_seconds(evaluation, request.user)),
        "most_attempts": settings.JOB_ATTEMPTS,
        "protocol": presentation.protocol_lines(evaluation.declared_task, evaluation.protocol),
    }
    name = "evaluations/_job.html" if wants_fragment(request) else "evaluations/job.html"
    return render(request, use_case.templates(name), context)


@login_required
@require_POST
def evaluation_cancel(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """Cancel an evaluation that is not finished."""
    evaluation = find_evaluation(request, use_case, reference)
    try:
        actions.cancel_evaluation(evaluation=evaluation, by=signed_in(request))
    except PermissionError as error:
        raise PermissionDenied from error
    return redirect(evaluation)


@login_required
@require_POST
def evaluation_retry(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """Queue a failed or cancelled evaluation again."""
    evaluation = find_evaluation(request, use_case, reference)
    try:
        actions.retry_evaluation(evaluation=evaluation, by=signed_in(request))
    except PermissionError as error:
        raise PermissionDenied from error
    except actions.SubmissionRefused as refusal:
        messages.error(request, str(refusal))
    return redirect(evaluation)
