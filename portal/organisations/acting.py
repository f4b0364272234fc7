"""For which of their organisations a person acts."""

from __future__ import annotations

from typing import Any

from django.db.models import Min, Q
from django.http import HttpRequest

from portal.organisations.models import Organisation

SESSION_KEY = "acting_organisation"


def acting_organisations(request: HttpRequest) -> list[Organisation]:
    """The organisations that the person may act for, the one joined first at the start.

    Asked once a request: a membership that has ended is no choice at the next one.
    """
    known: list[Organisation] | None = getattr(request, "_acting_organisations", None)
    if known is None:
        known = []
        if request.user.is_authenticated:
            joined = Min("memberships__created_at", filter=Q(memberships__user=request.user))
            mine = Organisation.objects.where_member(request.user)
            known = list(mine.annotate(joined=joined).order_by("joined", "pk"))
        request._acting_organisations = known  # type: ignore[attr-defined]
    return known


def acting_organisation(request: HttpRequest) -> Organisation | None:
    """The organisation that the person chose to act for, or else the one they joined first."""
    choices = acting_organisations(request)
    chosen = request.session.get(SESSION_KEY)
    return next((one for one in choices if one.pk == chosen), choices[0] if choices else None)


def acting_for(request: HttpRequest) -> dict[str, Any]:
    """What a form with an ``organisation`` starts from."""
    return {"organisation": acting_organisation(request)}


def act_for(request: HttpRequest, organisation: Organisation) -> None:
    """Act for ``organisation`` from now on, in this session."""
    request.session[SESSION_KEY] = organisation.pk
