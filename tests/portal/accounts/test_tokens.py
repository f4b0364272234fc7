"""Personal API tokens, from the account page to the API."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from portal.accounts.actions import create_token
from portal.accounts.models import ApiToken, User
from portal.accounts.tokens import TokenThrottle
from portal.organisations.models import Appointment
from portal.organisations.roles import ConsortiumRole, Role
from tests import factories

pytestmark = pytest.mark.django_db
ME = "/api/v1/me/"


@pytest.fixture
def person() -> User:
    return factories.a_person(factories.an_organisation("Aarhus"), Role.CONTRIBUTOR)


def a_token(by: User, scope: str = "read", name: str = "Program") -> str:
    return create_token(name=name, scope=scope, days=30, by=by)[1]


def ask(text: str, scheme: str = "Bearer") -> Any:
    return Client().get(ME, headers={"authorization": f"{scheme} {text}"})


def test_the_token_that_the_page_shows_once_answers_who_one_is(person: User) -> None:
    Appointment.objects.create(user=person, role=ConsortiumRole.ACCESS_BODY, country="DK")
    client = Client()
    client.force_login(person)
    page = client.post("/account/tokens/new/", {"name": "Notebook", "scope": "write", "days": "90"})
    text = re.search(r'value="(shaiped_\w+)"', page.content.decode())[1]  # type: ignore[index]
    assert "no-store" in page["Cache-Control"]
    assert text not in client.get("/account/").content.decode()
    assert text[:15] in client.get("/account/").content.decode()
    told = ask(text).json()
    expires = told["token"].pop("expires_at")
    assert told == {
        "email": person.email,
        "name": person.full_name,
        "memberships": [
            {
                "organisation": person.memberships.get().organisation.slug,
                "name": "Aarhus",
                "role": "contributor",
            }
        ],
        "consortium_roles": [{"role": "access-body", "country": "DK"}],
        "token": {"name": "Notebook", "scope": "write"},
    }
    assert 89 <= (timezone.datetime.fromisoformat(expires) - timezone.now()).days <= 90


def test_only_the_hash_is_kept(person: User) -> None:
    text = a_token(person)
    kept = ApiToken.objects.get()
    assert len(text) > 64
    assert len(kept.digest) == 128
    assert text not in str(vars(kept))


def test_no_token_and_a_wrong_one_are_refused(person: User) -> None:
    text = a_token(person)
    for answer in (
        Client().get(ME),
        ask(text[:-1] + ("0" if text[-1] != "0" else "1")),
        ask(""),
        ask("a b"),
        ask(text, scheme="Basic"),
        Client().get(ME, headers={"authorization": b"Bearer \xff\xfe".decode("latin-1")}),
    ):
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == "Bearer"


def test_a_session_alone_does_not_open_the_api(person: User) -> None:
    client = Client()
    client.force_login(person)
    assert client.get(ME).status_code == 401


def test_who_is_deactivated_is_out_at_once(person: User) -> None:
    text = a_token(person)
    assert ask(text).status_code == 200
    person.is_active = False
    person.save()
    assert ask(text).status_code == 401


def test_a_token_ends(person: User) -> None:
    text = a_token(person)
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert ask(text).status_code == 401
    client = Client()
    client.force_login(person)
    assert "Expired" in client.get("/account/").content.decode()


def test_a_revoked_token_is_refused_and_only_its_owner_revokes_it(person: User) -> None:
    text = a_token(person)
    address = f"/account/tokens/{ApiToken.objects.get().digest}/revoke/"
    stranger, owner = Client(), Client()
    stranger.force_login(factories.a_person())
    assert stranger.post(address).status_code == 404
    assert ask(text).status_code == 200
    owner.force_login(person)
    assert owner.post(address).status_code == 302
    assert ask(text).status_code == 401


def test_the_last_use_is_told_without_a_write_each_time(person: User) -> None:
    text = a_token(person)
    ask(text)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    ask(text)
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(hours=1))
    ask(text)
    assert ApiToken.objects.get().last_used_at > first


@api_view(["GET", "POST"])
def anything(request: Any) -> Response:
    return Response({})


@pytest.mark.parametrize(
    ("scope", "method", "status"),
    [("read", "get", 200), ("read", "post", 403), ("write", "get", 200), ("write", "post", 200)],
)
def test_writing_takes_the_scope_write(person: User, scope: str, method: str, status: int) -> None:
    make = getattr(APIRequestFactory(), method)
    request = make("/", headers={"authorization": f"Bearer {a_token(person, scope)}"})
    answer = anything(request)
    assert answer.status_code == status
    if status == 403:
        assert "may only read" in answer.data["detail"]


def test_a_token_asks_so_many_times_a_minute(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TokenThrottle, "THROTTLE_RATES", {"token": "2/minute"})
    text = a_token(person)
    assert [ask(text).status_code for _ in range(3)] == [200, 200, 429]
    assert ask(a_token(person, name="Another")).status_code == 200


def test_a_name_stands_for_one_token_of_a_person(person: User) -> None:
    a_token(person)
    client = Client()
    client.force_login(person)
    answer = client.post("/account/tokens/new/", {"name": "Program", "scope": "read", "days": "30"})
    assert "You have a token of this name" in answer.content.decode()
    a_token(factories.a_person())
    with pytest.raises(IntegrityError, match="api_token_name_once"):
        a_token(person)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [({"scope": "admin"}, "api_token_scope_known"), ({"expiry": None}, "api_token_expires")],
)
def test_the_database_keeps_tokens_in_order(
    person: User, change: dict[str, Any], constraint: str
) -> None:
    a_token(person)
    with pytest.raises(IntegrityError, match=constraint):
        ApiToken.objects.update(**change)


@pytest.mark.parametrize("days", ["0", "3650", "x", ""])
def test_a_token_ends_within_a_year(person: User, days: str) -> None:
    client = Client()
    client.force_login(person)
    client.post("/account/tokens/new/", {"name": "Program", "scope": "read", "days": days})
    assert not ApiToken.objects.exists()


def test_who_i_am_takes_few_queries(person: User, django_assert_max_num_queries: Any) -> None:
    text = a_token(person)
    ask(text)
    with django_assert_max_num_queries(5):
        ask(text)
