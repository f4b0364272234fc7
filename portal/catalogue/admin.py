"""The administration's page of uploads as jobs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from portal.catalogue import actions
from portal.catalogue.models import Upload
from portal.jobs.admin import JobAdmin


@admin.register(Upload)
class UploadAdmin(JobAdmin):
    """Where each upload stands. Neither the file's name nor its problems are shown.

    People put names into file names, and a problem quotes a patient's values. Of a refused file
    nothing is kept, so that it cannot be tried again: its uploader uploads it once more.
    """

    cancel_one = staticmethod(lambda job, by: actions.cancel_upload(upload=job, by=by))
    organisation_path = "dataset__organisation"
    list_display = (
        "id", "status", "progress", "reason", "dataset", "task", "name", "attempts", "worker",
        "created_at", "finished_at",
    )  # fmt: skip
    list_filter = ("status", "dataset__use_case", "task", "dataset__organisation")
    search_fields = ("dataset__title",)
    fields = (
        "dataset", "task", "name", "model_version", "created_by", "status", "stage", "fraction",
        "attempts", "worker", "lease_expires_at", "created_at", "started_at", "finished_at",
        "failure",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("dataset__organisation")
