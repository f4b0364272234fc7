"""Telling people something: who is told, once, in which language, and what the database refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import override

from portal.accounts.models import User
from portal.notifications.actions import mark_all_read, mark_read, notify
from portal.notifications.addresses import absolute, page, page_of
from portal.notifications.kinds import Kind
from portal.notifications.models import MailChoice, Notification
from tests import factories

pytestmark = pytest.mark.django_db


def told(*people: User, **fields: Any) -> None:
    """Tell people that a study waits."""
    fields = {
        "kind": Kind.WAITING,
        "sentence": "“%(study)s” waits",
        "words": {"study": "Salt & water"},
        "url": "/my-work/",
    } | fields
    notify(to=people, **fields)


def test_each_active_person_is_told_once() -> None:
    first, second = factories.a_person(), factories.a_person()
    away = factories.a_person(is_active=False)
    told(first, second, first, away)
    assert set(Notification.objects.values_list("person", flat=True)) == {first.pk, second.pk}
    assert Notification.objects.count() == 2
    assert Notification.objects.first().text == "“Salt & water” waits"  # type: ignore[union-attr]
    told(first)
    assert Notification.objects.of(first).count() == 2


def test_nobody_is_told_in_no_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):  # a savepoint
        told()


def test_a_reminder_is_told_once_to_each() -> None:
    first, second = factories.a_person(), factories.a_person()
    told(first, once="permit-1")
    told(first, second, once="permit-1")
    told(first, once="permit-2")
    assert Notification.objects.of(first).count() == 2
    assert Notification.objects.of(second).count() == 1


def test_what_is_told_many_takes_as_many_queries_as_one(django_assert_num_queries: Any) -> None:
    people = [factories.a_person() for _ in range(5)]
    with django_assert_num_queries(4):  # a savepoint, the choices, the rows
        told(*people)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "https://elsewhere.example/"},
        {"url": "//elsewhere.example/"},
        {"url": "/\\elsewhere.example"},
        {"url": "my-work/"},
        {"words": {"model": "A"}},
        {"sentence": "100 % of %(study)s"},
    ],
)
def test_what_leads_elsewhere_or_cannot_be_read_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"path of this site|filled by|format"):
        told(factories.a_person(), **wrong)
    assert not Notification.objects.exists()


def test_it_is_read_in_the_language_of_the_reader() -> None:
    told(factories.a_person(), sentence="Signed in", words={})
    notification = Notification.objects.get()
    with override("fr"):
        assert notification.address == "/fr/my-work/"
    assert notification.address == "/my-work/"


def test_addresses_are_kept_without_a_language(settings: Any) -> None:
    settings.SITE_URL = "https://portal.example"
    with override("da"):
        assert page("my-work") == "/my-work/"
        organisation = factories.an_organisation()
        assert page_of(organisation) == f"/organisations/{organisation.slug}/"
    assert absolute("/my-work/", "en") == "https://portal.example/my-work/"
    assert absolute("/my-work/", "da") == "https://portal.example/da/my-work/"


def test_what_is_read_is_read_once_and_mailed_no_more() -> None:
    person, other = factories.a_person(), factories.a_person()
    told(person, other)
    told(person)
    one = Notification.objects.of(person).latest("id")
    assert one.mail_at is not None
    mark_read(notification=one)
    one.refresh_from_db()
    first = one.read_at
    assert first is not None
    assert one.mail_at is None
    mark_read(notification=one)
    assert mark_all_read(by=person) == 1
    one.refresh_from_db()
    assert one.read_at == first
    assert Notification.objects.count_of_unread(person) == 0
    assert Notification.objects.count_of_unread(other) == 1


def test_letters_are_due_for_who_wants_them_and_those_that_come_in_numbers_wait() -> None:
    wants, wants_none = factories.a_person(), factories.a_person()
    MailChoice.objects.create(person=wants_none, kind=Kind.WAITING, by_mail=False)
    told(wants, wants_none)
    told(wants_none, kind=Kind.EVALUATION_ENDED)
    due = Notification.objects.to_mail()
    assert [one.person for one in due] == [wants]
    later = Notification.objects.get(kind=Kind.EVALUATION_ENDED)
    assert later.mail_at is not None
    assert later.mail_at - later.created_at >= timedelta(minutes=5)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("notification_kind_known", {"kind": "nonsense"}),
        ("notification_leads_to_a_page_of_the_site", {"url": "https://elsewhere.example/"}),
        ("notification_leads_to_a_page_of_the_site", {"url": "//elsewhere.example/"}),
        ("notification_mailed_once", {"mailed_at": Now(), "mail_at": Now()}),
        ("notification_told_once", {"once": "permit-1"}),
    ],
)
def test_the_database_refuses(name: str, wrong: dict[str, Any]) -> None:
    person = factories.a_person()
    told(person, once="permit-1")
    told(person)
    other = Notification.objects.filter(once="")
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        other.update(**wrong)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("mail_choice_kind_known", {"kind": "nonsense"}),
        ("mail_chosen_once_a_kind", {"kind": Kind.WAITING}),
    ],
)
def test_the_database_refuses_a_choice(name: str, wrong: dict[str, Any]) -> None:
    person = factories.a_person()
    MailChoice.objects.create(person=person, kind=Kind.WAITING, by_mail=False)
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        MailChoice.objects.create(person=person, by_mail=True, **wrong)
