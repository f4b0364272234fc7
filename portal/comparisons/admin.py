"""The administration's page of comparisons as jobs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from portal.administration import REFUSALS
from portal.comparisons import actions
from portal.comparisons.models import COMPARED, Comparison
from portal.jobs.admin import JobAdmin


@admin.register(Comparison)
class ComparisonAdmin(JobAdmin):
    """Where each comparison stands; not what it found."""

    cancel_one = staticmethod(lambda job, by: actions.cancel_comparison(comparison=job, by=by))
    retry_one = staticmethod(lambda job, by: actions.retry_comparison(comparison=job, by=by))
    refusals = (*REFUSALS, actions.ComparisonRefused)
    list_display = (
        "__str__", "status", "progress", "reason", "use_case", "task", "organisation",
        "attempts", "worker", "created_at", "finished_at",
    )  # fmt: skip
    list_filter = ("status", "use_case", "task", "organisation")
    search_fields = ("evaluations__reference", "evaluations__model_version__model__name")
    fields = (
        "use_case", "task", "organisation", "submitted_by", "status", "stage", "fraction",
        "attempts", "worker", "lease_expires_at", "created_at", "started_at", "finished_at",
        "failure", "fingerprint", "engine", "protocol",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).select_related("organisation")
        return rows.prefetch_related(COMPARED)
