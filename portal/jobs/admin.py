"""The administration's pages of jobs: what waits, runs and failed, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.accounts.people import signed_in
from portal.administration import REFUSALS, ReadOnlyAdmin, ask_first
from portal.jobs.models import Job

Act = Callable[[Any, Any], bool]
"""Does something with a job for a person; False where the job stands otherwise meanwhile."""


class JobAdmin(ReadOnlyAdmin):
    """One kind of job. No health data, and nothing to edit.

    The details of a failure are in the worker's log: they may quote a patient's values.
    """

    cancel_one: Act
    """Cancels one job; each kind names its own."""
    retry_one: Act | None = None
    """Queues one job again, where this kind can be tried again."""
    refusals: tuple[type[Exception], ...] = REFUSALS
    """What the two of them raise with a reason."""
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    actions = ("cancel", "retry")

    def get_actions(self, request: HttpRequest) -> Any:
        found = super().get_actions(request)
        if self.retry_one is None:
            found.pop("retry", None)
        return found

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, job: Job) -> str:
        return f"{job.stage} {job.percent}%".strip() if job.status == "running" else ""

    @admin.display(description=gettext_lazy("why it failed"))
    def reason(self, job: Job) -> str:
        return job.failure

    @admin.action(description=gettext_lazy("Cancel…"))
    def cancel(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        text = _("What they have computed so far is lost. Those that have ended stay as they are.")
        return self._ask(request, queryset, "cancel", _("Cancel jobs?"), text, self.cancel_one)

    @admin.action(description=gettext_lazy("Try again…"))
    def retry(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        if self.retry_one is None:  # nor is the action offered
            return None
        text = _("Those that failed or were cancelled are queued once more; others stay.")
        return self._ask(request, queryset, "retry", _("Try jobs again?"), text, self.retry_one)

    def _ask(
        self,
        request: HttpRequest,
        jobs: QuerySet[Any],
        name: str,
        title: str,
        text: str,
        carry_out: Act,
    ) -> Any:
        by = signed_in(request)
        return ask_first(
            self,
            request,
            jobs,
            name=name,
            title=title,
            text=text,
            act=lambda job: carry_out(job, by),
            refusals=self.refusals,
            back="admin:jobs" if request.POST.get("back") == "jobs" else "",
        )
