"""Files that are refused at the door: a sentence that says what to do, and nothing stored."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from portal.catalogue.actions import shown_file_name
from portal.catalogue.models import Table, Upload
from portal.catalogue.tasks import run_upload
from portal.registry.models import ModelVersion
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_this_process")]


@pytest.fixture
def person(media):
    return factories.a_person(factories.an_organisation())


@pytest.fixture
def client(person):
    client = Client()
    client.force_login(person)
    return client


def stored(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def post_table(client: Client, dataset, content: bytes, name: str = "cohort.csv"):
    address = reverse(
        "table-upload",
        kwargs={"use_case": "ckd", "slug": dataset.slug, "task": "binary", "table": "cohort"},
    )
    return client.post(address, {"file": SimpleUploadedFile(name, content)})


GOOD = b"patient_id,outcome\n" + b"".join(b"p%d,%d\n" % (n, n % 2) for n in range(20))

BAD_TABLES = {
    "not a table": (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "CSV"),
    "wrong encoding": ("patient_id,outcome\nJosé,1\nb,0\n".encode("latin-1"), "UTF-8"),
    "missing column": (b"patient_id\na\nb\n", "outcome"),
    "text in a number": (b"patient_id,outcome\na,1\nb,yes please\nc,0\n", "yes please"),
    "duplicate ids": (b"patient_id,outcome\na,1\na,0\n", "only once"),
    "one class only": (b"patient_id,outcome\na,1\nb,1\n", "0"),
    "header only": (b"patient_id,outcome\n", "at least one row"),
}


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_a_bad_table_is_refused_with_its_reason_and_nothing_is_stored(client, person, media, kind):
    content, words = BAD_TABLES[kind]
    dataset = factories.a_dataset(person)
    response = post_table(client, dataset, content)
    upload = Upload.objects.get()
    assert response.url == upload.get_absolute_url()
    run_upload(upload.pk)

    page = client.get(upload.get_absolute_url()).content.decode()
    upload.refresh_from_db()
    assert upload.status == "failed"
    assert upload.problems, upload.failure
    assert words in page, upload.problems
    assert not Table.objects.exists()
    assert stored(media) == []


def test_an_empty_file_is_refused_by_the_form(client, person, media):
    response = post_table(client, factories.a_dataset(person), b"")
    assert "The file is empty" in response.content.decode()
    assert not Upload.objects.exists()
    assert stored(media) == []


def test_a_file_that_is_too_large_is_refused_by_the_form(client, person, media, settings):
    settings.MAX_UPLOAD_BYTES = 1000
    response = post_table(client, factories.a_dataset(person), b"x" * 200_000)
    assert "too large" in response.content.decode()
    assert not Upload.objects.exists()
    assert stored(media) == []


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\cohort.csv", "cohort.csv"),
        ("a\x00b\ncohort.csv", "abcohort.csv"),
        ("..", "file"),
        ("", "file"),
    ],
)
def test_a_path_in_a_file_name_leads_nowhere(sent, shown):
    assert shown_file_name(sent) == shown


def test_an_uploaded_name_never_becomes_a_path(client, person, media):
    dataset = factories.a_dataset(person)
    post_table(client, dataset, GOOD, name="../../../../tmp/escaped.csv")
    upload = Upload.objects.get()
    assert upload.file_name == "escaped.csv"
    assert upload.stored_name.startswith("arrived/")
    assert [path.parent for path in stored(media)] == [media / "arrived"]
    run_upload(upload.pk)
    assert Table.objects.get().rows == 20
    assert [path.suffix for path in stored(media)] == [".parquet"]


def test_a_stranger_cannot_send_a_file(media, person):
    dataset = factories.a_dataset(person)
    response = post_table(Client(), dataset, GOOD * 1000)
    assert response.status_code in (302, 400)
    assert not Upload.objects.exists()
    assert stored(media) == []


CARD = {
    "version": "1.0.0",
    "kind": "artefact",
    "intended_purpose": "Risk.",
    "population": "Adults.",
    "output": "Risk",
    "training_data": "A cohort.",
    "mdr_class": "none",
    "ce_status": "none",
    "inputs-TOTAL_FORMS": "1",
    "inputs-INITIAL_FORMS": "0",
    "inputs-0-name": "age",
    "inputs-0-label": "Age",
    "inputs-0-unit": "years",
}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (pickle.dumps({"weights": [1, 2, 3]}), "pickle"),
        (b"not a model at all", "ONNX"),
        (b"", "empty"),
    ],
)
def test_what_is_no_artefact_is_refused_and_nothing_is_stored(
    client, person, media, content, words
):
    model = factories.a_model(person)
    address = reverse("model-version-create", kwargs={"use_case": "ckd", "slug": model.slug})
    response = client.post(address, CARD | {"artefact": SimpleUploadedFile("m.onnx", content)})
    assert words in response.content.decode()
    assert not ModelVersion.objects.exists()
    assert stored(media) == []


def test_a_real_artefact_is_kept_under_its_checksum(client, person, media, tmp_path):
    from portal.demo import kidney_failure_risk_equation as equation

    path = tmp_path / "equation.onnx"
    sha256 = equation.export(path)
    model = factories.a_model(person)
    address = reverse("model-version-create", kwargs={"use_case": "ckd", "slug": model.slug})
    lines = {"inputs-TOTAL_FORMS": str(len(equation.INPUTS))}
    for number, name in enumerate(equation.INPUTS):
        lines |= {f"inputs-{number}-name": name, f"inputs-{number}-label": name}
    upload = SimpleUploadedFile("equation.onnx", path.read_bytes())
    response = client.post(address, CARD | lines | {"artefact": upload})
    assert response.status_code == 302, response.context["form"].errors
    version = ModelVersion.objects.get()
    assert version.artefact_sha256 == sha256
    assert [found.stem for found in stored(media)] == [sha256]


def test_a_version_number_that_is_not_semantic_is_refused(client, person):
    model = factories.a_model(person)
    address = reverse("model-version-create", kwargs={"use_case": "ckd", "slug": model.slug})
    response = client.post(address, CARD | {"version": "2.1", "kind": "predictions"})
    assert "semantic version" in response.content.decode()
    assert not ModelVersion.objects.exists()
