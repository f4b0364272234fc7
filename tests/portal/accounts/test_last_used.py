"""The list of sessions says when each was last used, and from where."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from tests import factories
from tests.portal.accounts.test_sign_in import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return factories.a_person(factories.an_organisation())


def a_session(person: User, **unused_for: Any) -> tuple[Client, UserSession]:
    """A session that was last used so long ago."""
    client = Client()
    sign_in(client, person.email)
    session = UserSession.objects.get(session_key=client.session.session_key)
    UserSession.objects.filter(pk=session.pk).update(
        last_seen_at=timezone.now() - timedelta(**unused_for)
    )
    session.refresh_from_db()
    return client, session


def test_a_request_is_a_use_and_only_of_its_own_session(person: User) -> None:
    client, session = a_session(person, hours=3)
    _other, idle = a_session(person, hours=2)
    before = idle.last_seen_at
    client.get("/account/", REMOTE_ADDR="192.0.2.7")
    session.refresh_from_db()
    idle.refresh_from_db()
    assert timezone.now() - session.last_seen_at < timedelta(minutes=1)
    assert session.ip == "192.0.2.7"
    assert idle.last_seen_at == before


def test_what_was_used_within_five_minutes_is_not_written_again(person: User) -> None:
    client, session = a_session(person, minutes=4)
    client.get("/account/", REMOTE_ADDR="192.0.2.7")
    before = session.last_seen_at
    session.refresh_from_db()
    assert (session.last_seen_at, session.ip) == (before, "127.0.0.1")


def test_the_list_shows_it_and_the_last_used_first(person: User) -> None:
    client, mine = a_session(person, minutes=1)
    _second, second = a_session(person, hours=2)
    _third, third = a_session(person, hours=1)
    page = client.get("/account/")
    shown = [one["session"] for one in page.context["sessions"]]
    assert shown == [mine, third, second]
    text = page.content.decode()
    assert text.count("Last used") == 2
    assert "2\xa0hours ago" in text


def test_a_visitor_without_a_session_asks_nothing() -> None:
    with CaptureQueriesContext(connection) as captured:
        Client().get("/healthz")
    assert not any("usersession" in query["sql"] for query in captured)
