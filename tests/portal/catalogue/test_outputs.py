"""Tasks with several reference tables, or more than one form in which a model's output is given."""

from __future__ import annotations

import polars as pl
import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.catalogue.actions import receive_upload
from portal.catalogue.models import Dataset, Table, Upload
from portal.evaluations.actions import readiness
from portal.evaluations.models import Evaluation
from portal.evaluations.tasks import run_evaluation
from portal.registry.models import ModelVersion
from portal.usecase import use_cases
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_this_process")]

# Enough to be evaluated, small enough to be read at once.
FOLLOWUP = b"patient_id,start,end\n" + b"".join(
    b"p%d,2024-01-01,2024-12-31\n" % number for number in range(30)
)
EVENTS = b"patient_id,date\n" + b"".join(b"p%d,2024-06-15\n" % number for number in range(12))
ALERTS = b"patient_id,date\n" + b"".join(b"p%d,2024-06-01\n" % number for number in range(20))
SCORES = b"patient_id,date,score\n" + b"".join(
    b"p%d,2024-06-01,0.%d\n" % (number, number) for number in range(10, 20)
)
CASES = b"case_id\n" + b"".join(b"c%d\n" % number for number in range(20))
LESIONS = b"case_id,lesion_id,x,y,z,diameter_mm\nc1,1,0,0,0,8\nc2,1,1,1,1,6\n"
MARKS = b"case_id,x,y,z,score\nc1,0,0,0,0.9\nc3,1,1,1,0.2\n"


@pytest.fixture
def person(media):
    return factories.a_person(factories.an_organisation())


@pytest.fixture
def client(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def alerts(person) -> tuple[Dataset, ModelVersion]:
    """A monitored cohort with its reference tables, and a version to be evaluated on it."""
    dataset = factories.a_dataset(person, use_case="heart-failure")
    for table, content in (("followup", FOLLOWUP), ("events", EVENTS)):
        stored(dataset, content, person, "alerts", table)
    model = factories.a_model(person, use_case="heart-failure", task="alerts")
    return dataset, factories.a_version(person, model)


def stored(
    dataset: Dataset,
    content: bytes,
    person: User,
    task: str,
    name: str,
    version: ModelVersion | None = None,
) -> Table:
    frame = pl.read_csv(content, try_parse_dates=True)
    return factories.a_table(dataset, frame, person, task=task, name=name, model_version=version)


def address(dataset: Dataset, task: str, table: str) -> str:
    return reverse(
        "table-upload",
        kwargs={
            "use_case": dataset.use_case,
            "slug": dataset.slug,
            "task": task,
            "table": table,
        },
    )


def test_tasks_say_in_what_forms_output_is_given_and_whether_artefacts_run() -> None:
    found = {
        f"{use_case.slug}/{task.slug}": (
            [schema.name for schema in task.output_tables],
            task.runs_artefacts,
        )
        for use_case in use_cases().values()
        for task in use_case.tasks
    }
    assert found == {
        "ckd/survival": (["predictions"], True),
        "ckd/binary": (["predictions"], True),
        "metastasis/lung-ct": (["predictions"], False),
        "metastasis/mammography": (["predictions"], True),
        "heart-failure/alerts": (["predictions", "alerts"], False),
    }


@pytest.mark.parametrize(("table", "content"), [("alerts", ALERTS), ("predictions", SCORES)])
def test_either_form_of_output_makes_a_version_ready(
    person, client, alerts, table, content
) -> None:
    dataset, version = alerts
    task = dataset.declared.task("alerts")
    assert (
        "no predictions" in readiness(dataset=dataset, model_version=version, task=task).reasons[0]
    )

    page = client.get(address(dataset, "alerts", table)).content.decode()
    assert str(version) in page
    response = client.post(
        address(dataset, "alerts", table),
        {"model_version": version.pk, "file": SimpleUploadedFile("table.csv", content)},
    )
    upload = Upload.objects.latest("pk")
    assert response["Location"] == upload.get_absolute_url()
    factories.run_upload(upload.pk)

    given = Table.objects.get(name=table)
    assert given.model_version == version
    ready = readiness(dataset=dataset, model_version=version, task=task)
    assert ready.reasons == []
    assert set(ready.tables) == {"followup", "events", table}
    # It is no variable of the dataset, and its ids were compared with those of the follow-up.
    assert not dataset.variables.filter(name="score").exists()
    assert given.references == {"followup": dataset.current_tables(task)["followup"].sha256}
    shown = client.get(dataset.get_absolute_url()).content.decode()
    assert str(version) in shown


def test_the_newer_form_of_output_is_the_one_that_is_evaluated(person, alerts) -> None:
    dataset, version = alerts
    for table, content in (("predictions", SCORES), ("alerts", ALERTS)):
        stored(dataset, content, person, "alerts", table, version)
    ready = readiness(dataset=dataset, model_version=version, task=dataset.declared.task("alerts"))
    assert set(ready.tables) == {"followup", "events", "alerts"}


def test_alerts_of_people_who_were_not_followed_are_refused(person, alerts) -> None:
    dataset, version = alerts
    upload = factories.an_upload(
        dataset,
        ALERTS + b"stranger,2024-06-01\n",
        person,
        task="alerts",
        table="alerts",
        model_version=version,
    )
    assert upload.status == "failed"
    assert "followup" in str(upload.problems)


def test_a_second_reference_table_waits_for_the_first(person, client) -> None:
    dataset = factories.a_dataset(person, use_case="metastasis")
    task = dataset.declared.task("lung-ct")
    page = client.get(address(dataset, "lung-ct", "lesions")).content.decode()
    assert "Another table comes first" in page

    stored(dataset, CASES, person, "lung-ct", "cases")
    assert (
        "Another table comes first"
        not in client.get(address(dataset, "lung-ct", "lesions")).content.decode()
    )
    model = factories.a_model(person, use_case="metastasis", task="lung-ct")
    version = factories.a_version(person, model)
    stored(dataset, MARKS, person, "lung-ct", "predictions", version)

    ready = readiness(dataset=dataset, model_version=version, task=task)
    assert len(ready.reasons) == 1
    assert "“Lesions”" in ready.reasons[0]
    upload = factories.an_upload(dataset, LESIONS, person, task="lung-ct", table="lesions")
    assert upload.status == "succeeded", upload.problems
    ready = readiness(dataset=dataset, model_version=version, task=task)
    assert ready.reasons == []
    assert set(ready.tables) == {"cases", "lesions", "predictions"}


def test_the_pages_of_such_a_task_say_what_is_missing(person, client, alerts) -> None:
    dataset, version = alerts
    check = reverse("evaluation-check", kwargs={"use_case": "heart-failure", "task": "alerts"})
    chosen = {
        "organisation": dataset.organisation_id,
        "dataset": dataset.pk,
        "model_version": version.pk,
    }
    assert "There are no predictions of" in client.get(check, chosen).content.decode()
    stored(dataset, ALERTS, person, "alerts", "alerts", version)
    assert "Everything is there." in client.get(check, chosen).content.decode()
    submit = reverse("evaluation-submit", kwargs={"use_case": "heart-failure", "task": "alerts"})
    assert client.post(submit, chosen).status_code == 302

    run_evaluation(Evaluation.objects.get().pk)
    evaluation = Evaluation.objects.get()
    assert evaluation.status == "succeeded", evaluation.failure
    summary = evaluation.summary
    assert summary is not None
    assert set(summary.inputs) == {"followup", "events", "alerts"}
    assert client.get(evaluation.get_absolute_url()).status_code == 200


def test_output_has_a_version_and_a_reference_table_has_none(person, alerts) -> None:
    dataset, version = alerts
    task = dataset.declared.task("alerts")
    for table, given in (("alerts", None), ("events", version)):
        with pytest.raises(ValueError, match="model version"):
            receive_upload(
                dataset=dataset,
                task=task,
                schema=task.table(table),
                file=ContentFile(ALERTS, name="a.csv"),  # type: ignore[arg-type]
                model_version=given,
                by=person,
            )
    with pytest.raises(IntegrityError, match="table_of_predictions_has_a_model_version"):
        Table.objects.create(
            dataset=dataset,
            task="alerts",
            name="predictions",
            sha256="0" * 64,
            rows=1,
            size=1,
            created_by=person,
        )


def test_an_artefact_is_refused_in_words_where_none_can_run(person, client) -> None:
    model = factories.a_model(person, use_case="metastasis", task="lung-ct")
    new = reverse("model-version-create", kwargs={"use_case": "metastasis", "slug": model.slug})
    page = client.get(new).content.decode()
    assert "Models of this task are not run here" in page
    assert "ONNX artefact" not in page

    card = {
        "version": "1.0.0",
        "intended_purpose": "Finds nodules.",
        "population": "Adults.",
        "output": "Marks",
        "training_data": "Scans.",
        "ce_status": "none",
        "mdr_class": "none",
        "inputs-TOTAL_FORMS": "0",
        "inputs-INITIAL_FORMS": "0",
        "card-modality": ["ct"],
        "card-slice_thickness_0": "",
        "card-slice_thickness_1": "2.5",
    }
    refused = client.post(new, card | {"kind": "artefact"})
    assert refused.status_code == 200
    assert "Choose “Predictions only”" in refused.content.decode()
    assert not model.versions.exists()
    with pytest.raises(ValidationError, match="not run here"):
        factories.a_version(person, model, kind=ModelVersion.Kind.ARTEFACT)

    assert client.post(new, card | {"kind": "predictions"}).status_code == 302
    shown = client.get(model.versions.get().get_absolute_url()).content.decode()
    assert "Imaging model" in shown
    assert "up to 2.5 mm" in shown
