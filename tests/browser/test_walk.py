"""Every page that a person can reach, as the one who sees most on it: whole and accessible.

It is looked at on a large screen and on phones, in the light and in the dark, and again in a
browser that runs no scripts.

The addresses come from the URL resolver, so that a new route is walked by itself; what answers
with a file, a fragment or another address is no page, and is told by its answer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page

from tests.browser.judging import LARGE, judged, sideways, unscripted
from tests.browser.walking import (
    Stop,
    cookies_of,
    of_the_administration,
    of_the_site,
    people,
    signed_in,
    stops,
    write,
)
from tests.tenants import Tenant, a_tenant, fill

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
]

ELSEWHERE = {
    "review-opinion": "test_access.py, as the holder that is asked",
    "review-return": "nowhere: it is the page of review-ask, with other words",
    "dataset-graph": "no page: a file for programs, of public datasets alone",
    "openid_connect_login": "test_account.py, with a provider",
    "openid_connect_callback": "test_account.py, with a provider",
    "mfa_edit_webauthn": "test_account.py, with a device",
    "mfa_remove_webauthn": "test_account.py, with a device",
}
"""Pages that want more than a filled site, and the test that looks at each."""
PAGES, PAGES_OF_THE_ADMINISTRATION = 130, 70
"""At least so many are found; fewer, and some were overlooked."""


@pytest.fixture
def tenant(media: Path, caplog: pytest.LogCaptureFixture) -> Tenant:
    """An organisation that has one of everything."""
    caplog.set_level(logging.ERROR, logger="django.request")  # refusals are no news here
    tenant = a_tenant("osmium")
    fill(tenant, publishes=True)
    write(tenant)
    return tenant


@pytest.fixture
def plain(started_browser: Browser, live_server: Any) -> Page:
    """A page in which no script runs."""
    context = started_browser.new_context(
        base_url=live_server.url, locale="en-GB", java_script_enabled=False
    )
    return context.new_page()


def each(
    pages: tuple[Page, Page], url: str, found: list[Stop], clients: dict[str, Client]
) -> Iterator[Stop]:
    """Opens every page as its person, with and without scripts, on a large screen."""
    for kind, client in clients.items():
        for page in pages:
            page.context.clear_cookies()
            page.context.add_cookies(cookies_of(client, url))
        for stop in found:
            if stop.kind != kind:
                continue
            for page in pages:
                page.set_viewport_size({"width": LARGE, "height": 800})
                page.goto(stop.address)
            yield stop


def walk(
    page: Page, plain: Page, url: str, found: list[Stop], clients: dict[str, Client]
) -> dict[str, Any]:
    """What is wrong with each page, and with the French one on the smallest phone."""
    wrong = {}
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    for turn, stop in enumerate(each((page, plain), url, found, clients)):
        # Django's own administration opens its list of pages at the side by script, and says no
        # more than "0 uploads" of an empty list.
        is_django = stop.route.startswith("admin:")
        problems = judged(page, may_move=is_django, turn=turn)
        found_plain = unscripted(plain, 8 if is_django else 40)
        problems += [f"without scripts: {problem}" for problem in found_plain]
        described = page.locator("meta[name=description]")
        if stop.kind == "anonymous" and not (described.get_attribute("content") or "").strip():
            problems.append("no description")
        if stop.is_read_in_french:
            page.goto(f"/fr{stop.address}")
            problems += [f"French: {problem}" for problem in sideways(page, [320])]
        if problems:
            wrong[str(stop)] = problems
    return wrong


def test_every_page_of_the_site_is_whole_and_accessible_in_both_schemes(
    page: Page, plain: Page, tenant: Tenant, live_server: Any
) -> None:
    clients = {kind: signed_in(person) for kind, person in people(tenant).items()}
    found, others = stops(of_the_site(tenant), clients)
    refused = {
        route
        for route, answers in others.items()
        if not any(answer.startswith(("200", "302", "401", "405")) for answer in answers)
    }
    print(f"{len(found)} pages; no page for anybody: {others}")
    wrong = walk(page, plain, live_server.url, found, clients)
    assert wrong == {}
    assert refused <= set(ELSEWHERE)
    assert len(found) >= PAGES


def test_every_page_of_the_administration_is_too(
    page: Page, plain: Page, tenant: Tenant, live_server: Any
) -> None:
    clients = {"administrator": signed_in(people(tenant)["administrator"])}
    found, _others = stops(of_the_administration(), clients)
    print(f"{len(found)} pages")
    assert walk(page, plain, live_server.url, found, clients) == {}
    assert len(found) >= PAGES_OF_THE_ADMINISTRATION
