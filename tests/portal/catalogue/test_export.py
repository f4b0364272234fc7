"""What programs read: graphs that keep to HealthDCAT-AP, in the format that they ask for."""

from __future__ import annotations

import json
import re
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rdflib import Graph, Literal, URIRef
from rdflib.compare import isomorphic
from rdflib.namespace import DCTERMS, RDF

from portal.accounts.models import User
from portal.catalogue.actions import update_dataset
from portal.catalogue.dcat import export, harvesting
from portal.catalogue.dcat.terms import COUNTRY_CODES, DCAT, DQV, HEALTH, HYDRA, OA, SCHEMES
from portal.catalogue.models import Dataset, Variable
from portal.catalogue.vocabulary import AccessRights
from portal.organisations.countries import COUNTRIES
from portal.organisations.roles import Role
from portal.organisations.sharing import set_public
from portal.studies.publishing import add_notice, publish_study
from tests import factories, shapes, studies

pytestmark = pytest.mark.django_db

FULL: dict[str, Any] = {
    "access_rights": "NON_PUBLIC",
    "keyword": ["kidney", "cohort"],
    "dataset_type": "SYNTHETIC_DATA",
    "contact_name": "Data office",
    "contact_email": "data@example.org",
    "provenance": "Drawn by a program.",
    "health_theme": ["NONCOMMUNICABLE_DISEASES", "HEALTH_SYSTEMS"],
    "min_typical_age": 18,
    "max_typical_age": 99,
    "population_coverage": "Adults of one region.",
    "personal_data_categories": ["Age", "Health"],
    "coding_systems": ["ICD-10", "LOINC"],
    "code_values": ["N18.3"],
    "conforms_to": ["OMOP-CDM"],
    "languages": ["ENG", "DAN"],
    "accrual_periodicity": "ANNUAL",
    "temporal_resolution": "P1D",
    "temporal_start": date(2015, 1, 1),
    "temporal_end": date(2024, 12, 31),
    "retention_start": date(2015, 1, 1),
    "retention_end": date(2045, 1, 1),
    "purpose": "Planning of care.",
    "legal_basis": "research",
    "landing_page": "https://example.org/page/<x>",
    "documentation": "https://example.org/guide",
    "analytics": "https://example.org/figures",
    "sample": "https://example.org/rows",
    "quality_certificate": "https://example.org/certificate",
    "publications": ["https://doi.org/10.1000/paper"],
    "relations": ["https://example.org/other"],
    "number_of_records": 300,
    "number_of_unique_individuals": 200,
    "series": "Kidney cohorts",
    "version_label": "2026",
    "version_notes": "A year more.",
    "alternative": "The cohort",
}
DICTIONARY = (
    ("egfr", "eGFR", "number", "mL/min", "LOINC 33914-3"),
    ("sex", "Sex", "category", "", ""),
)


def variables() -> list[Variable]:
    return [
        Variable(name=name, label=label, datatype=kind, unit=unit, code=code)
        for name, label, kind, unit, code in DICTIONARY
    ]


@pytest.fixture
def holder() -> User:
    factories.an_access_body("DK")
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


def a_full_dataset(by: User, *, public: bool = True, **fields: Any) -> Dataset:
    dataset = factories.a_dataset(by, **(FULL | {"variables": variables()} | fields))
    if public:
        set_public(obj=dataset, public=True, by=by)
    return dataset


def graph_of(text: bytes, kind: str = "turtle") -> Graph:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "ConjunctiveGraph is deprecated")  # rdflib's own use
        return Graph().parse(data=text, format=kind)


def get(address: str, **headers: str) -> Any:
    return Client().get(address, headers=headers)


@pytest.mark.parametrize("level", AccessRights.values)
def test_the_least_and_the_most_that_can_be_said_violate_no_shape(holder, level) -> None:
    bare = factories.complete(factories.a_dataset(holder, access_rights=level))
    full = a_full_dataset(holder, access_rights=level)
    paths = [shapes.OWN, *(shapes.of_level(level) if shapes.STANDARDS else [])]
    for dataset in (bare, full):
        graph = export.dataset_graph(dataset)
        assert shapes.violations(graph, *paths) == []
        of_terms = [path for path in paths if "vocabularies" not in path.name]
        assert shapes.violations(graph, *of_terms, alone=True) == []


def test_the_shapes_see_what_is_missing(holder) -> None:
    dataset = a_full_dataset(holder, public=False)
    graph = export.dataset_graph(dataset)
    graph.remove((None, HEALTH.hdab, None))
    graph.remove((None, DCAT.keyword, None))
    found = shapes.violations(graph, shapes.OWN)
    assert any("hdab" in line for line in found)
    assert len(found) == 2


@shapes.needs_standards
def test_every_value_of_a_vocabulary_is_a_concept_of_the_authority() -> None:
    codes = json.loads(shapes.official("vocab/codes.json").read_text())
    known = {
        f"{table['scheme']}/{code}": table for table in codes.values() for code in table["codes"]
    }
    tables = {table["scheme"] + "/" for table in codes.values()}
    from portal.catalogue.dcat.terms import concept

    for kind, scheme in SCHEMES.items():
        if scheme in tables:
            for value in kind.values:
                assert str(concept(kind, value)) in known
            whole = next(table for table in codes.values() if table["scheme"] + "/" == scheme)
            if whole["complete_list_seen"]:
                assert len(kind.values) == len(whole["codes"])


def test_every_country_has_an_address() -> None:
    assert set(COUNTRY_CODES) == {code for code, _name in COUNTRIES}


FORMATS = [
    ("ttl", "text/turtle", "turtle"),
    ("jsonld", "application/ld+json", "json-ld"),
    ("rdf", "application/rdf+xml", "xml"),
]


@pytest.mark.parametrize(("ending", "media_type", "kind"), FORMATS)
def test_the_page_and_its_links_give_the_same_graph(holder, ending, media_type, kind) -> None:
    text = "Ends with a backslash \\, “quotes” \"' & <tags>\n\n and a bell \x07 é 腎 \ufffe"
    dataset = a_full_dataset(holder, description=text, purpose=text)
    wanted = export.dataset_graph(dataset)
    page = dataset.get_absolute_url()
    for answer in (
        get(page, accept=media_type),
        get(f"{page.rstrip('/')}.{ending}"),
        get(f"/da{page}", accept=f"{media_type}, text/html;q=0.5"),
    ):
        assert answer.status_code == 200
        assert answer["Content-Type"] == f"{media_type}; charset=utf-8"
        found = graph_of(answer.content, kind)
        if kind == "xml":  # which can hold no bell
            assert len(found) == len(wanted)
        else:
            assert isomorphic(found, wanted)
    assert "Accept" in get(page, accept=media_type)["Vary"]


@pytest.mark.parametrize("accept", ["text/html,*/*;q=0.8", "*/*", "", "text/n3", "nonsense"])
def test_people_get_the_page_with_links_to_the_formats(holder, accept) -> None:
    dataset = a_full_dataset(holder)
    answer = get(dataset.get_absolute_url(), accept=accept)
    assert answer["Content-Type"].startswith("text/html")
    assert "Accept" in answer["Vary"]
    page = answer.content.decode()
    address = export.address_of(dataset).rstrip("/")
    for ending, media_type, _kind in FORMATS:
        assert f'<link rel="alternate" type="{media_type}" href="{address}.{ending}">' in page
        assert f'<a class="btn small" href="{address}.{ending}"' in page


def test_nothing_is_said_that_the_page_does_not_say(holder) -> None:
    dataset = a_full_dataset(holder)
    page = Client().get(dataset.get_absolute_url()).content.decode()
    shown = re.sub(r"\s+", " ", page)
    for value in export.dataset_graph(dataset).objects():
        if isinstance(value, Literal) and value.language and "follow each other" not in value:
            if str(value) == "Health":  # the theme of every dataset here
                continue
            assert str(value) in shown, value


def test_what_is_not_public_has_no_graph(holder) -> None:
    dataset = a_full_dataset(holder, public=False)
    client = Client()
    client.force_login(holder)
    for ending, media_type, _kind in FORMATS:
        assert client.get(f"{dataset.get_absolute_url().rstrip('/')}.{ending}").status_code == 404
        answer = client.get(dataset.get_absolute_url(), headers={"accept": media_type})
        assert answer["Content-Type"].startswith("text/html")
        assert dataset.slug not in client.get(f"/catalogue.{ending}").content.decode()
    assert 'rel="alternate" type="text/turtle"' not in answer.content.decode()


def test_it_is_answered_anew_only_when_something_changed(holder) -> None:
    dataset = a_full_dataset(holder)
    for address in (f"{dataset.get_absolute_url().rstrip('/')}.ttl", "/catalogue.jsonld"):
        first = get(address)
        assert get(address, **{"if-none-match": first["ETag"]}).status_code == 304
        assert get(address, **{"if-none-match": f"W/{first['ETag']}"}).status_code == 304
        assert get(address, **{"if-modified-since": first["Last-Modified"]}).status_code == 304
        other = get(address.replace("ttl", "rdf").replace("jsonld", "ttl"))
        assert other["ETag"] != first["ETag"]
        update_dataset(dataset=dataset, title=f"{dataset.title}!", by=holder)
        answer = get(address, **{"if-none-match": first["ETag"]})
        assert answer.status_code == 200
        assert answer["ETag"] != first["ETag"]


def test_a_catalogue_that_lost_a_dataset_has_changed(holder) -> None:
    kept, gone = a_full_dataset(holder), a_full_dataset(holder)
    first = get("/catalogue.ttl")
    assert kept.slug in first.content.decode()
    set_public(obj=gone, public=False, by=holder)
    assert harvesting.last_change().timestamp() >= gone.modified.timestamp()
    assert get("/catalogue.ttl", **{"if-none-match": first["ETag"]}).status_code == 200


@pytest.mark.parametrize(("ending", "media_type", "kind"), FORMATS)
def test_the_catalogue_is_read_page_by_page(holder, monkeypatch, ending, media_type, kind) -> None:
    monkeypatch.setattr(harvesting, "PER_PAGE", 2)
    datasets = [a_full_dataset(holder, title=f"Cohort & {number}") for number in range(5)]
    address: str | None = f"/catalogue.{ending}"
    met, whole, pages = [], Graph(), 0
    while address:
        answer = get(address)
        assert answer["Content-Type"].startswith(media_type)
        graph = graph_of(answer.content, kind)
        whole += graph
        pages += 1
        met += [str(place) for place in graph.objects(None, DCAT.dataset)]
        following = list(graph.objects(None, HYDRA.next))
        assert bool(following) == ('rel="next"' in answer["Link"])
        address = str(following[0]).removeprefix("http://127.0.0.1:8000") if following else None
    assert pages == 3
    assert met == [export.address_of(dataset) for dataset in datasets] or sorted(met) == sorted(
        export.address_of(dataset) for dataset in datasets
    )
    wanted = Graph()
    for dataset in Dataset.objects.order_by("pk"):
        wanted += export.dataset_graph(dataset)
    assert len(wanted - whole) == 0
    totals = {int(total) for total in whole.objects(None, HYDRA.totalItems)}
    assert totals == {5}
    assert shapes.violations(whole, shapes.OWN) == []


def test_a_page_of_the_catalogue_that_is_not_there(holder) -> None:
    a_full_dataset(holder)
    for asked in ("2", "0", "-1", "x", "9" * 50, "1\x00"):
        assert get(f"/catalogue.ttl?page={asked}").status_code == 404


def test_the_catalogue_answers_in_what_is_asked_for(holder) -> None:
    assert get("/catalogue", accept="text/html").status_code == 302
    page = get("/datasets/").content.decode()
    for ending, media_type, _kind in FORMATS:
        link = f'<link rel="alternate" type="{media_type}" href="/catalogue.{ending}">'
        assert link in page
    answer = get("/catalogue", accept="application/ld+json")
    assert answer["Content-Type"].startswith("application/ld+json")
    assert "Accept" in answer["Vary"]
    assert len(list(graph_of(answer.content, "json-ld").subjects(RDF.type, DCAT.Catalog))) == 1


def test_a_page_costs_as_many_queries_for_twelve_datasets_as_for_one(holder) -> None:
    a_full_dataset(holder)
    counts = []
    for more in (0, 11):
        for _number in range(more):
            a_full_dataset(holder)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            get("/catalogue.ttl")
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_published_studies_are_annotations_of_quality(media: Path) -> None:
    partners = studies.partners(versions=1, sites=2)
    publication = publish_study(study=studies.a_finished_study(partners), by=partners.coordinator)
    dataset, other = partners.datasets
    graph = export.dataset_graph(factories.complete(dataset))
    (annotation,) = graph.objects(URIRef(export.address_of(dataset)), DQV.hasQualityAnnotation)
    assert str(graph.value(annotation, OA.hasBody)).endswith(publication.get_absolute_url())
    assert str(graph.value(annotation, DCTERMS.title)) == publication.title
    set_public(obj=dataset, public=True, by=partners.holders[0])
    assert publication.title in Client().get(dataset.get_absolute_url()).content.decode()
    assert shapes.violations(graph, shapes.OWN) == []
    add_notice(publication=publication, kind="retraction", text="No.", by=partners.coordinator)
    for each in (dataset, other):
        assert not list(export.dataset_graph(each).objects(None, DQV.hasQualityAnnotation))


def test_versions_point_at_each_other_where_both_are_public(holder) -> None:
    first = a_full_dataset(holder, public=False, version_label="2025")
    second = a_full_dataset(holder, previous_version=first)
    assert not list(export.dataset_graph(second).objects(None, DCAT.previousVersion))
    set_public(obj=first, public=True, by=holder)
    second = Dataset.objects.get(pk=second.pk)
    graph = export.dataset_graph(second)
    assert list(graph.objects(None, DCAT.previousVersion)) == [URIRef(export.address_of(first))]
    series = graph.value(URIRef(export.address_of(second)), DCAT.inSeries)
    assert series == export.dataset_graph(first).value(None, None, DCAT.DatasetSeries) or series
    page = Client().get(second.get_absolute_url()).content.decode()
    assert first.get_absolute_url() in page
