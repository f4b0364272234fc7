"""Invitations that wait, on the page of what is invited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

from portal.catalogue.models import Dataset
from portal.studies.models import Invitation

if TYPE_CHECKING:
    from portal.registry.models import ModelVersion

register = template.Library()


@register.inclusion_tag("studies/_waiting.html", takes_context=True)
def invitations_waiting(
    context: dict[str, Any], subject: Dataset | ModelVersion
) -> dict[str, list[Invitation]]:
    """The studies that ask for ``subject``; nothing for who does not answer for it."""
    waiting = Invitation.objects.waiting_for(context["user"])
    if isinstance(subject, Dataset):
        return {"waiting": list(waiting.filter(dataset=subject))}
    return {"waiting": list(waiting.filter(model_version=subject))}
