"""The account page: one's name, one's sessions."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.actions import create_token
from portal.accounts.devices import device
from portal.accounts.models import User
from portal.organisations.roles import Role
from tests import factories
from tests.portal.accounts.test_sign_in import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return factories.a_person(factories.an_organisation("Aarhus"), Role.VIEWER)


def session_of(client: Client) -> UserSession:
    return UserSession.objects.get(session_key=client.session.session_key)


def test_the_page_says_who_one_is_and_where(person: User) -> None:
    client = Client()
    client.force_login(person)
    page = client.get("/account/").content.decode()
    for words in (person.full_name, person.email, "Aarhus", "Viewer", "None. A token lets"):
        assert words in page


def test_a_name_is_changed_and_never_emptied(person: User) -> None:
    client = Client()
    client.force_login(person)
    assert client.post("/account/name/", {"full_name": ""}).status_code == 200
    assert client.post("/account/name/", {"full_name": "Tania Blixen"}).status_code == 302
    person.refresh_from_db()
    assert person.full_name == "Tania Blixen"


def test_a_session_elsewhere_is_ended_and_the_present_one_is_not(person: User) -> None:
    here, elsewhere = Client(), Client()
    sign_in(here, person.email)
    sign_in(elsewhere, person.email)
    page = here.get("/account/").content.decode()
    assert page.count("This browser") == 1
    address = f"/account/sessions/{session_of(elsewhere).pk}/end/"
    assert here.post(address).status_code == 302
    assert elsewhere.get("/account/").status_code == 302
    assert here.get("/account/").status_code == 200
    assert here.post(f"/account/sessions/{session_of(here).pk}/end/").status_code == 404


def test_nobody_ends_the_session_of_another(person: User) -> None:
    client, stranger = Client(), Client()
    sign_in(client, person.email)
    stranger.force_login(factories.a_person())
    assert stranger.post(f"/account/sessions/{session_of(client).pk}/end/").status_code == 404
    assert client.get("/account/").status_code == 200


def test_all_other_sessions_are_ended_at_once(person: User) -> None:
    clients = [Client() for _ in range(3)]
    for client in clients:
        sign_in(client, person.email)
    clients[0].post("/account/sessions/end-others/")
    assert [client.get("/account/").status_code for client in clients] == [200, 302, 302]


def test_a_session_that_signed_out_is_listed_no_more(person: User) -> None:
    here, elsewhere = Client(), Client()
    sign_in(here, person.email)
    sign_in(elsewhere, person.email)
    elsewhere.post("/account/sign-out/")
    assert "Sign out everywhere else" not in here.get("/account/").content.decode()


CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (CHROME, "Chrome, Windows"),
        (f"{CHROME} Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Android 15; Mobile) Firefox/140.0", "Firefox, Android"),
        ("curl/8.5.0", "Unknown program"),
        ("", "Unknown program"),
    ],
)
def test_a_browser_in_a_few_words(user_agent: str, words: str) -> None:
    assert device(user_agent) == words


def test_the_page_takes_the_same_number_of_queries_however_much_it_lists(
    person: User, django_assert_num_queries: Any
) -> None:
    client = Client()
    client.force_login(person)
    client.get("/account/")
    with CaptureQueriesContext(connection) as few:
        client.get("/account/")
    for number in range(5):
        factories.set_membership(
            organisation=factories.an_organisation(), user=person, role=Role.VIEWER, by=None
        )
        create_token(name=f"Token {number}", scope="read", days=30, by=person)
    with django_assert_num_queries(len(few)):
        client.get("/account/")
