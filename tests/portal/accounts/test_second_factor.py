"""Whoever manages, coordinates or administers has a second factor, or can do nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings as site_settings
from django.core import mail
from django.test import Client
from django.urls import get_resolver, reverse

from portal.accounts import second_factor
from portal.accounts.actions import create_token
from portal.accounts.models import User
from portal.organisations.models import Appointment
from portal.organisations.roles import ConsortiumRole, Role
from tests import factories
from tests.portal.accounts.codes import code
from tests.portal.accounts.test_sign_in import is_signed_in, sign_in

pytestmark = pytest.mark.django_db
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SETUP = "/account/second-factor/"


@pytest.fixture(autouse=True)
def _required(settings: Any) -> None:
    settings.REQUIRE_SECOND_FACTOR = True


@pytest.fixture
def manager() -> User:
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


def with_app(user: User) -> User:
    TOTP.activate(user, SECRET)
    RecoveryCodes.activate(user)
    return user


def test_rfc_6238_and_this_test_agree() -> None:
    assert code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 59) == "287082"


def test_the_demonstration_asks_for_none_and_any_other_site_does() -> None:
    assert site_settings.DEMONSTRATION
    assert second_factor.is_required_of(factories.a_person(is_staff=True))


def test_who_must_have_one() -> None:
    organisation = factories.an_organisation()
    appointed = [factories.a_person() for _ in ConsortiumRole]
    for user, role in zip(appointed, ConsortiumRole, strict=True):
        country = "FR" if role == ConsortiumRole.ACCESS_BODY else ""
        Appointment.objects.create(user=user, role=role, country=country)
    for user in (
        factories.a_person(organisation, Role.MANAGER),
        factories.a_person(is_staff=True),
        factories.a_person(is_superuser=True),
        *appointed,
    ):
        assert second_factor.is_required_of(user), user
        assert second_factor.is_missing(user), user
        with_app(user)
        assert not second_factor.is_missing(user), user
    for user in (
        factories.a_person(organisation, Role.VIEWER),
        factories.a_person(organisation, Role.CONTRIBUTOR),
        factories.a_person(),
    ):
        assert not second_factor.is_required_of(user), user
        assert not second_factor.is_missing(user), user


def test_recovery_codes_alone_are_no_second_factor(manager: User) -> None:
    RecoveryCodes.activate(manager)
    assert second_factor.is_missing(manager)


def test_asking_takes_one_query_and_none_where_it_is_off(
    manager: User, settings: Any, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        second_factor.is_missing(manager)
    settings.REQUIRE_SECOND_FACTOR = False
    with django_assert_num_queries(0):
        second_factor.is_missing(manager)


def test_without_it_every_address_but_a_few_leads_to_its_setup(manager: User) -> None:
    client = Client()
    sign_in(client, manager.email)
    assert is_signed_in(client)
    anything = {
        "use_case": "ckd", "slug": "x", "task": "binary", "table": "cohort", "version": "1.0.0",
        "upload_id": 1, "reference": "x", "curve": "roc", "pk": 1, "digest": "x",
        "uidb36": "1", "key": "x", "provider_id": "x",
    }  # fmt: skip
    led = 0
    for name, argument_names in routes().items():
        try:
            address = reverse(name, kwargs={key: anything[key] for key in argument_names})
        except KeyError:
            continue  # an address whose parts are not known here
        for ask in (client.get, client.post):
            if name in second_factor.OPEN:
                continue
            answer = ask(address)
            assert (answer.status_code, answer.url) == (302, SETUP), name
            led += 1
    assert led > 80


def routes() -> dict[str, tuple[str, ...]]:
    """Every address of the site, the administration's too, with the names of its parts."""

    def walk(patterns: Any, space: str = "", parts: tuple[str, ...] = ()) -> dict[str, Any]:
        found = {}
        for pattern in patterns:
            names = (*parts, *pattern.pattern.converters, *pattern.pattern.regex.groupindex)
            if hasattr(pattern, "url_patterns"):
                inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
                found |= walk(pattern.url_patterns, inner, names)
            elif pattern.name:
                found[f"{space}{pattern.name}"] = tuple(dict.fromkeys(names))
        return found

    return walk(get_resolver().url_patterns)


def test_every_open_address_exists() -> None:
    assert set(routes()) >= second_factor.OPEN


def test_a_fragment_leads_the_whole_page_to_the_setup(manager: User) -> None:
    client = Client()
    client.force_login(manager)
    answer = client.get("/ckd/datasets/", headers={"hx-request": "true"})
    assert answer["HX-Redirect"] == SETUP


def test_who_becomes_a_manager_is_led_there_at_the_next_request() -> None:
    organisation = factories.an_organisation()
    user = factories.a_person(organisation, Role.CONTRIBUTOR)
    client = Client()
    client.force_login(user)
    assert client.get("/ckd/datasets/").status_code == 200
    factories.set_membership(organisation=organisation, user=user, role=Role.MANAGER, by=None)
    assert client.get("/ckd/datasets/").url == SETUP


def test_without_it_tokens_do_not_work_either(manager: User) -> None:
    _, text = create_token(name="Program", scope="read", days=30, by=manager)
    ask = {"authorization": f"Bearer {text}"}
    answer = Client().get("/api/v1/me/", headers=ask)
    assert answer.status_code == 401
    assert "needs a second factor" in answer.json()["detail"]
    with_app(manager)
    assert Client().get("/api/v1/me/", headers=ask).status_code == 200


@pytest.mark.django_db(transaction=True)  # the letter is sent on commit
def test_an_app_is_set_up_right_after_signing_in_and_opens_the_site(manager: User) -> None:
    client, elsewhere = Client(), Client()
    sign_in(elsewhere, manager.email)
    sign_in(client, manager.email)
    page = client.get("/account/second-factor/app/")
    assert page.status_code == 200  # the password is not asked a second time
    secret = page.context["form"].secret
    assert 'src="data:image/svg+xml;base64,' in page.content.decode()
    answer = client.post("/account/second-factor/app/", {"code": code(secret)}, follow=True)
    assert answer.request["PATH_INFO"] == "/account/second-factor/codes/"
    assert len(answer.context["unused_codes"]) == 10
    assert client.get("/ckd/datasets/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302  # it never showed the factor
    assert [letter.to for letter in mail.outbox] == [[manager.email]]
    kept = Authenticator.objects.get(user=manager, type="totp").data["secret"]
    assert secret not in kept  # encrypted where it lies


def test_a_wrong_code_sets_nothing_up(manager: User) -> None:
    client = Client()
    sign_in(client, manager.email)
    client.get("/account/second-factor/app/")
    answer = client.post("/account/second-factor/app/", {"code": "000000"})
    assert answer.status_code == 200
    assert not Authenticator.objects.exists()


def test_signing_in_takes_the_password_and_the_code(manager: User) -> None:
    with_app(manager)
    client = Client()
    answer = sign_in(client, manager.email, next="/ckd/")
    assert (answer.status_code, answer.url) == (302, "/account/sign-in/second-factor/")
    assert not is_signed_in(client)
    assert client.get("/account/").status_code == 302
    assert client.post(answer.url, {"code": "000000"}).status_code == 200
    now = code(SECRET)
    done = client.post(answer.url, {"code": now})
    assert (done.status_code, done.url) == (302, "/ckd/")
    assert is_signed_in(client)
    # A code that somebody has seen does not work a second time.
    second = Client()
    sign_in(second, manager.email)
    assert second.post(answer.url, {"code": now}).status_code == 200
    assert not is_signed_in(second)


def test_five_codes_may_be_guessed_and_no_more(manager: User) -> None:
    with_app(manager)
    client = Client()
    sign_in(client, manager.email)
    for number in range(5):
        client.post("/account/sign-in/second-factor/", {"code": f"{number:06}"})
    answer = client.post("/account/sign-in/second-factor/", {"code": code(SECRET)})
    assert "Too many attempts" in answer.content.decode()
    assert not is_signed_in(client)


def test_a_recovery_code_works_once(manager: User) -> None:
    with_app(manager)
    codes = Authenticator.objects.get(user=manager, type="recovery_codes").wrap()
    first = codes.get_unused_codes()[0]
    for expected in (True, False):
        client = Client()
        sign_in(client, manager.email)
        client.post("/account/sign-in/second-factor/", {"code": first})
        assert is_signed_in(client) == expected


def full_sign_in(user: User) -> Client:
    client = Client()
    sign_in(client, user.email)
    client.post("/account/sign-in/second-factor/", {"code": code(SECRET)})
    assert is_signed_in(client)
    return client


def test_the_only_factor_is_not_removed_from_who_must_have_one(manager: User) -> None:
    client = full_sign_in(with_app(manager))
    answer = client.post("/account/second-factor/app/remove/")
    assert "this is your only one" in answer.content.decode()
    assert Authenticator.objects.filter(user=manager, type="totp").exists()


def test_who_need_not_have_one_removes_it_with_its_recovery_codes() -> None:
    user = with_app(factories.a_person(factories.an_organisation(), Role.VIEWER))
    client = full_sign_in(user)
    assert client.get("/account/second-factor/app/remove/").status_code == 200
    assert client.post("/account/second-factor/app/remove/").status_code == 302
    assert not Authenticator.objects.exists()


def test_a_while_after_signing_in_important_things_ask_again(
    manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = full_sign_in(with_app(manager))
    assert client.get("/account/second-factor/codes/").status_code == 200
    later = time.time() + 400
    monkeypatch.setattr(time, "time", lambda: later)
    answer = client.get("/account/second-factor/codes/")
    assert answer.status_code == 302
    assert answer.url.startswith("/account/confirm/?next=")
    assert client.post(answer.url, {"password": "wrong"}).status_code == 200
    back = client.post(answer.url, {"password": factories.PASSWORD})
    assert back.url == "/account/second-factor/codes/"
    assert client.get(back.url).status_code == 200
    assert client.get("/account/second-factor/codes/download/").status_code == 200


def test_new_recovery_codes_replace_the_old_ones(manager: User) -> None:
    client = full_sign_in(with_app(manager))
    before = client.get("/account/second-factor/codes/").context["unused_codes"]
    assert "10 codes" in client.get("/account/second-factor/codes/new/").content.decode()
    client.post("/account/second-factor/codes/new/")
    after = client.get("/account/second-factor/codes/").context["unused_codes"]
    assert not set(before) & set(after)


def test_a_secret_survives_a_new_secret_key_that_names_the_old_one(
    manager: User, settings: Any
) -> None:
    with_app(manager)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key " * 5
    full_sign_in(manager)


def test_an_administrator_removes_the_factors_of_who_has_lost_them(manager: User) -> None:
    with_app(manager)
    administrator = with_app(factories.a_person(is_staff=True, is_superuser=True))
    client = full_sign_in(administrator)
    address = reverse("admin:accounts_user_change", args=[manager.pk])
    page = client.get(address).content.decode()
    assert SECRET not in page
    assert "TOTP Authenticator" in page
    factor = Authenticator.objects.get(user=manager, type="totp")
    form = {
        "email": manager.email, "full_name": manager.full_name, "is_active": "on",
        "authenticator_set-TOTAL_FORMS": "1", "authenticator_set-INITIAL_FORMS": "1",
        "authenticator_set-0-id": str(factor.pk), "authenticator_set-0-user": str(manager.pk),
        "authenticator_set-0-DELETE": "on",
        "socialaccount_set-TOTAL_FORMS": "0", "socialaccount_set-INITIAL_FORMS": "0",
        "auth_token_set-TOTAL_FORMS": "0", "auth_token_set-INITIAL_FORMS": "0",
    }  # fmt: skip
    assert client.post(address, form).status_code == 302
    assert not Authenticator.objects.filter(pk=factor.pk).exists()


def test_a_passkey_that_is_none_is_refused(manager: User) -> None:
    client = Client()
    options = client.get("/account/sign-in/passkey/", headers={"accept": "application/json"})
    assert options.json()["request_options"]["publicKey"]["userVerification"] == "required"
    for credential in ("{}", "[]", "null", '"x"', json.dumps({"id": "x", "response": {}})):
        answer = client.post("/account/sign-in/passkey/", {"credential": credential})
        assert answer.status_code == 302
        assert answer.url == "/account/sign-in/"
        assert not is_signed_in(client)
