"""Pages of single cases, for the people of the data's holder alone."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.audit.actions import record
from portal.audit.acts import Act
from portal.evaluations import cases
from portal.evaluations.models import Evaluation
from portal.evaluations.result_views import find_evaluation
from portal.usecase import CaseView, UseCase

PER_PAGE = 50


def _evaluation_with_cases(
    request: HttpRequest, use_case: UseCase, reference: str
) -> tuple[Evaluation, CaseView]:
    """The evaluation and how its cases are shown; a 404 for all but the holder's people."""
    evaluation = find_evaluation(request, use_case, reference)
    view = evaluation.declared_task.cases
    if view is None or not cases.may_see_cases(request.user, evaluation):
        raise Http404("The evaluation has no cases to show.")
    record(
        by=request.user,
        organisation=evaluation.dataset.organisation,
        verb=Act.CASES_SEEN,
        obj=evaluation,
    )
    return evaluation, view


def _context(use_case: UseCase, evaluation: Evaluation, view: CaseView) -> dict[str, Any]:
    return {
        "use_case": use_case,
        "section": "results",
        "evaluation": evaluation,
        "task": evaluation.declared_task,
        "view": view,
    }


@never_cache
@require_GET
def evaluation_cases(request: HttpRequest, use_case: UseCase, reference: str) -> HttpResponse:
    """Every case with what happened to it, in the order that is asked for."""
    evaluation, view = _evaluation_with_cases(request, use_case, reference)
    try:
        with cases.opened(evaluation, request.GET.get("sort", "")) as rows:
            # A paginator wants no more than a length and slices.
            listed: Any = rows
            page: Page[cases.CaseRow] = Paginator(listed, PER_PAGE).get_page(
                request.GET.get("page")
            )
            context = _context(use_case, evaluation, view) | {
                "page": page,
                "rows": list(page),
                "heads": [
                    {
                        "column": column,
                        "is_sorted": column.name == rows.sorted_by,
                        "is_descending": column.name == rows.sorted_by and rows.is_descending,
                        # Numbers are first looked at from the largest.
                        "sort": column.name
                        if (column.name == rows.sorted_by and rows.is_descending)
                        or (column.name != rows.sorted_by and not column.format)
                        else f"-{column.name}",
                    }
                    for column in view.columns
                ],
            }
    except FileNotFoundError as error:
        raise Http404(_("The cases are no longer stored.")) from error
    return render(request, use_case.templates("evaluations/cases.html"), context)


@never_cache
@require_GET
def evaluation_case(
    request: HttpRequest, use_case: UseCase, reference: str, number: int
) -> HttpResponse:
    """One case: what its row says, and drawn where the task draws it."""
    evaluation, view = _evaluation_with_cases(request, use_case, reference)
    try:
        with cases.opened(evaluation) as rows:
            row, count = rows.row(number), len(rows)
    except FileNotFoundError as error:
        raise Http404(_("The cases are no longer stored.")) from error
    if row is None or view.draw is None:
        raise Http404(_("There is no such case."))
    words = cases.cells(view.columns, row)
    figure = cases.draw_case(evaluation, str(row[view.columns[0].name]))
    context = _context(use_case, evaluation, view) | {
        "number": number,
        "previous": number - 1 if number > 1 else None,
        "next": number + 1 if number < count else None,
        "name": words[0],
        "facts": list(zip(view.columns[1:], words[1:], strict=True)),
        "figure": figure,
        "tables": [cases.figure_table(figure)] if figure else [],
    }
    return render(request, use_case.templates("evaluations/case.html"), context)
