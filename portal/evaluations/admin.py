from django.contrib import admin
from django.http import HttpRequest

from portal.evaluations.models import Evaluation


@admin.register(Evaluation)
class EvaluationAdmin(admin.ModelAdmin):
    """The jobs: where each stands and why it failed. No health data, nothing to edit.

    The details of a failure are in the worker's log: they may quote a patient's values.
    """

    list_display = (
        "reference", "use_case", "task", "organisation", "status", "attempts", "worker",
        "created_at", "finished_at",
    )  # fmt: skip
    list_filter = ("status", "use_case", "task", "organisation")
    search_fields = ("reference", "dataset__title", "model_version__model__name")
    date_hierarchy = "created_at"
    list_select_related = ("organisation",)
    fields = (
        "reference", "use_case", "task", "organisation", "submitted_by", "dataset",
        "model_version", "status", "stage", "fraction", "attempts", "worker", "lease_expires_at",
        "created_at", "started_at", "finished_at", "failure", "fingerprint",
        "engine", "protocol",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Evaluation | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Evaluation | None = None) -> bool:
        return False
