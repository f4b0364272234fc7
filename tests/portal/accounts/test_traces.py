"""What changes how a person signs in stands in the log, and no secret does."""

from __future__ import annotations

import pytest
from django.test import Client

from portal.accounts.models import ApiToken, User
from portal.audit.acts import Act
from portal.audit.models import Entry
from portal.organisations.roles import Role
from tests import factories
from tests.portal.accounts.codes import code
from tests.portal.accounts.test_sign_in import FORGOTTEN, link, sign_in

pytestmark = pytest.mark.django_db
NEW = "another long password, 2"
ABOUT_ACCOUNTS = (
    Act.PERSON_CHANGED, Act.PASSWORD_CHANGED, Act.FACTOR_ADDED, Act.FACTOR_REMOVED,
    Act.TOKEN_MADE, Act.TOKEN_REVOKED,
)  # fmt: skip


@pytest.fixture
def person() -> User:
    return factories.a_person(factories.an_organisation(), Role.VIEWER)


@pytest.fixture
def client(person: User) -> Client:
    client = Client()
    sign_in(client, person.email)
    return client


def told(person: User) -> list[str]:
    """What the log says that the person did, the oldest first."""
    found = Entry.objects.filter(verb__in=ABOUT_ACCOUNTS).order_by("id")
    for entry in found:
        assert (entry.person, entry.object_id) == (person, str(person.pk))
        assert entry.address == "127.0.0.1"
    return [entry.sentence for entry in found]


def test_signing_in_and_only_that(client: Client, person: User) -> None:
    sign_in(Client(), person.email, "not it")
    client.get("/account/")
    entry = Entry.objects.get(verb=Act.SIGNED_IN)
    assert (entry.person, entry.organisation) == (person, person.memberships.get().organisation)
    assert (entry.sentence, entry.address) == ("signed in", "127.0.0.1")


def test_a_password_without_the_second_factor_is_no_sign_in(client: Client, person: User) -> None:
    secret = client.get("/account/second-factor/app/").context["form"].secret
    client.post("/account/second-factor/app/", {"code": code(secret)})
    sign_in(Client(), person.email)  # and no code
    assert Entry.objects.filter(verb=Act.SIGNED_IN).count() == 1


def test_signing_out_here_and_elsewhere(client: Client, person: User) -> None:
    for _ in range(2):
        sign_in(Client(), person.email)
    client.post("/account/sessions/end-others/")
    client.post("/account/sessions/end-others/")  # there are none left
    client.post("/account/sign-out/")
    client.post("/account/sign-out/")
    found = Entry.objects.filter(verb__in=(Act.SESSIONS_ENDED, Act.SIGNED_OUT)).order_by("id")
    assert [(entry.person, entry.sentence) for entry in found] == [
        (person, "ended 2 sessions elsewhere"),
        (person, "signed out"),
    ]


def test_refused_sign_ins_say_whose_account_and_nothing_that_was_typed(person: User) -> None:
    closed = factories.a_person(is_active=False)
    sign_in(Client(), person.email.upper(), "not it")
    sign_in(Client(), closed.email)
    sign_in(Client(), "nobody@example.org", "not it")
    found = list(Entry.objects.filter(object_type="accounts.user").order_by("id"))
    assert [(entry.object_id, entry.sentence) for entry in found] == [
        (str(person.pk), f"refused a sign-in as {person}: the password was wrong"),
        (str(closed.pk), f"refused a sign-in as {closed}: the account is deactivated"),
    ]
    for entry in found:
        assert (entry.verb, entry.person, entry.address) == (Act.SIGN_IN_REFUSED, None, "127.0.0.1")


def test_attempts_on_one_account_do_not_fill_the_log(person: User) -> None:
    for number in range(8):
        sign_in(Client(REMOTE_ADDR=f"192.0.2.{number}"), person.email, "not it")
    assert Entry.objects.filter(verb=Act.SIGN_IN_REFUSED).count() == 5


def test_a_wrong_code_after_the_right_password_is_a_refusal(client: Client, person: User) -> None:
    secret = client.get("/account/second-factor/app/").context["form"].secret
    client.post("/account/second-factor/app/", {"code": code(secret)})
    other = Client()
    sign_in(other, person.email)
    other.post("/account/sign-in/second-factor/", {"code": "000000"})
    entry = Entry.objects.get(verb=Act.SIGN_IN_REFUSED)
    assert entry.sentence.endswith("the code after the right password was wrong")
    assert (entry.person, entry.object_id) == (None, str(person.pk))


def test_names(client: Client, person: User) -> None:
    client.post("/account/name/", {"full_name": "Another name"})
    assert told(person) == ["changed their name"]
    assert Entry.objects.latest("id").person_name == "Another name"


def test_tokens(client: Client, person: User) -> None:
    client.post("/account/tokens/new/", {"name": "My words", "scope": "write", "days": "30"})
    token = ApiToken.objects.get()
    client.post(f"/account/tokens/{token.digest}/revoke/")
    assert told(person) == [
        f"made the API token {token.token_key}… (write, 30 days)",
        f"revoked the API token {token.token_key}…",
    ]


def test_second_factors(client: Client, person: User) -> None:
    secret = client.get("/account/second-factor/app/").context["form"].secret
    client.post("/account/second-factor/app/", {"code": "000000"})
    client.post("/account/second-factor/app/", {"code": code(secret)})
    client.post("/account/second-factor/codes/new/")
    client.post("/account/second-factor/app/remove/")
    assert told(person) == [
        "set up an authenticator app",
        "made new recovery codes",
        "removed the authenticator app",
    ]


def test_passwords(client: Client, person: User) -> None:
    passwords = {"password1": NEW, "password2": NEW}
    client.post("/account/password/", passwords | {"oldpassword": "wrong"})
    client.post("/account/password/", passwords | {"oldpassword": factories.PASSWORD})
    Client().post(FORGOTTEN, {"email": person.email})
    form = (visitor := Client()).get(link(), follow=True)
    newer = {"password1": f"{NEW}3", "password2": f"{NEW}3"}
    visitor.post(form.request["PATH_INFO"], newer)
    assert told(person) == [
        "changed the password",
        "changed the password by the link in a letter",
    ]
