"""When each session was last used, for the page on which people end those that are not theirs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal.audit.origin import address_of

SEEN_EVERY = timedelta(minutes=5)
"""How exactly the last use is told: each request would be a write otherwise."""


class LastUsedMiddleware:
    """Notes that a session is used, and from which address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.session.session_key  # of the cookie; nobody guesses another's
        if key is not None:
            note_use(key, address_of(request))
        return self.get_response(request)


def note_use(key: str, address: str | None) -> None:
    """One statement, which writes no row that was written less than five minutes ago."""
    now = timezone.now()
    used = {"last_seen_at": now} | ({"ip": address} if address else {})
    UserSession.objects.filter(session_key=key, last_seen_at__lt=now - SEEN_EVERY).update(**used)
