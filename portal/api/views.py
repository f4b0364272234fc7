"""The REST API, version 1."""

from __future__ import annotations

from django.utils.translation import override
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.models import ApiToken
from portal.notifications.addresses import absolute
from portal.notifications.models import Notification
from portal.organisations.models import Membership

MOST_NOTIFICATIONS = 100


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


@api_view(["GET"])
def notifications(request: Request) -> Response:
    """The newest of what the person was told, in the language of their letters."""
    user = request.user
    language = user.language_of_letters
    with override(language):
        found = [
            {
                "id": one.pk,
                "kind": one.kind,
                "text": one.text,
                "url": absolute(one.url, language),
                "created_at": one.created_at,
                "read_at": one.read_at,
            }
            for one in Notification.objects.of(user)[:MOST_NOTIFICATIONS]
        ]
    return Response({"notifications": found})
