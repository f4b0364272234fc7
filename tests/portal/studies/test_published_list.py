"""The list of what is published in all use cases: filtered, searched, cut into pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.accounts.models import User
from portal.studies.models import Notice, Publication
from tests import factories, studies

pytestmark = pytest.mark.django_db


@pytest.fixture
def coordinator() -> User:
    return factories.a_coordinator()


def published(by: User, title: str, **fields: Any) -> Publication:
    """A published study, of which the list shows the summary alone."""
    summary = {"models": ["Kidney equation 1.0.0"], "sites": 2, "countries": ["DK", "FR"]}
    summary |= {"coordinated_by": "Health Data Hub", **fields.pop("summary", {})}
    study = studies.a_draft(by, title=title)
    fields = {"use_case": "ckd", "finding": "Ranks patients well", **fields}
    return Publication.objects.create(
        study=study,
        slug=f"study-{study.pk}",
        title=title,
        summary=summary,
        content=b"{}",
        sha256="0" * 64,
        published_by=by,
        **fields,
    )


def titles(**asked: Any) -> list[str]:
    page = Client().get(reverse("publication-list"), asked).context["page"]
    return [publication.title for publication in page]


def test_everybody_reads_all_of_it_the_newest_first(coordinator: User) -> None:
    published(coordinator, "First")
    published(coordinator, "Second", use_case="metastasis")
    assert titles() == ["Second", "First"]


def test_it_is_filtered_by_use_case_and_country(coordinator: User) -> None:
    published(coordinator, "Kidneys of two countries")
    published(coordinator, "Scans of Spain", use_case="metastasis", summary={"countries": ["ES"]})
    assert titles(use_case="metastasis") == ["Scans of Spain"]
    assert titles(country="FR") == ["Kidneys of two countries"]
    assert titles(country=["FR", "ES"]) == ["Scans of Spain", "Kidneys of two countries"]
    assert titles(country="FR", use_case="metastasis") == []
    found = Client().get(reverse("publication-list")).context["found"]
    counts = {
        facet.key: {option.value: option.count for option in facet.options}
        for facet in found.facets
    }
    assert counts == {
        "use_case": {"ckd": 1, "metastasis": 1},
        "country": {"DK": 1, "FR": 1, "ES": 1},
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("travel", ["Do risks travel?"]),
        ("overstates equation", ["Do risks travel?"]),
        ("curie", ["Scans"]),
        ("curie travel", []),
        ("%", []),
        ("'; --", []),
    ],
)
def test_each_word_is_searched_for(coordinator: User, words: str, expected: list[str]) -> None:
    published(coordinator, "Do risks travel?", finding="Overstates the risk by 8 of 100")
    published(coordinator, "Scans", summary={"coordinated_by": "Institut Curie", "models": []})
    assert titles(q=words) == expected


def test_what_is_retracted_stays_in_the_list_and_says_so(coordinator: User) -> None:
    publication = published(coordinator, "First")
    Notice.objects.create(
        publication=publication, kind="retraction", text="Wrong.", created_by=coordinator
    )
    page = Client().get(reverse("publication-list")).content.decode()
    assert "First" in page
    assert "Retracted" in page


def test_it_is_cut_into_pages_by_the_database_in_a_constant_number_of_queries(
    coordinator: User,
) -> None:
    address, client = reverse("publication-list"), Client()
    for number in range(2):
        published(coordinator, f"Study {number}")
    client.get(address)
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    for number in range(20):
        published(coordinator, f"Further study {number}")
    with CaptureQueriesContext(connection) as many:
        page = client.get(address).context["page"]
    assert len(many) == len(few)
    assert any("LIMIT 20" in query["sql"] for query in many)
    assert len(page.object_list) == 20
    assert len(client.get(address, {"page": 2}).context["page"].object_list) == 2


def test_an_empty_list_says_what_would_be_here() -> None:
    page = Client().get(reverse("publication-list")).content.decode()
    assert "No published studies yet" in page
    assert reverse("access-explained") in page
