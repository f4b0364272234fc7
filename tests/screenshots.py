"""Pictures of the demonstration's pages: ``python -m tests.screenshots``, or ``make screenshots``.

Ten pages go to ``.local/screenshots/``; with ``--readme``, the two that the README shows go to
``static/img/`` as well. They are taken of the demonstration at ``--url``; where nobody answers
there, one is started for the time that it takes. Wants Chromium on the PATH.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from portal.demo.__main__ import HOST, answers

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".local" / "screenshots"
FOR_README = {"result": "result.png", "study": "study.png"}
START_SECONDS = 1800
"""A first start installs nothing any more, and computes every result of the demonstration."""
PERSON, PASSWORD = "anna@aarhus.example", "kidneys-and-numbers"
"""As the README publishes them."""
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
DRAWN = """() => [...document.querySelectorAll(".plot.waiting")].every(
    (plot) => plot.getBoundingClientRect().top > innerHeight)"""
RESULTS = "/ckd/results/?status=succeeded"
FRENCH = "li:has(.status.succeeded):has-text('France') .card-title"
SIDE_BY_SIDE = (".choice-menu > summary", ".choice-menu[open] a[href*='results=']")


@dataclass(frozen=True)
class Shot:
    """One page, as one picture shows it."""

    name: str
    address: str
    follow: tuple[str, ...] = ()
    """What is clicked first, one after the other, as selectors."""
    width: int = 1280
    height: int = 860
    scheme: Literal["light", "dark"] = "light"
    signed_in: bool = False


SHOTS = (
    Shot("home", "/"),
    Shot("home-on-a-phone", "/", width=375, height=812, scheme="dark"),
    Shot("use-case-in-french", "/fr/ckd/"),
    Shot("study", "/", follow=("#answers .kidney .card-title",), height=1200),
    Shot("datasets", "/datasets/", signed_in=True),
    Shot("dataset", "/ckd/datasets/", follow=(".card-title",), signed_in=True, scheme="dark"),
    Shot("model", "/ckd/models/", follow=(".card-title",), signed_in=True),
    Shot("result", RESULTS, follow=(FRENCH,), signed_in=True, height=1250),
    Shot("comparison", RESULTS, follow=(FRENCH, *SIDE_BY_SIDE), signed_in=True, height=1250),
    Shot("my-work", "/my-work/", signed_in=True),
)


def main(arguments: list[str] | None = None) -> int:
    """Take the pictures; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("--url", default=f"http://127.0.0.1:{os.environ.get('PORT') or 8000}")
    parser.add_argument("--readme", action="store_true", help="renew those of the README too")
    given = parser.parse_args(arguments)
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.stderr.write("Chromium is not on the PATH; install it (Debian: chromium).\n")
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    url = given.url.rstrip("/")
    with demonstration_at(url), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for shot in SHOTS:
            path = FOLDER / f"{shot.name}.png"
            take(browser, url, shot, path)
            print(path.relative_to(ROOT), flush=True)
        browser.close()
    if given.readme:
        for name, file in FOR_README.items():
            shutil.copyfile(FOLDER / f"{name}.png", ROOT / "static" / "img" / file)
            print(f"static/img/{file}", flush=True)
    return 0


def take(browser: Browser, url: str, shot: Shot, path: Path) -> None:
    """Open the page as a person would, and keep what is on the screen."""
    context = browser.new_context(
        base_url=url,
        viewport={"width": shot.width, "height": shot.height},
        is_mobile=True,  # scroll bars lie over the page; else their place stays empty in a picture
        color_scheme=shot.scheme,
        reduced_motion="reduce",
        locale="en-GB",
    )
    page = context.new_page()
    if shot.signed_in:
        sign_in(page)
    page.goto(shot.address)
    for selector in shot.follow:
        page.locator(selector).first.click()
    page.wait_for_load_state("networkidle")
    page.wait_for_function(DRAWN)
    page.screenshot(path=path)
    context.close()


def sign_in(page: Page) -> None:
    """As somebody of the demonstration, whose password is published."""
    page.goto("/account/sign-in/")
    page.locator("input[name=login]").fill(PERSON)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url("**/my-work/")


def is_there(url: str) -> bool:
    """Whether a site says there that it is well."""
    where = urlsplit(url)
    return answers(where.port, where.hostname or HOST)


@contextlib.contextmanager
def demonstration_at(url: str) -> Iterator[None]:
    """The demonstration that runs there, or one that is started and stopped again.

    Raises
    ------
    RuntimeError
        If it ends, or is not there in time.
    """
    if is_there(url):
        yield
        return
    port = urlsplit(url).port or 8000
    print(f"Nobody answers at {url}; starting the demonstration ...", flush=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.demo"], cwd=ROOT, env=os.environ | {"PORT": str(port)}
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_there(url):
            if process.poll() is not None:
                raise RuntimeError("The demonstration ended; it has said above why.")
            if time.monotonic() > deadline:
                raise RuntimeError(f"The demonstration was not there in {START_SECONDS} seconds.")
            time.sleep(1)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=120)


if __name__ == "__main__":
    sys.exit(main())
