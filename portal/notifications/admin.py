"""The administration's page of letters: whether they were sent, not what they said."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from portal.administration import NothingToEdit, SuperuserAdmin
from portal.notifications.models import Notification


@admin.register(Notification)
class NotificationAdmin(NothingToEdit, SuperuserAdmin):
    """For who asks why no letter came. Neither the sentence, where it leads, nor whether it was
    read is shown: it names what its person may see, and an administrator may not.
    """

    list_display = ("person", "kind", "created_at", "mail_at", "mail_attempts", "mailed_at")
    list_filter = ("kind",)
    search_fields = ("person__email", "person__full_name")
    fields = ("person", "kind", "created_at", "mail_at", "mail_attempts", "mailed_at")
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("person")
