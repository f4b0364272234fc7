"""What a first visit costs: bytes over the wire of each public page, as production sends it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import reverse
from django.utils.translation import override

from tests.routes import routes
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db

MOST_BYTES = 60_000
"""Of HTML, style sheets and scripts of a page, without plotly.js."""
FEWEST_PAGES = 70
LONGEST_AGE = "max-age=315360000, public, immutable"
ASKED = {"Accept-Encoding": "gzip, deflate, br"}
UNWEIGHED = ("admin", "rest_framework")
"""Folders of static files that no public page names."""


class Named(HTMLParser):
    """What a page asks a browser to fetch, and how."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.styles: list[str] = []
        self.scripts: list[dict[str, str | None]] = []
        self.preloaded: list[str] = []
        self.figures = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        address = found.get("href") or ""
        if tag == "link" and found.get("rel") == "stylesheet":
            self.styles.append(address)
        elif tag == "link" and found.get("rel") == "preload":
            self.preloaded.append(address)
        elif tag == "script" and "src" in found:
            self.scripts.append(found)
        elif "data-figure" in found:
            self.figures += 1

    @property
    def files(self) -> set[str]:
        """Style sheets and scripts, each fetched once."""
        return {*self.styles, *(str(script["src"]) for script in self.scripts)}

    @property
    def fetches_plotly(self) -> bool:
        charts = any("data-plotly" in script for script in self.scripts)
        return charts or any("plotly" in address for address in (*self.preloaded, *self.files))


@pytest.fixture(scope="module")
def collected(tmp_path_factory: Any) -> dict[str, Any]:
    """The settings of a site whose static files were collected and compressed.

    In plotly.js's place stands a line: it is not weighed, and takes longest to compress.
    """
    folder = tmp_path_factory.mktemp("static")
    plotly = tmp_path_factory.mktemp("plotly")
    (plotly / "plotly.min.js").write_text("// plotly.js\n")
    storages = {
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
    own = [one for one in site.STATICFILES_DIRS if isinstance(one, Path)]
    with override_settings(
        STATIC_ROOT=folder, STORAGES=storages, STATICFILES_DIRS=[*own, ("plotly", str(plotly))]
    ):
        call_command("collectstatic", "--noinput", ignore_patterns=list(UNWEIGHED), verbosity=0)
    return {"STATIC_ROOT": folder, "staticfiles": storages["staticfiles"]}


@pytest.fixture
def visitor(ours: Tenant, collected: dict[str, Any], settings: Any) -> Client:
    """The browser of somebody who comes for the first time."""
    settings.STATIC_ROOT = collected["STATIC_ROOT"]
    settings.STORAGES = settings.STORAGES | {"staticfiles": collected["staticfiles"]}
    return Client(headers=ASKED)


def public_pages(visitor: Client, tenant: Tenant) -> Iterator[tuple[str, Any]]:
    """Every page that answers somebody who has not signed in, in English and in French."""
    for route in routes():
        for about in tenant.of(route):
            for language in ("en", "fr"):
                with override(language):
                    address = reverse(route.name, kwargs=about)
                answer = visitor.get(address)
                if answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
                    break
                yield address, answer


def body_of(answer: Any) -> bytes:
    return b"".join(answer) if answer.streaming else answer.content


def test_a_first_visit_is_light_and_charts_alone_fetch_plotly(
    visitor: Client, ours: Tenant
) -> None:
    weights: dict[str, int] = {}
    found: dict[str, int] = {}
    wrong = []
    insider = Client(headers=ASKED)
    insider.force_login(ours.manager)
    with_charts = reverse(
        "evaluation-detail",
        kwargs={"use_case": "ckd", "reference": ours.fills["results"][0]["reference"]},
    )
    pages = [*public_pages(visitor, ours), (with_charts, insider.get(with_charts))]
    for address, answer in pages:
        if answer.headers.get("Content-Encoding") != "gzip":
            wrong.append(f"{address}: the page is not compressed")
            continue
        page = Named(gzip.decompress(answer.content).decode())
        for name in page.files - weights.keys():
            file = visitor.get(name)
            assert file.status_code == 200, (address, name)
            weights[name] = len(body_of(file))
            if file.headers.get("Content-Encoding") != "br":
                wrong.append(f"{name}: sent without compression")
            if file["Cache-Control"] != LONGEST_AGE:
                wrong.append(f"{name}: kept for {file['Cache-Control']}")
        found[address] = len(answer.content) + sum(weights[name] for name in page.files)
        assert page.figures or address != with_charts
        if page.fetches_plotly != (page.figures > 0):
            wrong.append(f"{address}: {page.figures} charts, plotly.js: {page.fetches_plotly}")
        if any("plotly" in name for name in page.files):
            wrong.append(f"{address}: plotly.js holds up the page")
        holding_up = [
            str(script["src"])
            for script in page.scripts
            if script.get("type") != "module" and not {"defer", "async"} & script.keys()
        ]
        # The theme is known before anything is painted, or it would flash.
        if len(holding_up) > 1 or "theme." not in "".join(holding_up):
            wrong.append(f"{address}: held up by {holding_up}")
    wrong += [f"{page}: {size:,} bytes" for page, size in found.items() if size > MOST_BYTES]
    assert wrong == []
    assert len(found) >= FEWEST_PAGES, sorted(found)


def test_what_may_be_kept_for_ever_has_the_hash_of_its_content_in_its_name(
    visitor: Client, collected: dict[str, Any]
) -> None:
    """Another content has another address; the address without a hash is not there at all."""
    page = Named(gzip.decompress(visitor.get("/").content).decode())
    for name in page.files:
        path = Path(name)
        stem, digest, suffix = path.name.rsplit(".", 2)
        assert len(digest) == 12, name
        assert visitor.get(str(path.with_name(f"{stem}.{suffix}"))).status_code == 404
    fonts = [one for one in collected["STATIC_ROOT"].rglob("*") if "woff" in one.suffix]
    assert fonts == []  # the reader's own are used; one that comes must be counted above
