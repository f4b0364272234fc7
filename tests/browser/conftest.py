"""A real browser, in front of a real server with a real worker, and a guard on all its pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.guard import Guard

# The browser's driver runs an event loop in this thread; Django's guard against blocking one
# does not apply to a test that waits for the browser anyway.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def _one_browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for all tests of this process."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def guard() -> Guard:
    """What must not happen on any page of the test; for the few that may, it can be told so."""
    return Guard()


@pytest.fixture
def started_browser(
    _one_browser: Browser, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Browser]:
    """The browser, of which every context is watched and closed: there is no way around it."""
    unwatched = _one_browser.new_context

    def new_context(*, base_url: str, **options: Any) -> BrowserContext:
        context = unwatched(base_url=base_url, **options)
        guard.watch(context, base_url)
        return context

    monkeypatch.setattr(_one_browser, "new_context", new_context)
    yield _one_browser
    for context in _one_browser.contexts:
        context.close()
    assert guard.verdict() == []


@pytest.fixture
def context(started_browser: Browser, live_server: Any) -> BrowserContext:
    """A fresh profile at the site's address."""
    context = started_browser.new_context(
        base_url=live_server.url, locale="en-GB", accept_downloads=True
    )
    context.set_default_timeout(30_000)
    return context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page at the site's address."""
    return context.new_page()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder for files to upload."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder
