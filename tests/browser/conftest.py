"""A real browser, in front of a real server with a real worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

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
def started_browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for all tests of this process."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(started_browser: Browser, live_server: Any) -> Iterator[BrowserContext]:
    """A fresh profile at the site's address."""
    context = started_browser.new_context(
        base_url=live_server.url, locale="en-GB", accept_downloads=True
    )
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, live_server: Any) -> Iterator[Page]:
    """A page; the test fails on any console error, and on any request to another host."""
    page = context.new_page()
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # Leaving a page ends the request that htmx had under way, and htmx says so.
        interrupted = message.text.startswith(("htmx:afterRequest", "htmx:send"))
        if message.type in ("error", "warning") and not interrupted:
            complaints.append(f"{message.type}: {message.text}")

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((live_server.url, "data:", "blob:"))
            else complaints.append(f"request to {request.url}")
        ),
    )
    yield page
    assert complaints == []


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder for files to upload."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder
