"""What an evaluation found: the parts of its page that are fetched on their own, and its files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from portal.audit.middleware import is_of
from portal.downloads import csv_file, json_file
from portal.evaluations import presentation
from portal.evaluations.cases import may_see_cases
from portal.evaluations.models import Evaluation
from portal.figures import curve_table
from portal.htmx import wants_fragment
from portal.result import Result
from portal.usecase import UseCase

COMPARABLE = 6
"""Other results that a page offers to be compared with; the list has them all."""


def find_evaluation(request: HttpRequest, use_case: UseCase, reference: str) -> Evaluation:
    """The evaluation that the address names, if the person may see it; else it is a 404."""
    visible = Evaluation.objects.visible_to(request.user).of(use_case)
    evaluation = get_object_or_404(visible.for_page(), reference=reference)
    is_of(request, evaluation)
    return evaluation


def result_of(evaluation: Evaluation) -> Result:
    """Its Result; a 404 while there is none."""
    if evaluation.stored_result is None:
        raise Http404("There is no result yet.")
    return evaluation.stored_result.result


def _address(name: str, evaluation: Evaluation, **more: str) -> str:
    where = {"use_case": evaluation.declared, "reference": evaluation.reference}
    return reverse(name, kwargs=where | more)


def curve_addresses(evaluation: Evaluation, keys: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Where the table of each curve is, as a page and as a CSV file."""
    slugs = {key: key.replace("_", "-") for key in keys}
    return {
        key: (
            _address("evaluation-curve-table", evaluation, curve=slug),
            _address("evaluation-curve", evaluation, curve=slug),
        )
        for key, slug in slugs.items()
    }


def result_context(evaluation: Evaluation, request: HttpRequest) -> dict[str, Any]:
    """What the page of a result shows beside the evaluation itself."""
    result, task, stored = result_of(evaluation), evaluation.declared_task, evaluation.stored_result
    if stored is None:  # for the type checker
        raise Http404
    finding = presentation.find(task, result)
    curves = curve_addresses(evaluation, result.curves)
    return {
        "result": result,
        "result_sha256": stored.sha256,
        "finding": finding,
        "cards": presentation.cards(task, result, finding),
        "figures": presentation.figures(evaluation, stored, result, curves),
        "forests": presentation.forests(task, result),
        "subgroup_forests": presentation.subgroup_forests(task, result),
        "explored": presentation.explored_at(task, result, request.GET),
        "population": presentation.population(task, result),
        "notes": presentation.notes(result),
        "protocol": presentation.protocol_lines(task, result.protocol),
        "sees_cases": may_see_cases(request.user, evaluation),
        "comparable": Evaluation.objects.visible_to(request.user)
        .comparable_with(evaluation)
        .for_naming()[:COMPARABLE],
        "estimates_count": len(result.estimates),
        "estimates_url": _address("evaluation-estimates-table", evaluation),
        "curves": [
            (presentation.curve_name(task, key), csv) for key, (_page, csv) in curves.items()
        ],
    }


def _table_page(
    request: HttpRequest, evaluation: Evaluation, title: str, template: str, **context: Any
) -> HttpResponse:
    """A table for the page of the result that asks for it, or as a page of its own."""
    context |= {
        "use_case": evaluation.declared,
        "section": "results",
        "evaluation": evaluation,
        "title": title,
        "table_template": template,
    }
    name = template if wants_fragment(request) else "evaluations/result_table.html"
    response = render(request, name, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_GET
def evaluation_estimates_table(
    request: HttpRequest, use_case: UseCase, reference: str
) -> HttpResponse:
    """Every estimate with its interval and method."""
    evaluation = find_evaluation(request, use_case, reference)
    return _table_page(
        request,
        evaluation,
        _("All estimates"),
        "evaluations/_estimates.html",
        estimates=presentation.estimate_rows(evaluation.declared_task, result_of(evaluation)),
        csv_url=_address("evaluation-estimates", evaluation),
    )


def _curve_key(result: Result, slug: str) -> str:
    key = slug.replace("-", "_")
    if key not in result.curves:
        raise Http404(f"The result has no curve '{key}'.")
    return key


@require_GET
def evaluation_curve_table(
    request: HttpRequest, use_case: UseCase, reference: str, curve: str
) -> HttpResponse:
    """The rows that a figure draws, to be read."""
    evaluation = find_evaluation(request, use_case, reference)
    result = result_of(evaluation)
    key = _curve_key(result, curve)
    head, rows = curve_table(result.curves[key])
    name = presentation.curve_name(evaluation.declared_task, key)
    return _table_page(
        request,
        evaluation,
        name,
        "components/_figure_table.html",
        table={"head": head, "rows": rows},
        label=name,
        csv_url=_address("evaluation-curve", evaluation, curve=curve),
    )


@require_GET
def evaluation_result(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """The Result, byte for byte as the engine wrote it."""
    evaluation = find_evaluation(request, use_case, reference)
    if evaluation.stored_result is None:
        raise Http404("There is no result yet.")
    return json_file(f"result-{reference}", bytes(evaluation.stored_result.content))


@require_GET
def evaluation_estimates(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """Every estimate with its interval, as CSV."""
    result = result_of(find_evaluation(request, use_case, reference))
    header = [
        "measure", "at", "subgroup_column", "subgroup", "value", "lower", "upper",
        "standard_error", "method", "unavailable",
    ]  # fmt: skip
    rows = [
        [
            estimate.measure,
            " ".join(f"{name}={value:g}" for name, value in (estimate.at or {}).items()),
            estimate.subgroup.column if estimate.subgroup else "",
            estimate.subgroup.value if estimate.subgroup else "",
            estimate.value,
            estimate.lower,
            estimate.upper,
            estimate.standard_error,
            estimate.method,
            estimate.unavailable,
        ]
        for estimate in result.estimates
    ]
    return csv_file(f"estimates-{reference}", header, rows)


@require_GET
def evaluation_curve(
    request: HttpRequest, use_case: UseCase, reference: str, curve: str
) -> HttpResponse:
    """The rows that a figure draws, as CSV, with all their digits."""
    result = result_of(find_evaluation(request, use_case, reference))
    header, rows = curve_table(result.curves[_curve_key(result, curve)], precise=True)
    return csv_file(f"{curve}-{reference}", header, rows)
