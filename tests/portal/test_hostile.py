"""Requests that nobody sends by accident, and some that people do: no page breaks on them."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.catalogue.actions import replace_variables
from portal.catalogue.models import Dataset, Upload, Variable
from portal.organisations.roles import Role
from portal.registry.models import ModelVersion
from portal.spreadsheet import csv_cell
from tests import factories
from tests.portal.test_refusals import CARD, GOOD, post_table, stored

pytestmark = pytest.mark.django_db

DATASET = {
    "title": "Cohort",
    "description": "Adults.",
    "spatial": "DK",
    "health_category": "a",
    "access_rights": "NON_PUBLIC",
    "personal_data": "pseudonymised",
}
NO_LINES = {"variables-TOTAL_FORMS": "0", "variables-INITIAL_FORMS": "0"}


@pytest.fixture
def person(media: Path) -> User:
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


@pytest.fixture
def client(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def at(name: str, **arguments: Any) -> str:
    return reverse(name, kwargs={"use_case": "ckd"} | arguments)


STRANGE = ["\x00", "a\x00b", "%", "'\"<>", "\N{ARABIC-INDIC DIGIT THREE}", "\u00b2", "9" * 5000,
           "-1", "nan", "inf", "1e999", "\ud7ff", "a " * 3000]  # fmt: skip


def test_no_value_in_an_address_breaks_a_list(client: Client) -> None:
    for name in ("dataset-list", "model-list", "evaluation-list"):
        for value in STRANGE:
            asked = dict.fromkeys(("q", "page", "status"), value)
            assert client.get(at(name), asked).status_code == 200, (name, value[:9])


def test_no_value_in_an_address_breaks_a_page(client: Client, person: User) -> None:
    version = factories.a_version(person)
    dataset = factories.a_ready_dataset(person, version)
    waiting = factories.an_evaluation(person, dataset, version)
    done = factories.a_finished_evaluation(person, dataset, version, seed=2)
    for name, arguments in (
        ("evaluation-detail", {"reference": waiting.reference}),
        ("evaluation-detail", {"reference": done.reference}),
        ("evaluation-submit", {"task": "binary"}),
        ("evaluation-check", {"task": "binary"}),
    ):
        for value in STRANGE:
            asked = dict.fromkeys(
                ("after", "seen", "threshold", "dataset", "model_version", "organisation",
                 "protocol_thresholds", "protocol_seed", "protocol_subgroups"), value
            )  # fmt: skip
            answer = client.get(at(name, **arguments), asked)
            assert answer.status_code == 200, (name, value[:9])


@pytest.mark.parametrize(
    "path",
    [
        "/ckd/models/{model}/%00/",
        "/ckd/models/{model}/1.0.0%00/",
        "/ckd/models/{model}/..%2F..%2F/",
        "/ckd/models/{model}/%ED%A0%80/",
        "/ckd/datasets/%00/",
        "/ckd/datasets/{dataset}/uploads/99999999999999999999999999/",
        "/ckd/datasets/{dataset}/upload/binary/nothing/",
        "/ckd/datasets/{dataset}/upload/nothing/cohort/",
        "/ckd/results/new/nothing/",
        "/ckd/results/new/nothing/check/",
        "/ckd/models/new/nothing/",
        "/%00/datasets/",
        "/nothing/datasets/",
    ],
)
def test_no_address_breaks_the_site(client: Client, person: User, path: str) -> None:
    dataset, model = factories.a_dataset(person), factories.a_model(person)
    response = client.get(path.format(dataset=dataset.slug, model=model.slug))
    assert response.status_code == 404


def test_a_version_with_build_metadata_has_an_address(client: Client, person: User) -> None:
    version = factories.a_version(person, version="1.0.0-rc.1+build.5")
    assert client.get(version.get_absolute_url()).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "a\x00b"},
        {"description": "a\x00b"},
        {"keyword": "a\x00b"},
        {"keyword": "x" * 61},
        {"spatial": "XX"},
        {"number_of_records": "9" * 30},
        {"number_of_records": "-1"},
        {"temporal_start": "0000-00-00"},
        {"temporal_start": "2020-01-01", "temporal_end": "2019-01-01"},
        {"contact_email": "a@b\r\nBcc: c@d"},
        {"organisation": "999999999999999999999999"},
    ],
    ids=str,
)
def test_a_dataset_that_cannot_be_stored_comes_back_as_a_form(
    client: Client, person: User, changes: dict[str, str]
) -> None:
    given = DATASET | {"organisation": str(person.memberships.get().organisation.pk)}
    response = client.post(at("dataset-create"), given | changes)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not Dataset.objects.exists()


def test_a_dataset_called_new_has_a_page(client: Client, person: User) -> None:
    dataset = factories.a_dataset(person, title="New")
    assert client.get(dataset.get_absolute_url()).context.get("dataset") == dataset


def test_a_model_called_new_can_be_shared(client: Client, person: User) -> None:
    model = factories.a_model(person, name="New")
    assert client.get(at("model-share", slug=model.slug)).status_code == 200


def test_a_version_number_that_exists_is_refused_by_the_form(client: Client, person: User) -> None:
    version = factories.a_version(person)
    address = at("model-version-create", slug=version.model.slug)
    response = client.post(address, CARD | {"kind": "predictions"})
    assert "already has that version" in response.content.decode()
    assert ModelVersion.objects.count() == 1


@pytest.mark.parametrize(
    "lines",
    [
        {"inputs-TOTAL_FORMS": "9" * 20},
        {"inputs-TOTAL_FORMS": "-1"},
        {"inputs-TOTAL_FORMS": "x", "inputs-INITIAL_FORMS": "y"},
        {"inputs-0-name": "a\x00"},
    ],
    ids=str,
)
def test_no_count_of_lines_breaks_a_form(
    client: Client, person: User, lines: dict[str, str]
) -> None:
    model = factories.a_model(person)
    response = client.post(at("model-version-create", slug=model.slug), CARD | lines)
    assert response.status_code == 200
    assert not ModelVersion.objects.exists()


def test_a_form_without_its_count_of_lines_comes_back(client: Client, person: User) -> None:
    dataset = factories.a_dataset(person)
    response = client.post(at("dataset-edit", slug=dataset.slug), DATASET)
    assert response.status_code == 200


def line(number: int, **fields: str) -> dict[str, str]:
    return {
        f"variables-{number}-{name}": value
        for name, value in ({"datatype": "number"} | fields).items()
    }


def test_a_line_of_another_dataset_is_neither_shown_nor_changed(
    client: Client, person: User
) -> None:
    other = factories.a_dataset(factories.a_person(factories.an_organisation()))
    theirs = Variable.objects.create(dataset=other, name="secret", label="their label")
    dataset = factories.a_dataset(person)
    for initial in ("0", "1"):
        given = DATASET | {"variables-TOTAL_FORMS": "1", "variables-INITIAL_FORMS": initial}
        answer = client.post(
            at("dataset-edit", slug=dataset.slug),
            given | line(0, id=str(theirs.pk), name="mine", DELETE="on"),
        )
        assert "their label" not in answer.content.decode()
        client.post(
            at("dataset-edit", slug=dataset.slug),
            given | line(0, id=str(theirs.pk), name="mine"),
        )
    theirs.refresh_from_db()
    assert (theirs.dataset, theirs.name, theirs.label) == (other, "secret", "their label")


def test_a_line_of_another_dataset_and_a_line_of_none_get_the_same_answer(
    client: Client, person: User
) -> None:
    other = factories.a_dataset(factories.a_person(factories.an_organisation()))
    theirs = Variable.objects.create(dataset=other, name="secret")
    dataset = factories.a_dataset(person)
    answers = []
    for key in (theirs.pk, theirs.pk + 1000):
        given = DATASET | {"variables-TOTAL_FORMS": "1", "variables-INITIAL_FORMS": "0"}
        response = client.post(
            at("dataset-edit", slug=dataset.slug), given | line(0, id=str(key), name="mine")
        )
        answers.append((response.status_code, Variable.objects.filter(dataset=dataset).count()))
    assert answers[0] == answers[1]


def test_a_dictionary_that_was_saved_meanwhile_can_be_saved_again(
    client: Client, person: User
) -> None:
    dataset = factories.a_dataset(person)
    old = Variable.objects.create(dataset=dataset, name="age")
    replace_variables(dataset=dataset, variables=[Variable(name="age")], by=person)
    given = DATASET | {"variables-TOTAL_FORMS": "1", "variables-INITIAL_FORMS": "1"}
    response = client.post(
        at("dataset-edit", slug=dataset.slug), given | line(0, id=str(old.pk), name="age")
    )
    assert response.status_code == 302 or "Some lines" in response.content.decode()
    assert dataset.variables.get().name == "age"


def test_a_dictionary_of_many_variables_can_be_saved(client: Client, person: User) -> None:
    dataset = factories.a_dataset(person)
    names = [f"v{number}" for number in range(300)]
    replace_variables(dataset=dataset, variables=[Variable(name=name) for name in names], by=person)
    given = DATASET | {"variables-TOTAL_FORMS": "300", "variables-INITIAL_FORMS": "300"}
    for number, variable in enumerate(dataset.variables.all()):
        fields = {
            "id": str(variable.pk),
            "name": variable.name,
            "label": "",
            "unit": "",
            "code": "",
        }
        given |= line(number, **fields)
    response = client.post(at("dataset-edit", slug=dataset.slug), given)
    assert response.status_code == 302
    assert dataset.variables.count() == 300


def test_a_request_brings_one_file_only(client: Client, person: User, media: Path) -> None:
    dataset = factories.a_dataset(person)
    address = at("table-upload", slug=dataset.slug, task="binary", table="cohort")
    files = {f"file{number}": SimpleUploadedFile("a.csv", GOOD) for number in range(5)}
    response = client.post(address, files | {"file": SimpleUploadedFile("a.csv", GOOD)})
    assert response.status_code == 400
    assert not Upload.objects.exists()
    assert stored(media) == []


@pytest.mark.parametrize(
    "name", ["a." + "x" * 300, "a." + "\N{SNOWMAN}" * 200, "x" * 5000 + ".csv", "a.\x00", "a./b"]
)
def test_no_name_of_a_file_breaks_the_upload(
    client: Client, person: User, media: Path, name: str
) -> None:
    response = post_table(client, factories.a_dataset(person), GOOD, name=name)
    assert response.status_code == 302
    assert len(Upload.objects.get().file_name) <= 200


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1+1|x", "'-1+1|x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("north", "north"),
        ("", ""),
        (-0.5, -0.5),
        (3, 3),
        (None, None),
    ],
)
def test_no_cell_of_a_csv_file_is_a_formula(cell: object, written: object) -> None:
    assert csv_cell(cell) == written


def test_a_subgroup_named_like_a_formula_is_text_in_the_csv_file(
    client: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = factories.result_content().replace(b'"north"', b'"=HYPERLINK(1)"')
    monkeypatch.setattr(factories, "result_content", lambda: content)
    version = factories.a_version(person)
    dataset = factories.a_ready_dataset(person, version)
    evaluation = factories.a_finished_evaluation(person, dataset, version)
    answer = client.get(at("evaluation-estimates", reference=evaluation.reference))
    cells = [cell for row in csv.reader(io.StringIO(answer.content.decode())) for cell in row]
    assert "'=HYPERLINK(1)" in cells
    assert "=HYPERLINK(1)" not in cells


def test_words_of_people_are_never_markup(client: Client, person: User) -> None:
    evil = "<script>alert(1)</script>"
    version = factories.a_version(
        person,
        factories.a_model(person, name=evil, description=evil),
        intended_purpose=evil,
        inputs=[{"name": "x", "label": evil, "unit": evil}],
    )
    dataset = factories.a_ready_dataset(
        person, version, title=evil, description=evil, keyword=[evil], provenance=evil
    )
    Variable.objects.create(dataset=dataset, name=evil, label=evil, unit=evil, code=evil)
    evaluation = factories.a_finished_evaluation(person, dataset, version)
    refused = factories.an_upload(
        dataset, f"patient_id,outcome\na,1\nb,{evil}\n".encode(), person, file_name=evil
    )
    for address in (
        at("dataset-list"), at("model-list"), at("evaluation-list"), at("use-case-overview"),
        dataset.get_absolute_url(), version.model.get_absolute_url(), version.get_absolute_url(),
        evaluation.get_absolute_url(), refused.get_absolute_url(),
        at("dataset-edit", slug=dataset.slug), at("evaluation-submit", task="binary"),
        at("dataset-share", slug=dataset.slug),
    ):  # fmt: skip
        assert evil not in client.get(address, {"q": evil, "seen": evil}).content.decode(), address


def test_a_long_description_does_not_fill_the_lists_of_others(client: Client, person: User) -> None:
    factories.a_model(person, description="word " * 20_000)
    factories.a_dataset(person, description="x" * 100_000)
    for name in ("model-list", "dataset-list", "use-case-overview"):
        assert len(client.get(at(name)).content) < 50_000, name


def test_signing_in_says_the_same_about_everyone(person: User) -> None:
    gone = factories.a_person(is_active=False)
    pages = set()
    for email, password in (
        (person.email, "wrong"),
        ("nobody@example.org", "wrong"),
        (gone.email, factories.PASSWORD),
    ):
        answer = Client().post(reverse("sign-in"), {"login": email, "password": password})
        pages.add((answer.status_code, str(answer.context["form"].errors)))
    assert len(pages) == 1


def test_a_person_who_is_deactivated_is_out_at_once(client: Client, person: User) -> None:
    dataset = factories.a_dataset(person)
    person.is_active = False
    person.save()
    assert client.get(dataset.get_absolute_url()).status_code == 404
