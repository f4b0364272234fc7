"""The pages: what is new, opening it, marking it as read, and choosing what is mailed."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.accounts.actions import create_token
from portal.accounts.models import User
from portal.notifications import models
from portal.notifications.kinds import Kind
from portal.notifications.models import MailChoice, Notification
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return factories.a_person()


@pytest.fixture
def client(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def page(client: Client, name: str = "notification-list", **query: str) -> str:
    response = client.get(reverse(name), query)
    assert response.status_code == 200
    return str(response.content.decode())


def test_the_bell_tells_how_many_are_not_read(
    person: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 'class="badge"' not in page(client, "home")
    for _ in range(3):
        factories.a_notification(person)
    factories.a_notification(factories.a_person())
    assert '<span class="badge">3</span>' in page(client, "home")
    assert 'class="bell"' not in page(Client(), "home")
    monkeypatch.setattr(models, "MOST_COUNTED", 2)
    assert '<span class="badge">2</span>' in page(client, "home")


def test_opening_one_marks_it_as_read_and_goes_there_in_the_language_of_the_page(
    person: User, client: Client
) -> None:
    notification = factories.a_notification(person)
    assert "Mark as read" in page(client)
    response = client.post(f"/fr/account/notifications/{notification.pk}/open/")
    assert (response.status_code, response["Location"]) == (302, "/fr/my-work/")
    notification.refresh_from_db()
    assert notification.is_read
    assert ": “Study" not in page(client)


def test_looking_marks_nothing_as_read(person: User, client: Client) -> None:
    notification = factories.a_notification(person)
    for name in ("notification-list", "my-work", "notification-preferences"):
        page(client, name)
    for name in ("notification-open", "notification-read"):
        address = reverse(name, kwargs={"notification_id": notification.pk})
        assert client.get(address).status_code == 405
    notification.refresh_from_db()
    assert not notification.is_read


def test_one_or_all_are_marked_as_read(person: User, client: Client) -> None:
    one, other = factories.a_notification(person), factories.a_notification(person)
    address = reverse("notification-read", kwargs={"notification_id": one.pk})
    response = client.post(f"{address}?show=unread")
    assert response["Location"] == f"{reverse('notification-list')}?show=unread"
    unread = page(client, show="unread")
    assert other.text in unread
    assert one.text not in unread
    assert one.text in page(client)
    said = client.post(reverse("notification-read-all"), follow=True).content.decode()
    assert "1 is marked as read." in said
    assert "You have read everything" in page(client, show="unread")


def test_what_somebody_was_told_is_nobody_elses(client: Client) -> None:
    notification = factories.a_notification(factories.a_person())
    assert notification.text not in page(client)
    for name in ("notification-open", "notification-read"):
        address = reverse(name, kwargs={"notification_id": notification.pk})
        assert client.post(address).status_code == 404
    client.post(reverse("notification-read-all"))
    notification.refresh_from_db()
    assert not notification.is_read


def test_what_is_told_is_no_markup(person: User, client: Client) -> None:
    factories.a_notification(person, words={"study": "<script>alert(1)</script>"})
    for name in ("notification-list", "my-work"):
        text = page(client, name)
        assert "&lt;script&gt;alert(1)" in text
        assert "<script>alert" not in text


def test_my_work_shows_the_newest_that_are_not_read(person: User, client: Client) -> None:
    assert "New for you" not in page(client, "my-work")
    told = [factories.a_notification(person) for _ in range(7)]
    text = page(client, "my-work")
    assert [one.text in text for one in told] == [False] * 2 + [True] * 5


def test_preferences_are_kept(person: User, client: Client) -> None:
    text = page(client, "notification-preferences")
    assert text.count(" checked") == len(Kind)
    address = reverse("notification-preferences")
    given: dict[str, Any] = {"language": "da", Kind.DECISION: "on"}
    response = client.post(address, given)
    assert response["Location"] == address
    assert MailChoice.objects.kinds_of(person) == {Kind.DECISION}
    person.refresh_from_db()
    assert person.language == "da"
    client.post(address, {"language": "", **dict.fromkeys(Kind, "on")})
    assert MailChoice.objects.kinds_of(person) == set(Kind)
    assert MailChoice.objects.count() == len(Kind)
    refused = client.post(address, {"language": "tlh"})
    assert refused.status_code == 200
    assert MailChoice.objects.kinds_of(person) == set(Kind)


def test_what_comes_by_mail_may_be_asked_for(
    person: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "WITHOUT_MAIL", {Kind.NEW_MATCH})
    assert MailChoice.objects.kinds_of(person) == set(Kind) - {Kind.NEW_MATCH}
    assert factories.a_notification(person, kind=Kind.NEW_MATCH).mail_at is None
    client.post(reverse("notification-preferences"), dict.fromkeys(Kind, "on"))
    assert factories.a_notification(person, kind=Kind.NEW_MATCH).mail_at is not None
    assert Notification.objects.count() == 2


def test_the_administration_shows_whether_letters_went_out_and_not_what_they_said() -> None:
    notification = factories.a_notification(factories.a_person(), words={"study": "osmium"})
    administrator = factories.a_person(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(administrator)
    for address in (
        reverse("admin:notifications_notification_changelist"),
        reverse("admin:notifications_notification_change", args=[notification.pk]),
    ):
        text = client.get(address).content.decode()
        assert str(notification.person) in text
        assert "osmium" not in text
        assert notification.url not in text.replace('href="/my-work/"', "")


def test_a_program_reads_what_its_person_was_told(
    person: User, settings: Any, django_assert_max_num_queries: Any
) -> None:
    settings.SITE_URL = "https://portal.example"
    person.language = "fr"
    person.save()
    told = [factories.a_notification(person) for _ in range(3)]
    factories.a_notification(factories.a_person())
    token = create_token(name="Program", scope="read", days=30, by=person)[1]
    headers = {"authorization": f"Bearer {token}"}
    with django_assert_max_num_queries(5):
        found = Client().get("/api/v1/notifications/", headers=headers).json()["notifications"]
    assert [one["id"] for one in found] == [one.pk for one in reversed(told)]
    assert found[0]["url"] == "https://portal.example/fr/my-work/"
    assert set(found[0]) == {"id", "kind", "text", "url", "created_at", "read_at"}
    assert Client().post("/api/v1/notifications/", headers=headers).status_code in (403, 405)
