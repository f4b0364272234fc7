"""The page of several results side by side."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.people import signed_in
from portal.comparisons import actions, pairing, presentation
from portal.comparisons.models import Comparison
from portal.evaluations.models import Evaluation
from portal.htmx import wants_fragment
from portal.jobs.models import Status
from portal.overlays import LETTERS
from portal.usecase import UseCase

MOST = len(LETTERS)


def _asked(values: list[str]) -> list[str]:
    """The references that are asked for, each once; a form sends them one by one.

    NUL, which PostgreSQL does not take, becomes what no reference holds.
    """
    parts = (part for value in values for part in value.replace("\x00", "?").split(",") if part)
    return list(dict.fromkeys(parts))


def _evaluations(
    request: HttpRequest, use_case: UseCase, references: list[str]
) -> list[Evaluation]:
    """The results in the order that is asked for; a 404 unless the person may see them all."""
    visible = Evaluation.objects.visible_to(request.user).of(use_case).succeeded()
    found = {
        one.reference: one
        for one in visible.filter(reference__in=references[: MOST + 1])
        .select_related(
            "organisation", "dataset__organisation", "model_version__model", "stored_result"
        )
        .prefetch_related("tables")
    }
    if any(reference not in found for reference in references[: MOST + 1]):
        raise Http404("One of these results does not exist, or is not shared with you.")
    return [found[reference] for reference in references[: MOST + 1]]


def _choice_problem(evaluations: list[Evaluation]) -> str:
    """Why these results cannot stand side by side, or ""."""
    if len(evaluations) < 2:
        return _("Choose two results or more.")
    if len(evaluations) > MOST:
        return _("Choose at most %(most)d results.") % {"most": MOST}
    if len({one.task for one in evaluations}) > 1:
        return _("Choose results of one task: those of different tasks have no measure in common.")
    return ""


def address_of(use_case: UseCase, references: list[str]) -> str:
    """Where these results stand side by side."""
    query = urlencode({"results": ",".join(references)}, safe=",")
    return f"{reverse('comparison-detail', kwargs={'use_case': use_case})}?{query}"


@require_GET
def comparison_detail(request: HttpRequest, use_case: UseCase) -> HttpResponse:
    """Curves over each other, what differs, and paired differences where people are the same."""
    given = request.GET.getlist("results")
    references = _asked(given)
    if len(given) > 1:  # chosen in a list
        return redirect(address_of(use_case, references))
    evaluations = _evaluations(request, use_case, references)
    if problem := _choice_problem(evaluations):
        messages.error(request, problem)
        return redirect("evaluation-list", use_case=use_case)
    task = evaluations[0].declared_task
    context = _pairing_context(request, evaluations) | {
        "use_case": use_case,
        "section": "results",
        "task": task,
        "references": ",".join(references),
        "address": address_of(use_case, references),
    }
    if wants_fragment(request):
        comparison = context["comparison"]
        if comparison is not None and comparison.state == Status.SUCCEEDED:
            response = HttpResponse()
            response["HX-Refresh"] = "true"
            return response
        return render(request, "comparisons/_pairing.html", context)
    shows_all = request.GET.get("all") == "1"
    compared = presentation.sides(task, evaluations)
    estimates = presentation.estimate_lines(task, compared)
    differences = context["differences"]
    context |= {
        "sides": compared,
        "overlays": presentation.overlays(task, compared),
        "inputs": presentation.input_differences(compared),
        "protocol": pairing.protocol_differences(evaluations),
        "shows_all": shows_all,
        "estimates": [line for line in estimates if shows_all or line.differs],
        "same_estimates": sum(not line.differs for line in estimates),
        "differences": [line for line in differences if shows_all or line.differs],
        "same_differences": sum(not line.differs for line in differences),
    }
    return render(request, use_case.templates("comparisons/comparison_detail.html"), context)


def _pairing_context(request: HttpRequest, evaluations: list[Evaluation]) -> dict[str, Any]:
    """How far the paired differences are, or why there are none."""
    task = evaluations[0].declared_task
    obstacles = pairing.obstacles(task, evaluations)
    comparison: Comparison | None = None
    if not obstacles:
        mark = pairing.comparison_fingerprint(task, evaluations)
        comparison = (
            Comparison.objects.filter(fingerprint=mark).select_related("stored_comparison").first()
        )
    found = None
    if comparison is not None and comparison.stored_comparison is not None:
        found = comparison.stored_comparison.comparison
    is_open = comparison is None or comparison.state in (Status.FAILED, Status.CANCELLED)
    may_start = is_open and not obstacles
    return {
        "obstacles": obstacles,
        "comparison": comparison,
        "found": found,
        "differences": presentation.difference_lines(task, found) if found else [],
        "may_start": may_start and actions.organisation_for(request.user, evaluations) is not None,
        "who_may_start": actions.who_may_start(),
        "may_manage": comparison is not None and comparison.may_be_managed_by(request.user),
    }


def _chosen(request: HttpRequest, use_case: UseCase) -> list[Evaluation]:
    references = _asked(request.POST.getlist("results"))
    evaluations = _evaluations(request, use_case, references)
    if not evaluations or _choice_problem(evaluations):
        raise Http404("There is no such comparison.")
    return evaluations


@login_required
@require_POST
def comparison_start(request: HttpRequest, use_case: UseCase) -> HttpResponse:
    """Start finding the paired differences."""
    evaluations = _chosen(request, use_case)
    try:
        actions.start_comparison(evaluations=evaluations, by=signed_in(request))
    except PermissionError as error:
        raise PermissionDenied from error
    except actions.ComparisonRefused as refusal:
        messages.error(request, str(refusal))
    return redirect(address_of(use_case, [one.reference for one in evaluations]))


@login_required
@require_POST
def comparison_cancel(request: HttpRequest, use_case: UseCase) -> HttpResponse:
    """Cancel what is not finished."""
    evaluations = _chosen(request, use_case)
    mark = pairing.comparison_fingerprint(evaluations[0].declared_task, evaluations)
    comparison = Comparison.objects.filter(fingerprint=mark).first()
    if comparison is None:
        raise Http404("There is no such comparison.")
    try:
        actions.cancel_comparison(comparison=comparison, by=signed_in(request))
    except PermissionError as error:
        raise PermissionDenied from error
    return redirect(address_of(use_case, [one.reference for one in evaluations]))
