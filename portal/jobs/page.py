"""One page of all jobs, whatever their kind: what waits, runs and failed, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import CharField, Count, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from portal.administration import shows_jobs
from portal.jobs.admin import JobAdmin
from portal.jobs.models import FINAL, UNFINISHED, Job, Status
from portal.pagination import PER_PAGE, words_of

NEEDS_ATTENTION = (*UNFINISHED, Status.FAILED)
"""What is listed where no state is asked for."""


@dataclass(frozen=True)
class Line:
    """A job as the page shows it."""

    job: Job
    page: JobAdmin
    organisation: str

    @property
    def kind(self) -> str:
        return str(self.page.opts.verbose_name)

    @property
    def address(self) -> str:
        return reverse(f"admin:{_name(self.page)}_change", args=[self.job.pk])

    @property
    def list_address(self) -> str:
        """Where its actions are sent; they are asked about there."""
        return reverse(f"admin:{_name(self.page)}_changelist")

    @property
    def can_be_cancelled(self) -> bool:
        return not self.job.is_final

    @property
    def can_be_retried(self) -> bool:
        is_retried = self.job.state in (Status.FAILED, Status.CANCELLED)
        return is_retried and self.page.retry_one is not None


def _name(page: JobAdmin) -> str:
    return f"{page.opts.app_label}_{page.opts.model_name}"


def kinds() -> dict[str, JobAdmin]:
    """The kinds of jobs, by the name of their model."""
    return {
        str(page.opts.model_name): page
        for page in admin.site._registry.values()
        if isinstance(page, JobAdmin)
    }


@require_GET
def job_list(request: HttpRequest) -> HttpResponse:
    """The jobs that the person looks after, the newest first."""
    if not shows_jobs(request):
        raise PermissionDenied
    every, words = kinds(), words_of(request)
    kind = request.GET.get("kind", "")
    asked = {kind: every[kind]} if kind in every else every
    state = request.GET.get("state", "")
    state = state if state in Status.values else ""
    found = {name: _matching(request, page, words) for name, page in asked.items()}
    counts = _counts(found)
    listed = (state,) if state else NEEDS_ATTENTION
    paginator = Paginator(_together(found, listed), PER_PAGE)
    paginator.count = sum(counts[one] for one in listed)
    page = paginator.get_page(request.GET.get("page"))
    page.object_list = _lines(found, every, list(page.object_list))
    context = {
        **admin.site.each_context(request),
        "title": _("Jobs"),
        "page": page,
        "words": words,
        "kind": kind if kind in every else "",
        "kinds": [(name, one.opts.verbose_name_plural) for name, one in every.items()],
        "state": state,
        "states": [(one, one.label, counts[one]) for one in (*NEEDS_ATTENTION, *_done())],
        "counts": counts,
    }
    return TemplateResponse(request, "admin/jobs.html", context)


def _done() -> list[Status]:
    return [one for one in FINAL if one not in NEEDS_ATTENTION]


def _matching(request: HttpRequest, page: JobAdmin, words: str) -> QuerySet[Any]:
    """The person's jobs of one kind in which the words stand, as its own list finds them."""
    rows, may_repeat = page.get_search_results(request, page.get_queryset(request), words)
    if may_repeat:
        rows = page.get_queryset(request).filter(pk__in=rows.order_by().values("pk"))
    return rows


def _counts(found: dict[str, QuerySet[Any]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for rows in found.values():
        of_each = rows.order_by().values_list("status").annotate(count=Count("pk"))
        counts.update(dict(of_each))
    return counts


def _together(found: dict[str, QuerySet[Any]], states: tuple[str, ...]) -> QuerySet[Any, Any]:
    """Kind and key of the jobs in these states, ordered and cut by the database."""
    parts = [
        rows.filter(status__in=states)
        .order_by()
        .annotate(kind=Value(name, output_field=CharField()))
        .values_list("kind", "pk", "created_at")
        for name, rows in found.items()
    ]
    return parts[0].union(*parts[1:], all=True).order_by("-created_at", "kind", "-pk")


def _lines(
    found: dict[str, QuerySet[Any]], pages: dict[str, JobAdmin], keys: list[tuple[Any, ...]]
) -> list[Line]:
    """The jobs of a page whole, as many queries as there are kinds."""
    wanted: defaultdict[str, list[int]] = defaultdict(list)
    for kind, pk, _at in keys:
        wanted[kind].append(pk)
    jobs = {
        (kind, job.pk): job for kind in wanted for job in found[kind].filter(pk__in=wanted[kind])
    }
    # A job that ended between the two queries is shown as it is now; none is deleted.
    return [
        Line(jobs[kind, pk], pages[kind], str(pages[kind].organisation_of(jobs[kind, pk])))
        for kind, pk, _at in keys
    ]
