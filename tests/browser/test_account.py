"""The account in a real browser: passkeys by a virtual device, and every page of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from portal.accounts.models import User
from portal.organisations.actions import set_membership
from portal.organisations.roles import Role
from tests import factories
from tests.browser.guard import Guard
from tests.browser.judging import complaints, visit
from tests.browser.test_main_job import sign_in
from tests.portal.accounts.codes import code
from tests.portal.accounts.provider import serving
from tests.portal.accounts.test_identity_providers import configured, karen

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def manager(settings: Any) -> User:
    settings.REQUIRE_SECOND_FACTOR = True
    user = factories.a_person(factories.an_organisation("Aarhus"), Role.MANAGER)
    second = factories.an_organisation("A hospital whose name is longer than a phone is wide")
    set_membership(organisation=second, user=user, role=Role.VIEWER, by=None)
    return user


def with_device(context: BrowserContext, page: Page) -> None:
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})


def sign_out(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.locator(".account summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("link", name="Sign in").first).to_be_visible()


def test_a_manager_adds_a_passkey_and_signs_in_with_it_alone(
    context: BrowserContext, page: Page, manager: User
) -> None:
    with_device(context, page)
    sign_in(page, manager.email)
    page.goto("/ckd/datasets/")
    expect(page).to_have_url(re.compile("/account/second-factor/$"))
    assert complaints(page) == []
    page.get_by_role("link", name="Add a passkey").click()
    assert complaints(page, "dark") == []
    page.get_by_label("Name").fill("My laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Keep these recovery codes")).to_be_visible()
    assert complaints(page) == []
    page.goto("/ckd/datasets/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("atasets")

    sign_out(page)
    page.goto("/account/sign-in/?next=/ckd/models/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(re.compile("/ckd/models/$"))

    # After the password the same device is the second factor.
    sign_out(page)
    sign_in(page, manager.email)
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    assert complaints(page) == []
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("link", name="Sign in")).to_have_count(0)


def test_a_browser_that_gives_no_passkey_is_told_what_to_do(page: Page) -> None:
    page.goto("/account/sign-in/")
    page.evaluate(
        "() => { navigator.credentials.get = () => Promise.reject(new Error('cancelled')); }"
    )
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("The browser gave no passkey")
    assert complaints(page) == []


def test_every_page_of_an_account_is_whole_at_every_width_and_accessible(
    page: Page, manager: User
) -> None:
    sign_in(page, manager.email)
    page.get_by_role("link", name="Set up an app").click()
    assert complaints(page) == []
    page.get_by_label("Code").fill(code(page.locator("code.break").inner_text()))
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("heading", name="Keep these recovery codes")).to_be_visible()

    page.goto("/account/tokens/new/")
    assert complaints(page, "dark") == []
    page.get_by_label("Name").fill("Nightly upload")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_role("heading", name="Copy the token now")).to_be_visible()
    assert complaints(page) == []

    found = {
        "account": "/account/",
        "name": "/account/name/",
        "password": "/account/password/",
        "second factor": "/account/second-factor/",
        "app": "/account/second-factor/app/remove/",
        "codes": "/account/second-factor/codes/",
        "new codes": "/account/second-factor/codes/new/",
        "confirm": "/account/confirm/",
        "confirm by code": "/account/confirm/code/",
    }
    assert visit(page, found) == {}

    # A token is revoked after a question; the menu offers the other organisation.
    page.goto("/account/")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("link", name="Revoke Nightly upload").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The token “Nightly upload” is revoked.")).to_be_visible()
    page.locator(".account summary").click()
    page.get_by_role("button", name="A hospital whose name").click()
    expect(page.get_by_text("You act for A hospital whose name")).to_be_visible()
    page.locator(".account summary").click()
    assert complaints(page) == []


def test_pages_of_who_is_not_signed_in_are_whole_too(page: Page) -> None:
    found = {
        "forgotten": "/account/password/forgotten/",
        "sent": "/account/password/forgotten/sent/",
        "dead link": "/account/password/new/1-none/",
    }
    assert visit(page, found) == {}


def test_a_partner_comes_through_its_own_provider(
    page: Page, live_server: Any, settings: Any, guard: Guard
) -> None:
    with serving() as provider:
        settings.IDENTITY_PROVIDERS = configured(provider)
        user = karen()
        guard.allow(provider.issuer)  # signing in there is what the page leaves for
        page.goto("/account/sign-in/?next=/account/")
        assert complaints(page) == []
        page.get_by_role("button", name="A partner").click()
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        expect(page.get_by_text(user.email).first).to_be_attached()
        page.context.clear_cookies()
        provider.person["email_verified"] = False
        provider.person["sub"] = "somebody else"
        guard.expect("status of 403")
        page.goto("/account/providers/partner/")
        assert complaints(page) == []
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
        assert complaints(page) == []
