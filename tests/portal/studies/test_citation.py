"""How a published study is cited, in words, for BibTeX and for those who index data."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.studies.citation import authors, escaped
from portal.studies.models import Publication
from portal.studies.publishing import add_notice, publish_study
from portal.studies.report import Report
from tests import studies
from tests.studies import Partners


@pytest.fixture
def partners(db: None, media: Path) -> Partners:
    return studies.partners(versions=1, sites=2)


@pytest.fixture
def publication(partners: Partners) -> Publication:
    study = studies.a_finished_study(partners)
    return publish_study(study=study, by=partners.coordinator)


def structured(page: str) -> dict[str, Any]:
    found = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert len(found) == 1
    data: dict[str, Any] = json.loads(found[0])
    return data


def test_the_page_says_how_to_cite_it_and_gives_the_files(publication: Publication) -> None:
    answer = Client().get(publication.get_absolute_url())
    page = answer.content.decode()
    address = f"http://testserver{publication.get_absolute_url()}"
    report = Report.model_validate_json(bytes(publication.content))
    citation = answer.context["citation"]
    assert citation.startswith(f"{report.coordinated_by}, ")
    assert citation.endswith(f"SHAIPED, {publication.published_at:%-d %B %Y}. {address}")
    for name in ("publication-citation", "publication-report"):
        where = {"use_case": "ckd", "slug": publication.slug}
        assert f'href="{reverse(name, kwargs=where)}" download' in page


def test_the_citation_names_one_address_in_every_language(publication: Publication) -> None:
    address = publication.get_absolute_url()
    for language in ("", "/fr", "/da"):
        citation = Client().get(language + address).context["citation"]
        assert citation.endswith(f" http://testserver{address}")


def test_bibtex_is_a_file_with_one_entry(publication: Publication) -> None:
    where = {"use_case": "ckd", "slug": publication.slug}
    answer = Client().get(reverse("publication-citation", kwargs=where))
    assert answer["Content-Type"].startswith("application/x-bibtex")
    assert answer["Content-Disposition"] == f'attachment; filename="{publication.slug}.bib"'
    entry = answer.content.decode()
    report = Report.model_validate_json(bytes(publication.content))
    assert entry.startswith(f"@misc{{shaiped-ckd-{publication.slug},\n")
    assert entry.count("{") == entry.count("}")
    names = " and ".join(f"{{{name}}}" for name in authors(report))
    assert f"  author = {{{names}}},\n" in entry
    assert f"  title = {{{{{report.title}}}}},\n" in entry
    assert f"  year = {{{publication.published_at:%Y}}},\n" in entry
    assert f"  month = {publication.published_at:%b},\n".lower() in entry
    assert publication.sha256 in entry


def test_a_retraction_stands_in_every_way_of_citing(
    publication: Publication, partners: Partners
) -> None:
    add_notice(publication=publication, kind="retraction", text="Wrong.", by=partners.coordinator)
    answer = Client().get(publication.get_absolute_url())
    assert answer.context["citation"].startswith("[Retracted] ")
    assert "note = {Retracted. " in answer.context["bibtex"]
    page = answer.content.decode()
    assert structured(page)["creativeWorkStatus"] == "Retracted"
    assert '<div class="note bad">' in page


def test_a_correction_is_no_retraction(publication: Publication, partners: Partners) -> None:
    add_notice(publication=publication, kind="correction", text="A word.", by=partners.coordinator)
    answer = Client().get(publication.get_absolute_url())
    assert "Retracted" not in answer.context["citation"] + answer.context["bibtex"]
    assert "creativeWorkStatus" not in structured(answer.content.decode())


def test_the_page_describes_itself_as_a_dataset_with_its_files(publication: Publication) -> None:
    client = Client()
    data = structured(client.get(publication.get_absolute_url()).content.decode())
    assert data["@context"] == "https://schema.org"
    assert data["@type"] == "Dataset"
    assert data["identifier"] == f"sha256:{publication.sha256}"
    assert data["datePublished"] == publication.published_at.date().isoformat()
    assert len(data["distribution"]) == 3
    for file in data["distribution"]:
        answer = client.get(file["contentUrl"])
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith(file["encodingFormat"])


def test_what_bibtex_would_take_for_a_command_is_escaped() -> None:
    text = "R&D: 95% of {x}_1 at $5 #1,\nfrom a\\b ~ c^2"
    assert escaped(text) == (
        r"R\&D: 95\% of \{x\}\_1 at \$5 \#1, "
        r"from a\textbackslash{}b \textasciitilde{} c\textasciicircum{}2"
    )
