"""For which of their organisations a person acts."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from portal.organisations.models import Membership, Organisation
from portal.organisations.roles import MAY, Duty, Role

SESSION_KEY = "acting_organisation"


def _memberships(request: HttpRequest) -> list[Membership]:
    """The person's memberships that give a role now, the oldest first.

    Asked once a request: one that has ended counts for nothing at the next.
    """
    known: list[Membership] | None = getattr(request, "_memberships", None)
    if known is None:
        known = []
        if request.user.is_authenticated and request.user.is_active:
            held = Membership.objects.in_force().filter(user=request.user)
            joined = held.select_related("organisation").order_by("created_at", "organisation_id")
            known = list(joined)
        request._memberships = known  # type: ignore[attr-defined]
    return known


def acting_organisations(request: HttpRequest) -> list[Organisation]:
    """The organisations that the person may act for, the one joined first at the start."""
    return [membership.organisation for membership in _memberships(request)]


def where_may(request: HttpRequest, duty: Duty) -> list[Organisation]:
    """As the query of organisations of that name, for the person who asks: no further query."""
    return [
        membership.organisation
        for membership in _memberships(request)
        if duty in MAY[Role(membership.role)]
    ]


def may_contribute(request: HttpRequest) -> bool:
    """Whether the person may add datasets and models, and submit, for any organisation."""
    return bool(where_may(request, Duty.ADD))


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
