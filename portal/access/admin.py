"""The administration's pages of applications, reviews and permits: where each stands.

What they say is for those whom they concern. Nothing is changed here: bodies decide on their
pages, with their reasons on the record.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from portal.access.models import Application, Permit, Review
from portal.administration import ReadOnlyAdmin


@admin.register(Application)
class ApplicationAdmin(ReadOnlyAdmin):
    """Which applications there are; neither their texts nor their datasets are shown."""

    list_display = ("reference", "organisation", "status", "created_at", "submitted_at",
                    "ended_at")  # fmt: skip
    list_filter = ("status", "purpose", "organisation")
    search_fields = ("reference", "organisation__name")
    list_select_related = ("organisation",)
    fields = ("reference", "organisation", "status", "purpose", "created_by", "created_at",
              "changed_at", "submitted_at", "ended_at")  # fmt: skip


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """With whom applications are, and until when these decide."""

    organisation_path = "application__organisation"
    list_display = ("reference", "country", "holder", "status", "received_at", "due_on",
                    "decided_at")  # fmt: skip
    list_filter = ("status", "country")
    search_fields = ("application__reference",)
    list_select_related = ("application", "holder")
    fields = ("reference", "country", "holder", "status", "received_at", "complete_at", "due_on",
              "extended_at", "decided_at", "decided_by")  # fmt: skip
    readonly_fields = ("reference",)

    @admin.display(ordering="application__reference")
    def reference(self, review: Review) -> str:
        return review.application.reference


@admin.register(Permit)
class PermitAdmin(ReadOnlyAdmin):
    """Which permits there are, in each of their versions."""

    list_display = ("number", "version", "organisation", "status", "valid_from", "valid_until")
    list_filter = ("status", "purpose", "organisation")
    search_fields = ("number", "title", "organisation__name")
    list_select_related = ("organisation",)
    fields = ("number", "version", "organisation", "title", "purpose", "valid_from",
              "valid_until", "environment", "keeps_results", "status", "status_at", "issued_by",
              "issued_at")  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("organisation")
