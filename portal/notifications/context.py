"""What the bell on every page knows."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest

from portal.notifications.models import Notification


def bell(request: HttpRequest) -> dict[str, Any]:
    """How many notifications the person has not read: asked where a page shows the bell."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {"unread_notifications": partial(Notification.objects.count_of_unread, user)}
