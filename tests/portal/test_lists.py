"""Lists: as many queries for thirty rows as for two, and cut into pages by the database."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal import pagination
from portal.evaluations.models import Evaluation
from portal.organisations import sharing
from portal.organisations.roles import Role, Verb
from tests import factories

pytestmark = pytest.mark.django_db

LISTS = {
    "all-dataset-list": {},
    "variable-matrix": {},
    "all-model-list": {},
    "all-evaluation-list": {},
    "dataset-list": {"use_case": "ckd"},
    "model-list": {"use_case": "ckd"},
    "evaluation-list": {"use_case": "ckd"},
    "use-case-overview": {"use_case": "ckd"},
    "home": {},
    "organisation-list": {},
    "publication-list": {},
    "sitemap": {},
    "my-work": {},
    "notification-list": {},
    "saved-search-list": {},
    "news-list": {},
    "news-feed": {},
}


@pytest.fixture
def person(media):
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


def fill(person, count: int):
    """``count`` datasets, models with two versions, and evaluations; returns the last ones."""
    for _ in range(count):
        version = factories.a_version(person)
        factories.a_version(person, version.model, version="1.1.0")
        dataset = factories.a_ready_dataset(person, version)
        evaluation = factories.a_finished_evaluation(person, dataset, version)
        factories.a_notification(person)
        factories.a_news_item(en="New.", fr="Nouveau.")
        for shared in (dataset, version.model, evaluation):
            sharing.share(obj=shared, verbs=[Verb.VIEW], organisation=None, by=person)
    return dataset, version


def queries(client: Client, address: str) -> int:
    client.get(address)  # what is asked once a process (content types) is asked here
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = client.get(address)
    assert response.status_code == 200
    return len(captured)


def test_every_list_has_a_constant_number_of_queries(person):
    client = Client()
    client.force_login(person)
    fill(person, 2)
    few = {name: queries(client, reverse(name, kwargs=given)) for name, given in LISTS.items()}
    fill(person, 10)
    many = {name: queries(client, reverse(name, kwargs=given)) for name, given in LISTS.items()}
    assert many == few
    assert max(many.values()) <= 20


def test_a_page_about_one_thing_has_a_constant_number_of_queries(person):
    client = Client()
    client.force_login(person)
    dataset, version = fill(person, 2)
    addresses = {
        "dataset-detail": {"use_case": "ckd", "slug": dataset.slug},
        "model-detail": {"use_case": "ckd", "slug": version.model.slug},
        "model-version-detail": {
            "use_case": "ckd",
            "slug": version.model.slug,
            "version": version.version,
        },
        "evaluation-submit": {"use_case": "ckd", "task": "binary"},
    }
    few = {name: queries(client, reverse(name, kwargs=given)) for name, given in addresses.items()}
    for seed in range(8):
        factories.a_finished_evaluation(person, dataset, version, seed=seed)
    fill(person, 4)
    many = {name: queries(client, reverse(name, kwargs=given)) for name, given in addresses.items()}
    assert many == few


def test_a_list_is_cut_into_pages_by_the_database(person):
    for _ in range(22):
        factories.a_dataset(person)
    client = Client()
    client.force_login(person)
    address = reverse("dataset-list", kwargs={"use_case": "ckd"})
    with CaptureQueriesContext(connection) as captured:
        first = client.get(address)
    assert len(first.context["page"].object_list) == 20
    assert any("LIMIT 20" in query["sql"] for query in captured)
    assert len(client.get(address, {"page": 2}).context["page"].object_list) == 2
    # A page that is not there gives the nearest one.
    assert client.get(address, {"page": "nonsense"}).context["page"].number == 1
    assert client.get(address, {"page": 99}).context["page"].number == 2


def test_words_are_found_wherever_they_stand(person):
    factories.a_dataset(person, title="Alpha", keyword=["dialysis"])
    factories.a_dataset(person, title="Beta", description="Transplants.")
    client = Client()
    client.force_login(person)
    address = reverse("all-dataset-list")
    for words, expected in (
        ("dialysis", ["Alpha"]),
        ("transplant beta", ["Beta"]),
        ("alpha transplant", []),
        ("%", []),
        ("", ["Alpha", "Beta"]),
    ):
        page = client.get(address, {"q": words}).context["page"]
        assert [dataset.title for dataset in page] == expected, words


def test_results_are_counted_and_cut_by_one_query(person, monkeypatch):
    monkeypatch.setattr(pagination, "PER_PAGE", 2)
    client = Client()
    client.force_login(person)
    address = reverse("all-evaluation-list")
    assert client.get(address, {"page": 3}).context["page"].paginator.count == 0
    fill(person, 3)
    every = list(Evaluation.objects.visible_to(person))
    assert len(every) == 3
    with CaptureQueriesContext(connection) as captured:
        first = client.get(address).context["page"]
    assert sum("COUNT(*) OVER" in query["sql"] for query in captured) == 1
    assert not any("SELECT COUNT(*) AS" in query["sql"] for query in captured)
    assert list(first.object_list) == every[:2]
    assert first.paginator.count == 3
    for asked, number, shown in (
        ("2", 2, every[2:]),
        ("99", 2, every[2:]),
        ("0", 1, every[:2]),
        ("nonsense", 1, every[:2]),
        ("9" * 5000, 1, every[:2]),
    ):
        page = client.get(address, {"page": asked}).context["page"]
        assert (page.number, list(page.object_list)) == (number, shown), asked
