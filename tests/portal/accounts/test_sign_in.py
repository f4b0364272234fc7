"""Sign-in by password, and another password: quick for people, slow for guessers."""

from __future__ import annotations

import re
from typing import Any
from unittest import mock

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.organisations.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db
SIGN_IN = "/account/sign-in/"
FORGOTTEN = "/account/password/forgotten/"
DATABASE_CACHE = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}
}


@pytest.fixture
def person() -> User:
    return factories.a_person(factories.an_organisation(), Role.CONTRIBUTOR)


def sign_in(client: Client, email: str, password: str = factories.PASSWORD, **data: str) -> Any:
    return client.post(SIGN_IN, {"login": email, "password": password} | data)


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_password_signs_in_whatever_the_case_of_the_address(person: User) -> None:
    client = Client()
    answer = sign_in(client, person.email.upper(), next="/ckd/")
    assert (answer.status_code, answer.url) == (302, "/ckd/")
    assert is_signed_in(client)
    assert client.session.get_expiry_age() <= 12 * 60 * 60


def test_who_is_signed_in_already_is_sent_on(person: User) -> None:
    client = Client()
    client.force_login(person)
    assert client.get(SIGN_IN, {"next": "/ckd/"}).url == "/ckd/"


def test_the_fields_keep_no_placeholder_and_no_password(person: User) -> None:
    page = sign_in(Client(), person.email, "not it").content.decode()
    assert "placeholder" not in page.split("<main")[1]
    assert "not it" not in page


def test_the_sixth_attempt_on_an_account_waits_even_with_the_right_password(person: User) -> None:
    for number in range(5):
        assert sign_in(Client(), person.email, f"guess {number}").status_code == 200
    client = Client()
    answer = sign_in(client, person.email)
    assert "Too many attempts" in answer.content.decode()
    assert not is_signed_in(client)
    # Somebody else from the same place is let in.
    other = factories.a_person()
    client = Client()
    sign_in(client, other.email)
    assert is_signed_in(client)


def test_attempts_on_an_account_that_does_not_exist_end_in_the_same_words() -> None:
    answers = [sign_in(Client(), "nobody@example.org", f"guess {number}") for number in range(6)]
    assert "is wrong" in answers[4].content.decode()
    assert "Too many attempts" in answers[5].content.decode()


def test_one_address_tries_ten_accounts_a_minute_and_no_more() -> None:
    for number in range(10):
        sign_in(Client(), f"nobody{number}@example.org", "guess")
    assert "Too many attempts" in sign_in(Client(), "nobody@example.org").content.decode()
    for number in range(20):
        answer = sign_in(Client(), f"person{number}@example.org", "guess")
    assert answer.status_code == 429
    assert "Too many attempts" in answer.content.decode()


def test_a_letter_is_sent_five_times_a_minute(person: User) -> None:
    for _ in range(5):
        Client().post(FORGOTTEN, {"email": person.email})
    assert Client().post(FORGOTTEN, {"email": person.email}).status_code == 429
    assert len(mail.outbox) == 5


def test_attempts_are_counted_in_the_database_that_all_processes_share(
    person: User, settings: Any
) -> None:
    settings.CACHES = DATABASE_CACHE
    for number in range(5):
        sign_in(Client(), person.email, f"guess {number}")
    assert "Too many attempts" in sign_in(Client(), person.email).content.decode()
    cache.clear()
    client = Client()
    sign_in(client, person.email)
    assert is_signed_in(client)


def test_each_attempt_hashes_as_much_whoever_it_is_about(person: User, settings: Any) -> None:
    """What an attempt takes is the hashing; counted, since a clock also times the machine."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    settings.ACCOUNT_RATE_LIMITS = False
    person.set_password(factories.PASSWORD)
    person.save()
    closed = factories.a_person(is_active=False)
    closed.set_password(factories.PASSWORD)
    closed.save()
    without = factories.a_person()
    without.set_unusable_password()
    without.save()

    def rounds(email: str, password: str) -> int:
        with mock.patch.object(
            PBKDF2PasswordHasher, "encode", autospec=True, side_effect=PBKDF2PasswordHasher.encode
        ) as encode:
            sign_in(Client(), email, password)
        hasher = PBKDF2PasswordHasher
        return sum(
            call.kwargs.get("iterations") or (call.args[3:] or [None])[0] or hasher.iterations
            for call in encode.call_args_list
        )

    known = rounds(person.email, "wrong")
    assert known >= PBKDF2PasswordHasher.iterations
    for email, password in (
        ("nobody@example.org", "wrong"),
        (closed.email, factories.PASSWORD),
        (without.email, "wrong"),
    ):
        assert rounds(email, password) == known, email


def test_a_forgotten_password_is_answered_alike_and_a_letter_goes_out_in_any_case(
    person: User,
) -> None:
    closed = factories.a_person(is_active=False)
    pages = set()
    for email in (person.email, "nobody@example.org", closed.email):
        answer = Client().post(FORGOTTEN, {"email": email})
        pages.add((answer.status_code, answer.url))
    assert pages == {(302, reverse("account_reset_password_done"))}
    first, *others = mail.outbox
    assert "/account/password/new/" in first.body
    assert len(others) == 2
    for other in others:
        assert "No account with a password" in other.body
        assert "/account/password/new/" not in other.body


def link() -> str:
    found = re.search(r"http://testserver(/account/password/new/\S+)", mail.outbox[-1].body)
    assert found is not None
    return found[1]


def test_a_letter_brings_a_new_password_once(person: User) -> None:
    elsewhere = Client()
    sign_in(elsewhere, person.email)
    Client().post(FORGOTTEN, {"email": person.email.upper()})
    address, client = link(), Client()
    form = client.get(address, follow=True)
    assert "set-password" in form.request["PATH_INFO"]  # the key leaves the address
    new = "another long password, 2"
    answer = client.post(form.request["PATH_INFO"], {"password1": new, "password2": new})
    assert (answer.status_code, answer.url) == (302, SIGN_IN)
    assert not is_signed_in(client)  # the second factor is asked at the sign-in that follows
    person.refresh_from_db()
    assert person.check_password(new)
    assert elsewhere.get("/account/").status_code == 302
    assert "no longer works" in Client().get(address, follow=True).content.decode()
    assert "was changed" in mail.outbox[-1].body


@pytest.mark.parametrize("weak", ["short", "password1234", "123456789012345", "person@example.org"])
def test_a_weak_password_is_refused(person: User, weak: str) -> None:
    client = Client()
    client.force_login(person)
    passwords = {"oldpassword": factories.PASSWORD, "password1": weak, "password2": weak}
    if "person" in weak:
        passwords |= {"password1": person.email, "password2": person.email}
    answer = client.post("/account/password/", passwords)
    assert answer.status_code == 200
    person.refresh_from_db()
    assert person.check_password(factories.PASSWORD)


def test_a_changed_password_keeps_this_session_and_ends_the_others(person: User) -> None:
    here, elsewhere = Client(), Client()
    sign_in(here, person.email)
    sign_in(elsewhere, person.email)
    new = "another long password, 2"
    answer = here.post(
        "/account/password/",
        {"oldpassword": factories.PASSWORD, "password1": new, "password2": new},
    )
    assert (answer.status_code, answer.url) == (302, "/account/")
    assert here.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302
    assert mail.outbox[-1].to == [person.email]


def test_a_mail_server_that_is_away_tells_nothing(person: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    for email in (person.email, "nobody@example.org"):
        assert Client().post(FORGOTTEN, {"email": email}).status_code == 302


def test_nobody_signs_up() -> None:
    for path in ("signup/", "sign-up/", "sign-in/code/", "email/", "login/"):
        assert Client().get(f"/account/{path}").status_code == 404


def test_the_administration_has_no_sign_in_of_its_own(person: User) -> None:
    answer = Client().get("/admin/login/", {"next": "/admin/"})
    assert (answer.status_code, answer.url) == (302, f"{SIGN_IN}?next=/admin/")
    administrator = factories.a_person(is_staff=True, is_superuser=True)
    posted = {"username": administrator.email, "password": factories.PASSWORD}
    client = Client()
    client.post("/admin/login/", posted)
    assert not is_signed_in(client)


def test_a_session_is_known_by_its_browser(person: User) -> None:
    client = Client(headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"})
    sign_in(client, person.email)
    found = UserSession.objects.get(user=person)
    assert found.ip == "127.0.0.1"
    assert "Firefox, Linux" in client.get("/account/").content.decode()
