"""What search engines are told: every public page in every language, and nothing else."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from portal.organisations.roles import Role
from portal.organisations.sharing import set_public
from portal.showcase.indexing import PAGES
from portal.studies.publishing import publish_study
from tests import factories, studies

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
LINK = "{http://www.w3.org/1999/xhtml}link"
LANGUAGES = [code for code, _name in settings.LANGUAGES]
DEFAULT = "Health data, AI models and their independent evaluation across Europe."


def sitemap() -> dict[str, dict[str, str]]:
    """Each address with its alternates."""
    content = Client().get("/sitemap.xml").content
    return {
        entry.findtext(f"{SITEMAP}loc", ""): {
            link.attrib["hreflang"]: link.attrib["href"] for link in entry.iter(LINK)
        }
        for entry in ElementTree.fromstring(content)  # noqa: S314 - our own
    }


def structured(page: str) -> list[Any]:
    found = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    return [json.loads(text) for text in found]


def tags(page: str) -> dict[str, str]:
    """The title, the canonical address and what the head's ``meta`` elements say."""
    found = re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', page)
    told = {name: html.unescape(text) for name, text in found}
    titles = re.findall(r"<title>(.*?) · SHAIPED</title>", page)
    canonical = re.findall(r'<link rel="canonical" href="([^"]+)">', page)
    return told | {"title": html.unescape(titles[0]), "canonical": canonical[0]}


def test_the_sitemap_holds_every_public_page_in_every_language_and_each_answers(
    db: None, media: Path
) -> None:
    partners = studies.partners(versions=1, sites=2)
    study = studies.a_finished_study(partners)
    publication = publish_study(study=study, by=partners.coordinator)
    public, private = partners.datasets
    set_public(obj=factories.complete(public), public=True, by=partners.holders[0])
    found = sitemap()
    wanted = [publication, public, public.organisation]
    for language in LANGUAGES:
        with override(language):
            addresses = [reverse(name) for name in PAGES]
            addresses += [one.get_absolute_url() for one in wanted]  # type: ignore[attr-defined]
            hidden = private.get_absolute_url()
        assert {f"http://testserver{address}" for address in addresses} <= set(found)
        assert f"http://testserver{hidden}" not in found
    client = Client()
    for address, alternates in found.items():
        assert set(alternates) == {*LANGUAGES, "x-default"}
        assert address in alternates.values()
        assert client.get(address).status_code == 200, address


def test_robots_are_told_of_the_sitemap_and_of_what_is_not_for_them(db: None) -> None:
    answer = Client().get("/robots.txt")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    lines = answer.content.decode().splitlines()
    assert lines[0] == "User-agent: *"
    assert "Sitemap: http://testserver/sitemap.xml" in lines
    closed = [line.removeprefix("Disallow: ") for line in lines if line.startswith("Disallow: ")]
    assert {"/account/", "/fr/account/", "/da/my-work/", "/admin/", "/api/"} <= set(closed)
    paths = [address.removeprefix("http://testserver") for address in sitemap()]
    assert [path for path in paths if path.startswith(tuple(closed))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_public_page_describes_itself(db: None, language: str) -> None:
    seen: dict[str, str] = {}
    with override(language):
        addresses = {name: reverse(name) for name in PAGES}
    for name, address in addresses.items():
        told = tags(Client().get(address, {"q": "x"}).content.decode())
        assert told["canonical"] == f"http://testserver{address}"
        assert told["og:url"] == told["canonical"]
        assert told["og:title"] == told["title"]
        assert told["og:description"] == told["description"]
        image = told["og:image"].removeprefix("http://testserver/static/")
        assert finders.find(image), image
        assert 30 <= len(told["description"]) <= 250, name
        assert told["description"] not in seen, (name, seen[told["description"]])
        assert DEFAULT not in told["description"], name
        seen[told["description"]] = name


def test_a_page_that_is_not_there_has_no_address_of_its_own(db: None) -> None:
    page = Client().get("/nothing-here/").content.decode()
    assert "canonical" not in page
    assert "og:url" not in page


def test_what_a_holder_writes_cannot_leave_the_data_block(db: None, media: Path) -> None:
    person = factories.a_person(factories.an_organisation(), Role.MANAGER)
    dataset = factories.a_dataset(person, title="</script><script>alert(1)</script> & “more”")
    set_public(obj=factories.complete(dataset), public=True, by=person)
    page = Client().get(dataset.get_absolute_url()).content.decode()
    assert "<script>alert" not in page
    (data,) = structured(page)
    assert data["name"] == dataset.title
    assert data["@type"] == "Dataset"


def test_what_is_not_public_does_not_describe_itself(db: None, media: Path) -> None:
    person = factories.a_person(factories.an_organisation(), Role.MANAGER)
    dataset = factories.a_dataset(person)
    client = Client()
    client.force_login(person)
    assert structured(client.get(dataset.get_absolute_url()).content.decode()) == []


def test_the_project_and_its_partners_are_organisations(db: None) -> None:
    organisation = factories.an_organisation("A hospital", country="DK")
    (partner,) = structured(Client().get(organisation.get_absolute_url()).content.decode())
    assert (partner["@type"], partner["name"]) == ("Organization", "A hospital")
    assert partner["address"]["addressCountry"] == "DK"
    (project,) = structured(Client().get(reverse("about")).content.decode())
    assert (project["@type"], project["name"]) == ("Organization", "SHAIPED")
