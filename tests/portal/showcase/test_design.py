"""The design system's page: nothing of the look is missing from it."""

from __future__ import annotations

import collections
import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from portal.showcase.design import SCHEMES, SPECIMENS, _contrast, icons, tokens
from tests import factories

ROOT = Path(__file__).resolve().parents[3]
COMPONENTS = {path.name for path in (ROOT / "templates" / "components").glob("_*.html")}
SHARED_IDS = {"facets", "data-explorer"}
"""Ids that a script finds and no label names: in both schemes, as a page has one of each."""


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(factories.a_person(is_staff=True))
    return client


def test_the_tokens_are_those_of_the_style_sheet() -> None:
    found = tokens()
    sheet = (ROOT / "static" / "css" / "foundation.css").read_text()
    names = {token.name for kind in found.values() for token in kind}
    used = set(re.findall(r"var\(--([\w-]+)\)", sheet))
    assert {"ink", "paper", "series-8", "size-2xl", "s8", "shadow"} <= names
    assert used <= names
    assert all(found.values())


def test_a_contrast_is_that_of_wcag() -> None:
    assert _contrast("#000000", "#ffffff") == "21.0:1"
    assert _contrast("#767676", "#ffffff") == "4.5:1"
    assert _contrast("#ffffff", "#ffffff") == "1.0:1"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_colour_of_words_and_series_stands_out(scheme: str) -> None:
    for token in tokens()["colours"]:
        ratio = float(getattr(token, scheme).removesuffix(":1"))
        if token.name in ("ink", "ink-2", "accent", "kidney", "plum", "brick", "ok", "warn", "bad"):
            assert ratio >= 4.5, token
        elif token.name.startswith(("series-", "edge")):
            assert ratio >= 3, token


@pytest.mark.django_db
def test_every_component_token_and_icon_is_on_the_page(client: Client) -> None:
    response = client.get(reverse("design"))
    assert response.status_code == 200
    drawn = {name.rpartition("/")[2] for one in response.templates if (name := one.name)}
    assert COMPONENTS - drawn == set()
    assert {f"{specimen.template}.html" for specimen in SPECIMENS} <= drawn
    text = response.content.decode()
    for kind in tokens().values():
        for token in kind:
            assert f"--{token.name}<" in text, token
    for name in icons():
        assert f"<code>{name}</code>" in text, name
    for scheme in SCHEMES:
        assert f'class="specimen stack {scheme}"' in text


@pytest.mark.django_db
def test_the_two_schemes_share_no_id(client: Client) -> None:
    text = client.get(reverse("design")).content.decode()
    counted = collections.Counter(re.findall(r'\sid="([^"]+)"', text))
    assert {name for name, times in counted.items() if times > 1} <= SHARED_IDS
