"""The administration's page of evaluations as jobs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from portal.administration import REFUSALS
from portal.evaluations import actions
from portal.evaluations.models import Evaluation
from portal.jobs.admin import JobAdmin


@admin.register(Evaluation)
class EvaluationAdmin(JobAdmin):
    """Where each evaluation stands; no result is shown."""

    cancel_one = staticmethod(lambda job, by: actions.cancel_evaluation(evaluation=job, by=by))
    retry_one = staticmethod(lambda job, by: actions.retry_evaluation(evaluation=job, by=by))
    refusals = (*REFUSALS, actions.SubmissionRefused)
    list_display = (
        "reference", "status", "progress", "reason", "use_case", "task", "organisation",
        "attempts", "worker", "created_at", "finished_at",
    )  # fmt: skip
    list_filter = ("status", "use_case", "task", "organisation")
    search_fields = ("reference", "dataset__title", "model_version__model__name")
    fields = (
        "reference", "use_case", "task", "organisation", "submitted_by", "dataset",
        "model_version", "status", "stage", "fraction", "attempts", "worker", "lease_expires_at",
        "created_at", "started_at", "finished_at", "failure", "fingerprint",
        "engine", "protocol",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        related = ("organisation", "dataset", "model_version__model", "study")
        return super().get_queryset(request).select_related(*related)
