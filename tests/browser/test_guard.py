"""The guard of the other tests hears what it is there for, from whichever page it comes."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.guard import Guard

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

INLINE = "document.head.append(Object.assign(document.createElement('script'), {text: '0'}))"


def complaints(page: Page, guard: Guard, script: str) -> str:
    """What the guard has to say when ``script`` runs; it is forgotten, or the test would fail."""
    page.evaluate(script)
    page.wait_for_timeout(100)  # the events of a browser come when it is waited for
    found, guard.complaints = "\n".join(guard.complaints), []
    return found


def test_the_guard_hears_every_kind_of_complaint_on_every_page(
    page: Page, context: BrowserContext, started_browser: Browser, live_server: Any, guard: Guard
) -> None:
    other = started_browser.new_context(base_url=live_server.url)
    for opened in (page, context.new_page(), other.new_page()):
        opened.goto("/help/")
        assert complaints(opened, guard, "console.log('only said')") == ""
        assert "error: from a test" in complaints(opened, guard, "console.error('from a test')")
        assert "warning: beware" in complaints(opened, guard, "console.warn('beware')")
        thrown = complaints(opened, guard, "setTimeout(() => { throw new Error('thrown'); })")
        assert "/help/: script error: " in thrown
        assert "thrown" in thrown
        inline = complaints(opened, guard, INLINE)
        assert "policy: script-src-elem forbids inline" in inline  # by the event
        assert "Content Security Policy" in inline  # by the console
        foreign = complaints(opened, guard, "new Image().src = 'https://other.example/i.png'")
        assert "policy: img-src forbids https://other.example/i.png" in foreign
        opened.route("https://other.example/", lambda route: route.fulfill(body="Elsewhere"))
        away = complaints(opened, guard, "location.href = 'https://other.example/'")
        assert "request to https://other.example/" in away


def test_what_was_expected_is_let_through_and_must_come(
    page: Page, context: BrowserContext, guard: Guard
) -> None:
    guard.expect("status of 404")
    assert guard.verdict() == ["the console never said “status of 404”"]
    page.goto("/nothing-here/")
    page.wait_for_timeout(100)
    assert guard.verdict() == []
