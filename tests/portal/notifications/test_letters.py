"""Letters: once each, in the person's language, and neither lost nor in the way of others."""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPException, SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends import locmem
from django.db.models.functions import Now
from django.test import Client
from django.utils.translation import override

from portal.accounts.models import User
from portal.notifications import tasks
from portal.notifications.actions import mark_read, notify, prefer
from portal.notifications.kinds import Kind
from portal.notifications.models import Notification
from portal.notifications.tasks import mail_person, sweep_notifications
from tests import factories

pytestmark = pytest.mark.django_db

ASKED = "%(coordinator)s asks %(organisation)s to take part in “%(study)s”."
WORDS = {"coordinator": "Rigshospitalet", "organisation": "A & B", "study": "Salt"}


@pytest.fixture
def person() -> User:
    return factories.a_person(full_name="Åse Ø")


@pytest.fixture(autouse=True)
def _address(settings: Any) -> None:
    settings.SITE_URL = "https://portal.example"


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    for module in (tasks, "portal.notifications.actions"):
        name = module if isinstance(module, str) else module.__name__
        monkeypatch.setattr(f"{name}.wake", lambda task, pk: found.append(pk))
    return found


def a_letter_is_due(person: User, **fields: Any) -> Notification:
    return factories.a_notification(person, **{"sentence": ASKED, "words": WORDS} | fields)


def make_due() -> None:
    """As if the time of the next attempt had come."""
    Notification.objects.filter(mail_at__isnull=False).update(mail_at=Now() - timedelta(seconds=1))


class Away(locmem.EmailBackend):
    """A mail server that does not answer."""

    def open(self) -> bool:
        raise ConnectionRefusedError


class Refusing(locmem.EmailBackend):
    """A mail server that does not take a letter to one address."""

    refused = ""

    def send_messages(self, messages: Any) -> int:
        if any(self.refused in one.to for one in messages):
            raise SMTPServerDisconnected("gone")
        return int(super().send_messages(messages))


def test_a_letter_is_a_sentence_and_a_link_in_the_language_of_the_person(person: User) -> None:
    prefer(language="fr", by_mail=set(Kind), by=person)
    a_letter_is_due(person)
    with override("da"):  # the worker's own is nobody's
        mail_person(person.pk)
    (sent,) = mail.outbox
    assert sent.to == [person.email]
    assert sent.subject == "SHAIPED: Quelque chose vous attend"
    assert "Rigshospitalet" in sent.body
    assert "A & B" in sent.body  # not escaped: it is no HTML
    assert "\nhttps://portal.example/fr/my-work/\n" in sent.body
    choices = "https://portal.example/fr/account/notifications/preferences/"
    assert choices in sent.body
    assert sent.extra_headers["List-Unsubscribe"] == f"<{choices}>"


def test_a_message_that_comes_twice_sends_one_letter(person: User) -> None:
    a_letter_is_due(person)
    mail_person(person.pk)
    mail_person(person.pk)
    sweep_notifications()
    assert len(mail.outbox) == 1
    notification = Notification.objects.get()
    assert notification.mailed_at is not None
    assert notification.mail_at is None


def test_what_is_due_together_goes_into_one_letter(person: User) -> None:
    for number in range(25):
        a_letter_is_due(person, words=WORDS | {"study": f"Study {number}"})
    a_letter_is_due(person, kind=Kind.DECISION)
    mail_person(person.pk)
    (sent,) = mail.outbox
    assert sent.subject == "SHAIPED: 26 notifications"
    assert sent.body.count("asks A & B") == 20
    assert "And 6 more:" in sent.body
    assert "https://portal.example/account/notifications/" in sent.body
    assert not Notification.objects.filter(mailed_at=None).exists()


def test_letters_go_out_once_the_transaction_is_committed(
    person: User, woken: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    other = factories.a_person()
    with django_capture_on_commit_callbacks() as callbacks:
        notify(to=[person, other], kind=Kind.WAITING, sentence=ASKED, words=WORDS, url="/")
        notify(to=[person], kind=Kind.EVALUATION_ENDED, sentence=ASKED, words=WORDS, url="/")
    assert woken == []
    for callback in callbacks:
        callback()
    assert woken == [person.pk, other.pk]


def test_the_sweep_wakes_what_was_not_sent(person: User, woken: list[int]) -> None:
    a_letter_is_due(person)
    a_letter_is_due(person)
    a_letter_is_due(factories.a_person(), kind=Kind.EVALUATION_ENDED)
    sweep_notifications()
    assert woken == [person.pk]


def test_a_worker_that_dies_while_it_sends_leaves_the_letter_to_be_sent(
    person: User, woken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_letter_is_due(person)

    class Died(BaseException):
        pass

    def die(*arguments: Any) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "letter", die)
        with pytest.raises(Died):
            mail_person(person.pk)
    mail_person(person.pk)  # for a while it may be another's
    sweep_notifications()
    assert (mail.outbox, woken) == ([], [])
    make_due()
    sweep_notifications()
    assert woken == [person.pk]
    mail_person(person.pk)
    assert len(mail.outbox) == 1


def test_while_the_mail_server_is_away_nothing_is_lost_and_one_letter_is_tried(
    person: User, settings: Any, woken: list[int]
) -> None:
    other = factories.a_person()
    a_letter_is_due(person)
    a_letter_is_due(other)
    settings.EMAIL_BACKEND = f"{__name__}.Away"
    mail_person(person.pk)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mail_person(other.pk)
    sweep_notifications()
    assert (mail.outbox, woken) == ([], [])
    assert set(Notification.objects.values_list("mail_attempts", flat=True)) == {0}
    make_due()
    sweep_notifications()
    assert sorted(woken) == sorted([person.pk, other.pk])
    for pk in woken:
        mail_person(pk)
    assert len(mail.outbox) == 2


def test_a_letter_that_is_not_taken_is_tried_less_and_less_and_then_no_more(
    person: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = factories.a_person()
    notification = a_letter_is_due(person)
    a_letter_is_due(other)
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    monkeypatch.setattr(Refusing, "refused", person.email)
    waits = []
    for _ in range(tasks.MOST_ATTEMPTS + 2):
        mail_person(person.pk)
        notification.refresh_from_db()
        waits.append(notification.mail_at)
        make_due()
    mail_person(other.pk)
    assert [one.to for one in mail.outbox] == [[other.email]]
    assert waits[-1] is None
    assert notification.mail_attempts == tasks.MOST_ATTEMPTS
    assert notification.mailed_at is None
    assert not notification.is_read


@pytest.mark.parametrize("error", [SMTPException, OSError])
def test_no_error_of_a_mail_server_leaves_the_task(
    person: User, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    a_letter_is_due(person)

    def fail(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", fail)
    mail_person(person.pk)
    assert Notification.objects.get().mailed_at is None


def test_who_reads_it_first_leaves_or_wants_none_gets_no_letter() -> None:
    reads, leaves, chooses, stays = (factories.a_person() for _ in range(4))
    for one in (reads, leaves, chooses, stays):
        a_letter_is_due(one)
    mark_read(notification=Notification.objects.get(person=reads))
    User.objects.filter(pk=leaves.pk).update(is_active=False)
    prefer(language="", by_mail={Kind.DECISION}, by=chooses)
    for one in (reads, leaves, chooses, stays):
        mail_person(one.pk)
    assert [one.to for one in mail.outbox] == [[stays.email]]
    assert not Notification.objects.filter(mail_at__isnull=False).exists()
    mail_person(0)  # nobody


def test_letters_are_in_the_language_of_the_last_sign_in_unless_one_is_chosen(person: User) -> None:
    assert person.language_of_letters == "en"
    given = {"login": person.email, "password": factories.PASSWORD}
    assert Client().post("/da/account/sign-in/", given).status_code == 302
    person.refresh_from_db()
    assert (person.language, person.language_of_letters) == ("", "da")
    prefer(language="fr", by_mail=set(), by=person)
    assert Client().post("/account/sign-in/", given).status_code == 302
    person.refresh_from_db()
    assert (person.language_used, person.language_of_letters) == ("en", "fr")


def test_what_was_read_a_year_ago_is_forgotten_a_few_at_a_time(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MOST_PURGED", 2)
    long_ago = Now() - timedelta(days=366)
    for read_at in (long_ago, long_ago, long_ago, Now() - timedelta(days=364), None):
        one = a_letter_is_due(person, kind=Kind.EVALUATION_ENDED)
        Notification.objects.filter(pk=one.pk).update(read_at=read_at, created_at=long_ago)
    left = []
    for _ in range(3):
        sweep_notifications()
        left.append(Notification.objects.count())
    assert left == [3, 2, 2]
