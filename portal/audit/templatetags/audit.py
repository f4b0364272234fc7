"""The history of an object, on its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

from portal.audit.histories import history as history_of
from portal.audit.histories import may_read_history
from portal.audit.models import type_of

if TYPE_CHECKING:
    from django.db.models import Model

register = template.Library()

SHOWN = 8
"""Entries on the object's page; the page of its history has the rest."""


@register.inclusion_tag("audit/_history.html", takes_context=True)
def history(context: dict[str, Any], obj: Model) -> dict[str, Any]:
    """What was done to ``obj`` of late; nothing for whom it does not concern."""
    if not may_read_history(context["request"], obj):
        return {"is_shown": False}
    newest = list(history_of(obj)[: SHOWN + 1])
    return {
        "is_shown": True,
        "entries": newest[:SHOWN],
        "has_more": len(newest) > SHOWN,
        "kind": type_of(obj),
        "pk": obj.pk,
    }
