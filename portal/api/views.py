"""The REST API, version 1."""

from __future__ import annotations

from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.models import ApiToken
from portal.organisations.models import Membership


@api_view(["GET"])
def me(request: Request) -> Response:
    """Who the token belongs to, what they are where, and what the token may do."""
    user, token = request.user, request.auth
    assert isinstance(token, ApiToken)  # noqa: S101 - ScopeAllows lets nobody else in
    return Response(
        {
            "email": user.email,
            "name": user.full_name,
            "memberships": [
                {
                    "organisation": membership.organisation.slug,
                    "name": membership.organisation.name,
                    "role": membership.role,
                }
                for membership in Membership.objects.in_force()
                .filter(user=user)
                .select_related("organisation")
            ],
            "consortium_roles": [
                {"role": appointment.role, "country": appointment.country or None}
                for appointment in user.appointments.all()
            ],
            "token": {"name": token.name, "scope": token.scope, "expires_at": token.expiry},
        }
    )
