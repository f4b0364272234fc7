"""Signing in through a partner's identity provider, with a real one on this machine."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse

from portal.accounts.identity_providers import identity_providers
from portal.accounts.models import User
from portal.audit.acts import Act
from portal.audit.models import Entry
from tests import factories
from tests.portal.accounts.provider import CLIENT, SECRET, Provider, a_key, serving

pytestmark = pytest.mark.django_db

START = "/account/providers/partner/"


@pytest.fixture(scope="module")
def server() -> Iterator[Provider]:
    with serving() as provider:
        yield provider


@pytest.fixture
def provider(server: Provider) -> Provider:
    """The provider as new, with its key and address."""
    issuer, key = server.issuer, server.key
    server.__init__()  # type: ignore[misc]
    server.issuer, server.key = issuer, key
    return server


@pytest.fixture(autouse=True)
def _configured(provider: Provider, settings: Any) -> None:
    settings.IDENTITY_PROVIDERS = configured(provider)


def configured(provider: Provider, **changes: Any) -> Any:
    one = {
        "id": "partner",
        "name": "A partner",
        "discovery_url": f"{provider.issuer}/.well-known/openid-configuration",
        "client_id": CLIENT,
        "client_secret": SECRET,
        "email_domains": ["partner.example"],
    }
    return identity_providers(json.dumps([one | changes]))


def leave(client: Client, **data: str) -> str:
    """Start at the site; the address of the provider that it leads to."""
    page = client.post(START, data)
    assert page.status_code == 200, page.content.decode()
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.content.decode())
    assert found is not None
    return html.unescape(found[1])


def come_back(client: Client, address: str) -> Any:
    """Sign in at the provider, and follow it back to the site."""
    answer = requests.get(address, allow_redirects=False, timeout=5)
    back = urlsplit(answer.headers["Location"])
    return client.get(f"{back.path}?{back.query}")


def sign_in(client: Client, **data: str) -> Any:
    return come_back(client, leave(client, **data))


def person_of(client: Client) -> User | None:
    found = client.session.get("_auth_user_id")
    return User.objects.get(pk=found) if found else None


def karen(**fields: Any) -> User:
    return User.objects.create_user(
        "Karen@partner.example", factories.PASSWORD, full_name="Karen Blixen", **fields
    )


def test_a_verified_address_signs_in_to_the_account_that_has_it() -> None:
    user, client = karen(), Client()
    answer = sign_in(client, next="/ckd/datasets/")
    assert (answer.status_code, answer.url) == (302, "/ckd/datasets/")
    assert person_of(client) == user
    assert "A partner" in mail.outbox[0].body
    user.refresh_from_db()
    assert user.check_password(factories.PASSWORD)  # who had a password keeps it
    assert [str(entry) for entry in Entry.objects.filter(verb=Act.PERSON_CHANGED)] == [
        "Karen Blixen was matched by the provider “A partner”"
    ]


def test_the_second_time_the_subject_counts_and_not_the_address(provider: Provider) -> None:
    user = karen()
    sign_in(Client())
    provider.person |= {"email": "someone@partner.example", "email_verified": False}
    client = Client()
    sign_in(client)
    assert person_of(client) == user


def test_pkce_nonce_and_state_are_new_each_time(provider: Provider) -> None:
    karen()
    sign_in(Client())
    sign_in(Client())
    first, second = provider.asked
    for name in ("code_challenge", "nonce", "state"):
        assert first[name] != second[name]
    assert first["redirect_uri"] == f"http://testserver{START}callback/"


@pytest.mark.parametrize("verified", [False, None, "false"])
def test_an_address_that_the_provider_has_not_verified_matches_nobody(
    provider: Provider, verified: Any
) -> None:
    karen()
    provider.person["email_verified"] = verified
    client = Client()
    assert sign_in(client).status_code == 403
    assert person_of(client) is None
    assert not SocialAccount.objects.exists()


def test_a_provider_vouches_for_nobody_of_another_domain(provider: Provider) -> None:
    other = factories.a_person(is_staff=True)
    for email in (other.email, "karen@partner.example.evil.example", "karen@sub.partner.example"):
        provider.person["email"] = email
        client = Client()
        assert sign_in(client).status_code == 403, email
        assert person_of(client) is None


def test_nobody_gets_an_account_unless_the_provider_may_make_them() -> None:
    client = Client()
    answer = sign_in(client)
    assert answer.status_code == 403
    assert "no account here that is open to you" in answer.content.decode()
    assert not User.objects.exists()


def test_a_provider_that_may_make_accounts_makes_one_without_a_password(
    provider: Provider, settings: Any
) -> None:
    settings.IDENTITY_PROVIDERS = configured(provider, creates_accounts=True)
    client = Client()
    assert sign_in(client).status_code == 302
    user = person_of(client)
    assert user is not None
    assert (user.email, user.full_name) == ("karen@partner.example", "Karen Blixen")
    assert not user.has_usable_password()
    assert not user.is_staff
    assert list(user.memberships.all()) == []
    assert Entry.objects.filter(verb=Act.PERSON_ADDED, object_id=str(user.pk)).count() == 1
    again = Client()
    sign_in(again)
    assert person_of(again) == user
    # No letter brings a password that would outlive the provider's word.
    mail.outbox.clear()
    Client().post(reverse("account_reset_password"), {"email": user.email})
    assert "No account with a password" in mail.outbox[0].body
    assert again.get(reverse("account_change_password")).status_code == 404


def test_the_provider_does_not_stand_in_for_the_second_factor(settings: Any) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    user = karen(is_staff=True)
    client = Client()
    sign_in(client)
    assert person_of(client) == user
    assert client.get("/admin/").url == "/account/second-factor/"
    TOTP.activate(user, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    again = Client()
    assert sign_in(again).url == "/account/sign-in/second-factor/"
    assert person_of(again) is None


def test_who_has_no_password_confirms_by_signing_in_there_again(
    provider: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.IDENTITY_PROVIDERS = configured(provider, creates_accounts=True)
    client = Client()
    sign_in(client)
    setup = "/account/second-factor/app/"
    assert client.get(setup).status_code == 200
    with monkeypatch.context() as later:
        moment = time.time() + 400
        later.setattr(time, "time", lambda: moment)
        asked = client.get(setup)
        assert asked.url == f"{START}?next=%2Faccount%2Fsecond-factor%2Fapp%2F"
    answer = sign_in(client, next=setup)
    assert answer.url == setup
    assert client.get(setup).status_code == 200


def test_a_closed_account_gets_the_answer_of_no_account(settings: Any, provider: Provider) -> None:
    settings.IDENTITY_PROVIDERS = configured(provider, creates_accounts=True)
    user = karen()
    sign_in(Client())
    user.is_active = False
    user.save()
    known, unknown = Client(), Client()
    first = sign_in(known)
    SocialAccount.objects.all().delete()
    second = sign_in(unknown)
    assert first.status_code == second.status_code == 403
    assert first.templates[0].name == "accounts/refused.html"
    assert second.templates[0].name == "accounts/refused.html"
    assert person_of(known) is person_of(unknown) is None


def wrong_nonce(claims: dict[str, Any]) -> None:
    claims["nonce"] = "0" * 64


def no_nonce(claims: dict[str, Any]) -> None:
    del claims["nonce"]


def wrong_audience(claims: dict[str, Any]) -> None:
    claims["aud"] = "another-site"


def more_audiences(claims: dict[str, Any]) -> None:
    claims["aud"] = [CLIENT, "another-site"]


def wrong_issuer(claims: dict[str, Any]) -> None:
    claims["iss"] = "http://127.0.0.1:1"


def expired(claims: dict[str, Any]) -> None:
    claims["exp"] -= 1000


def never_expires(claims: dict[str, Any]) -> None:
    del claims["exp"]


@pytest.mark.parametrize(
    "change",
    [wrong_nonce, no_nonce, wrong_audience, more_audiences, wrong_issuer, expired, never_expires],
)
def test_an_id_token_with_wrong_claims_is_refused(provider: Provider, change: Any) -> None:
    karen()
    provider.change = change
    refused_once(sign_in)


def refused_once(act: Any) -> None:
    client = Client()
    answer = act(client)
    assert answer.status_code == 403
    assert "could not sign you in" in answer.content.decode()
    assert person_of(client) is None


def test_a_signature_by_another_key_is_refused(provider: Provider) -> None:
    karen()
    provider.signing_key = a_key()
    refused_once(sign_in)


def test_a_token_without_signature_is_refused(provider: Provider) -> None:
    karen()
    headers = {"kid": provider.kid}
    provider.encode = lambda claims: jwt.encode(claims, None, "none", headers=headers)
    refused_once(sign_in)


def test_a_token_signed_with_the_shared_secret_is_refused(provider: Provider) -> None:
    karen()
    secret = SECRET.ljust(64)
    headers = {"kid": provider.kid}
    provider.encode = lambda claims: jwt.encode(claims, secret, "HS256", headers=headers)
    refused_once(sign_in)


def test_something_that_is_no_token_is_refused(provider: Provider) -> None:
    karen()
    provider.encode = lambda claims: "a.b.c"
    refused_once(sign_in)


def test_a_wrong_state_is_refused() -> None:
    karen()

    def with_another_state(client: Client) -> Any:
        leave(client)
        answer = requests.get(leave(client), allow_redirects=False, timeout=5)
        code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
        return client.get(f"{START}callback/", {"code": code, "state": "made-up"})

    refused_once(with_another_state)


def test_a_sign_in_that_another_browser_began_is_refused() -> None:
    karen()
    refused_once(lambda client: come_back(client, leave(Client())))


def test_an_answer_works_once() -> None:
    karen()
    client = Client()
    address = leave(client)
    answer = requests.get(address, allow_redirects=False, timeout=5)
    back = urlsplit(answer.headers["Location"])
    client.get(f"{back.path}?{back.query}")
    client.logout()
    assert client.get(f"{back.path}?{back.query}").status_code == 403


def test_a_provider_of_another_name_is_refused(provider: Provider) -> None:
    karen()
    provider.discovery = {"issuer": "http://127.0.0.1:1"}
    refused_once(lambda client: client.post(START))


def test_a_provider_that_does_not_answer_is_a_page(provider: Provider, settings: Any) -> None:
    away = "http://127.0.0.1:9/.well-known/openid-configuration"
    settings.IDENTITY_PROVIDERS = configured(provider, discovery_url=away)
    refused_once(lambda client: client.post(START))


def test_the_user_information_fills_in_an_address_and_must_be_of_the_same_person(
    provider: Provider,
) -> None:
    user = karen()
    del provider.person["email"]
    provider.userinfo = {
        "sub": "subject-1", "email": "karen@partner.example", "email_verified": True,
    }  # fmt: skip
    client = Client()
    sign_in(client)
    assert person_of(client) == user
    provider.userinfo["sub"] = "subject-2"
    refused_once(sign_in)


def test_who_cancels_at_the_provider_is_back_at_the_sign_in_page() -> None:
    client = Client()
    state = parse_qs(urlsplit(leave(client)).query)["state"][0]
    answer = client.get(f"{START}callback/", {"error": "access_denied", "state": state})
    assert (answer.status_code, answer.url) == (302, reverse("sign-in"))


def test_the_address_of_the_page_has_no_say_in_what_the_provider_is_asked(
    provider: Provider,
) -> None:
    user = karen()
    client = Client()
    client.force_login(factories.a_person())
    asked = {"process": "connect", "scope": "everything", "auth_params": "prompt=none"}
    page = client.post(f"{START}?process=connect&auth_params=prompt%3Dnone", asked)
    text = html.unescape(page.content.decode())
    assert "everything" not in text
    assert "prompt=none" not in text.split('http-equiv="refresh"')[1].split(">")[0]
    come_back(client, re.search(r'content="0;url=([^"]+)"', text)[1])  # type: ignore[index]
    assert person_of(client) == user  # signed in anew, and joined to nobody else's account


def test_leaving_for_a_provider_needs_a_form_of_this_site() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(START).status_code == 403
    page = client.get(START, {"next": "/ckd/"})
    assert page.status_code == 200
    assert 'name="next" value="/ckd/"' in page.content.decode()


def test_an_unknown_provider_is_not_found() -> None:
    assert Client().get("/account/providers/nobody/").status_code == 404
    assert Client().get("/account/providers/openid_connect/callback/").status_code == 404


def test_the_sign_in_page_offers_the_providers() -> None:
    assert "A partner" in Client().get(reverse("sign-in")).content.decode()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not JSON"),
        ('[{"id": "a"}]', "client_secret"),
        ('[{"id": "A b"}]', "0.id"),
        ('[{"email_domains": []}]', "email_domains"),
        ('[{"discovery_url": "http://idp.example/.well-known/openid-configuration"}]', "pattern"),
        ('[{"colour": "red"}]', "colour"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=problem):
        identity_providers(text)


def test_the_secret_of_a_provider_stands_in_no_message(provider: Provider) -> None:
    assert SECRET not in repr(configured(provider))
    with pytest.raises(ImproperlyConfigured) as refused:
        configured(provider, id="Not allowed")
    assert SECRET not in str(refused.value)


def test_two_providers_have_two_names() -> None:
    one = {
        "id": "partner", "name": "A", "client_id": "a", "client_secret": "b",
        "discovery_url": "https://idp.example/.well-known/openid-configuration",
        "email_domains": ["a.example"],
    }  # fmt: skip
    with pytest.raises(ImproperlyConfigured, match="same id"):
        identity_providers(json.dumps([one, one]))
    assert identity_providers("") == ()
