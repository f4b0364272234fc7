"""A person of several organisations chooses for which one they act."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.actions import create_token
from portal.accounts.models import User
from portal.organisations.actions import end_membership, set_membership, suspend_membership
from portal.organisations.models import Organisation
from portal.organisations.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db
CHOOSE = "/account/acting-for/"


@pytest.fixture
def first() -> Organisation:
    return factories.an_organisation("Zealand")  # joined first, and last by name


@pytest.fixture
def second() -> Organisation:
    return factories.an_organisation("Aarhus")


@pytest.fixture
def person(first: Organisation, second: Organisation) -> User:
    factories.a_person(second)  # who joined earlier than this person did
    user = factories.a_person(first, Role.CONTRIBUTOR)
    set_membership(organisation=second, user=user, role=Role.CONTRIBUTOR, by=None)
    return user


@pytest.fixture
def client(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def acting(client: Client) -> Any:
    return client.get("/").context["acting_organisation"]


def test_at_first_one_acts_for_the_organisation_joined_first(
    client: Client, first: Organisation
) -> None:
    assert acting(client) == first


def test_the_choice_holds_for_the_session_and_returns_to_the_page(
    client: Client, first: Organisation, second: Organisation
) -> None:
    answer = client.post(CHOOSE, {"organisation": second.pk, "next": "/ckd/datasets/"})
    assert (answer.status_code, answer.url) == (302, "/ckd/datasets/")
    assert acting(client) == second
    menu = client.get("/").content.decode().split('class="menu account"')[1]
    assert menu.index("Aarhus") < menu.index("Zealand")
    assert client.get(CHOOSE).status_code == 405


def test_forms_choose_it_first(client: Client, second: Organisation) -> None:
    client.post(CHOOSE, {"organisation": second.pk})
    for address in (
        "/ckd/datasets/new/",
        "/ckd/models/new/binary/",
        "/ckd/results/new/binary/",
    ):
        page = client.get(address)
        assert page.status_code == 200, address
        assert page.context["form"]["organisation"].value() in (second, second.pk), address


def test_nobody_acts_for_an_organisation_that_is_not_theirs(
    client: Client, first: Organisation
) -> None:
    other = factories.an_organisation()
    for wanted in (other.pk, "", "x", "9" * 30):
        assert client.post(CHOOSE, {"organisation": wanted}).status_code == 404
    assert acting(client) == first


def test_a_membership_that_ends_ends_the_choice_at_the_next_request(
    client: Client, person: User, first: Organisation, second: Organisation
) -> None:
    client.post(CHOOSE, {"organisation": second.pk})
    end_membership(membership=person.memberships.get(organisation=second), by=None)
    assert acting(client) == first
    end_membership(membership=person.memberships.get(organisation=first), by=None)
    assert acting(client) is None


def test_who_is_suspended_somewhere_acts_for_the_other_one(
    client: Client, person: User, first: Organisation, second: Organisation
) -> None:
    suspend_membership(membership=person.memberships.get(organisation=first), by=None)
    assert acting(client) == second
    assert client.post(CHOOSE, {"organisation": first.pk}).status_code == 404
    assert "Suspended" in client.get("/account/").content.decode()
    _, text = create_token(name="Program", scope="read", days=30, by=person)
    told = client.get("/api/v1/me/", headers={"authorization": f"Bearer {text}"}).json()
    assert [one["name"] for one in told["memberships"]] == ["Aarhus"]


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example", "javascript:x", ""])
def test_choosing_leads_nowhere_else(client: Client, second: Organisation, onward: str) -> None:
    answer = client.post(CHOOSE, {"organisation": second.pk, "next": onward})
    assert answer.url == "/account/"


def test_it_takes_one_query_a_page(client: Client, person: User) -> None:
    with CaptureQueriesContext(connection) as two:
        client.get("/datasets/")
    for _ in range(4):
        organisation = factories.an_organisation()
        set_membership(organisation=organisation, user=person, role=Role.VIEWER, by=None)
    with CaptureQueriesContext(connection) as six:
        client.get("/datasets/")
    assert len(two) == len(six)
