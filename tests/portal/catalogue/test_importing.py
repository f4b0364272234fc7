"""Files of other catalogues fill in a form: what is understood, what is told, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.catalogue.dcat import export, importing
from portal.catalogue.dcat.importing import Imported, NotReadable
from portal.catalogue.forms import DatasetForm
from portal.catalogue.models import Dataset
from portal.organisations.roles import Role
from portal.organisations.sharing import set_public
from tests import factories, shapes
from tests.portal.catalogue.test_export import a_full_dataset

pytestmark = pytest.mark.django_db

PREFIXES = """
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix health: <http://healthdataportal.eu/ns/health#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""


def read(content: str | bytes, name: str = "description.ttl") -> Imported:
    sent = content.encode() if isinstance(content, str) else content
    return importing.read_file(SimpleUploadedFile(name, sent))


def turtle(statements: str) -> Imported:
    return read(f"{PREFIXES}\n<urn:x> a dcat:Dataset ; {statements} .")


@pytest.fixture
def manager(media: object) -> User:
    factories.an_access_body("DK")
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


@pytest.fixture
def client(manager: User) -> Client:
    client = Client()
    client.force_login(manager)
    return client


def sent_from(page: Any, **changes: str) -> dict[str, Any]:
    """What a browser sends of the form that a page shows, untouched but for ``changes``."""
    sent: dict[str, Any] = {}
    for form in (page.context["form"], page.context["profile"]):
        for field in form or ():
            value = field.value()
            if value not in (None, False, "", []):
                sent[field.html_name] = field.field.prepare_value(value)
    formset = page.context["variables"]
    for field in formset.management_form:
        sent[field.html_name] = field.value()
    for line in formset.forms:
        for field in line:
            if field.value() not in (None, False, ""):
                sent[field.html_name] = field.value()
    return sent | changes


def imported_page(client: Client, name: str, content: bytes) -> Any:
    address = reverse("dataset-import", kwargs={"use_case": "ckd"})
    return client.post(address, {"file": SimpleUploadedFile(name, content)})


@shapes.needs_standards
def test_the_official_example_becomes_a_draft_whose_export_validates(client, manager) -> None:
    content = shapes.official("examples/example-healthdcat-dataset.ttl").read_bytes()
    page = imported_page(client, "example.ttl", content)
    assert page.status_code == 200
    assert not Dataset.objects.exists()
    text = page.content.decode()
    assert "things in the file were not read" in text
    assert "prov:wasGeneratedBy" in text or "wasGeneratedBy" in text
    answer = client.post(
        reverse("dataset-create", kwargs={"use_case": "ckd"}),
        sent_from(page, contact_email="oncology-dataset-support@example.org"),
    )
    assert answer.status_code == 302, answer.context["form"].errors
    dataset = Dataset.objects.get()
    assert not dataset.is_public
    assert dataset.title == "Cross-border oncology EHR cohort 2024"
    assert dataset.conforms_to == ["DICOM", "FHIR"]
    assert dataset.personal_data_categories == ["Age", "Gender"]
    assert (dataset.min_typical_age, dataset.max_typical_age) == (18, 99)
    assert dataset.temporal_resolution == "P1M"
    assert dataset.quality_certificate.endswith("certificates/oncology-ehrs-2024")
    assert dataset.variables.count() == 5
    assert dataset.spatial == "BE"
    set_public(obj=dataset, public=True, by=manager)
    graph = export.dataset_graph(Dataset.objects.get())
    paths = [shapes.OWN, *shapes.of_level(dataset.access_rights)]
    assert shapes.violations(graph, *paths) == []


@pytest.mark.parametrize("kind", ["turtle", "json-ld"])
def test_what_this_site_wrote_it_reads_again(manager, kind) -> None:
    dataset = a_full_dataset(manager)
    graph = export.dataset_graph(dataset)
    name = "d.ttl" if kind == "turtle" else "d.jsonld"
    found = read(graph.serialize(format=kind), name)
    for field, value in found.fields.items():
        stored = getattr(dataset, field)
        if isinstance(stored, list):
            assert sorted(value) == sorted(stored), field
        elif field != "landing_page":  # whose odd characters are written as an address has them
            assert str(value) == str(stored), field
    left = {field.name for field in Dataset._meta.fields} - set(found.fields)
    assert "purpose" not in left
    assert "legal_basis" not in left
    assert [each["name"] for each in found.variables] == ["egfr", "sex"]
    assert found.variables[0]["unit"] == "mL/min"
    assert found.variables[0]["code"] == "LOINC 33914-3"
    told = " ".join(found.unread)
    assert "does not know this property" not in told
    assert "no counterpart" not in told


FOREIGN = """
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix hd5: <https://healthdcat-ap.github.io/release-5/ns#> .
@prefix health: <http://healthdataportal.eu/ns/health#> .
<https://elsewhere.example/1> a dcat:Dataset ;
  dct:title "Une cohorte"@fr, "A cohort"@en ;
  dct:description "Eine Kohorte"@de ;
  dct:accessRights <http://publications.europa.eu/resource/authority/access-right/SECRET> ;
  health:healthTheme <https://www.wikidata.org/entity/Q7907952> ;
  health:hasCodingSystem <https://www.wikidata.org/entity/P494> ;
  health:minTypicalAge "eighteen" ; health:maxTypicalAge 200000000000000000000000 ;
  health:numberOfRecords 12.0 ;
  dct:temporal [ dcat:startDate "2024-99-99" ] ;
  hd5:hasPurpose "care" ; hd5:trustedDataHolder true ;
  dct:spatial <http://publications.europa.eu/resource/authority/country/USA> ;
  dcat:contactPoint [ ], <mailto:x> ; dcat:keyword "a, b", "c" .
<https://elsewhere.example/2> a dcat:Dataset .
"""


def test_a_foreign_file_is_read_as_far_as_it_is_understood(client) -> None:
    found = read(FOREIGN)
    assert found.fields == {
        "title": "A cohort",
        "description": "Eine Kohorte",
        "keyword": ["a  b", "c"],
        "number_of_records": 12,
    }
    told = " ".join(found.unread)
    for piece in (
        "SECRET",
        "Q7907952",
        "P494",
        "eighteen",
        "200000000000000000000000",
        "2024-99",
        "release-5/ns#hasPurpose",
        "trustedDataHolder",
        "country/USA",
        "2 datasets",
    ):
        assert piece in told, piece  # fmt: skip
    page = imported_page(client, "r5.ttl", FOREIGN.encode())
    assert page.status_code == 200
    assert "A cohort" in page.content.decode()


HOSTILE = {
    "empty.ttl": b"",
    "blank.csv": b"  \n ",
    "latin.ttl": '<urn:x> <urn:y> "é" .'.encode("latin-1"),
    "utf16.ttl": "<urn:x> <urn:y> <urn:z> .".encode("utf-16"),
    "nul.ttl": b'<urn:x> <urn:y> "\x00" .',
    "broken.ttl": b"@prefix a: <urn:a> .\n\na:b a:c",
    "words.ttl": b"This is a letter.",
    "nested.ttl": b"<urn:x> <urn:y> " + b"[ <urn:y> " * 20_000,
    "nothing.ttl": b"<urn:x> <urn:y> <urn:z> .",
    "broken.jsonld": b"{",
    "deep.jsonld": b"[" * 100_000,
    "deep2.jsonld": b'{"a":' * 200 + b"1" + b"}" * 200,
    "number.json": b"1",
    "list.json": b"[1, null, true]",
    "odd.json": b'{"@context": {"@vocab": 5}, "@type": {"@id": []}}',
    "page.html": b"<html></html>",
    "page.ttl": b"<!DOCTYPE html><html></html>",
    "description.rdf": b"<?xml version='1.0'?><rdf:RDF/>",
    "laughs.ttl": b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;',
    "laughs.xml": b"<!DOCTYPE l [<!ENTITY a 'ha'>]><l>&a;</l>",
    "table.parquet": b"PAR1",
    "no-name.csv": b"label,unit\nAge,years\n",
    "quote.csv": b'name,label\n"a' + b"x" * 200_000,
    "noending": b"name,label\na,b\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_says_nothing_is_refused_with_a_sentence(name) -> None:
    with pytest.raises(NotReadable) as refused:
        read(HOSTILE[name], name)
    assert str(refused.value).endswith(".")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(client) -> None:
    page = imported_page(client, "huge.ttl", b"#" * (importing.MOST_BYTES + 1))
    assert page.status_code == 200
    assert "at most 2" in page.content.decode()


def test_no_context_is_fetched(monkeypatch) -> None:
    document = {
        "@context": [
            "http://127.0.0.1:9/context.jsonld",
            {
                "dcat": "http://www.w3.org/ns/dcat#",
                "dct": "http://purl.org/dc/terms/",
                "@import": "http://127.0.0.1:9/more.jsonld",
                "inner": {"@id": "dct:relation", "@context": "file:///etc/passwd"},
            },
        ],
        "@type": "dcat:Dataset",
        "dct:title": "A cohort",
        "inner": {"@context": "http://127.0.0.1:9/inner", "dct:title": "x"},
    }
    found = read(json.dumps(document), "d.jsonld")
    assert found.fields["title"] == "A cohort"
    told = " ".join(found.unread)
    for address in ("context.jsonld", "more.jsonld", "etc/passwd", "9/inner"):
        assert address in told, address


def test_values_too_large_for_a_field_are_cut_and_told() -> None:
    found = turtle(
        f'dct:title "{"t" * 500}" ; health:populationCoverage "{"p" * 5000}" ; '
        f"dcat:landingPage <http://x.example/{'a' * 900}>, <javascript:alert(1)> ; "
        'dct:description "a\\u0000b\\u202Ec"'
    )
    assert len(found.fields["title"]) == 200
    assert len(found.fields["population_coverage"]) == 2000
    assert "landing_page" not in found.fields
    assert found.fields["description"] == "a b c"
    assert len(found.unread) == 4


def test_whatever_is_read_fits_the_form(manager) -> None:
    everything = turtle(
        'dct:title "T" ; dct:description "D" ; dct:language '
        "<http://publications.europa.eu/resource/authority/language/FRA> ; "
        "dct:accessRights <https://publications.europa.eu/resource/authority/access-right/PUBLIC>, "
        "<http://publications.europa.eu/resource/authority/access-right/RESTRICTED> ; "
        'health:hasStructuredData "maybe"'
    )
    assert everything.fields["access_rights"] == "RESTRICTED"  # the first by its address
    assert any("PUBLIC" in line for line in everything.unread)
    form = DatasetForm(
        user=manager, use_case=factories.a_use_case(), initial=dict(everything.fields)
    )
    assert set(everything.fields) <= set(form.fields)


def test_a_dictionary_as_csv_fills_in_the_lines(client, manager) -> None:
    content = (
        "﻿Variable;Label;Type;Units;Odd column\n"
        "egfr;Filtration rate;numeric;mL/min;x\n"
        "sex;Sex;factor;;\n"
        ";;;;\n"
        "egfr;again;int;;\n"
        "smoker;Smokes;perhaps;;\n"
    ).encode()
    dataset = factories.complete(factories.a_dataset(manager))
    address = reverse("dataset-fill-in", kwargs={"use_case": "ckd", "slug": dataset.slug})
    page = client.post(address, {"file": SimpleUploadedFile("variables.csv", content)})
    text = page.content.decode()
    for told in ("Odd column", "Line 5 was not read", "perhaps"):
        assert told in text, told
    assert dataset.variables.get().label == "eGFR"
    edit = reverse("dataset-edit", kwargs={"use_case": "ckd", "slug": dataset.slug})
    answer = client.post(edit, sent_from(page))
    assert answer.status_code == 302
    lines = [(one.name, one.label, one.datatype, one.unit) for one in dataset.variables.all()]
    assert lines == [
        ("egfr", "Filtration rate", "number", "mL/min"),
        ("sex", "Sex", "category", ""),
        ("smoker", "Smokes", "string", ""),
    ]


def test_a_long_dictionary_ends_where_the_site_does() -> None:
    rows = "".join(f"v{number},Label\n" for number in range(2_500))
    found = read(f"name,label\n{rows}", "d.csv")
    assert len(found.variables) == 2_000
    assert "2000" in found.unread[-1].replace(" ", "").replace(",", "")
