"""What the database itself refuses: every constraint and trigger around jobs, tried."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, models, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from portal.catalogue.models import Table, Upload
from portal.evaluations.models import Evaluation, StoredResult
from portal.evaluations.tasks import run_evaluation
from portal.jobs.models import Status
from portal.registry.actions import retire_version
from portal.registry.models import FROZEN, ModelVersion
from tests import factories, studies
from tests.workers import a_queued_evaluation

Change = dict[str, Any]


@pytest.fixture
def evaluation(db: None, media: Path) -> Evaluation:
    contributor = factories.a_person(factories.an_organisation())
    return a_queued_evaluation(contributor)


@pytest.fixture
def upload(evaluation: Evaluation) -> Upload:
    return factories.an_upload(
        evaluation.dataset, b"patient_id\n1\n", evaluation.submitted_by, run=False
    )


@pytest.fixture
def stored(evaluation: Evaluation) -> StoredResult:
    return a_result()


def a_result(fingerprint: str = "a" * 64) -> StoredResult:
    return StoredResult.objects.create(
        fingerprint=fingerprint, content=b"{}", sha256="b" * 64, summary="{}"
    )


def refused(
    act: Callable[[], object], name: str, error: type[DatabaseError] = IntegrityError
) -> None:
    """See the database refuse ``act``, naming the constraint or the trigger."""
    with pytest.raises(error) as caught, transaction.atomic():
        act()
    assert re.search(rf"\b(pgtrigger_)?{name}", trace(caught.value)), trace(caught.value)


def trace(error: BaseException) -> str:
    """The message with the server's context, which names the trigger's function."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return f"{error}\n{getattr(diagnosis, 'context', '')}"


RUNNING: Change = {"status": "running", "started_at": Now(), "lease_expires_at": Now()}
OF_A_JOB: dict[str, list[Change]] = {
    "status_known": [{"status": "waiting"}, {"status": ""}],
    "has_a_lease_while_running": [
        {"lease_expires_at": Now()},
        {"status": "running", "started_at": Now()},
    ],
    "finished_at_when_final": [{"finished_at": Now()}, {"status": "cancelled"}],
    "started_before_it_ran": [{"status": "running", "lease_expires_at": Now()}],
    "failure_has_a_sentence": [
        {"failure": "It did not fail."},
        {"status": "cancelled", "finished_at": Now(), "failure": "Nor did this."},
    ],
    "at_most_three_attempts": [{"attempts": 4}],
    "fraction_between_0_and_1": [{"fraction": -0.01}, {"fraction": 1.01}],
}
TRIED_OF_A_JOB = [(name, change) for name, changes in OF_A_JOB.items() for change in changes]


@pytest.mark.parametrize("kind", ["evaluation", "upload"])
@pytest.mark.parametrize(("name", "change"), TRIED_OF_A_JOB)
def test_a_job_keeps_its_invariants(
    kind: str, name: str, change: Change, request: pytest.FixtureRequest
) -> None:
    job = request.getfixturevalue(kind)
    if name == "status_known":
        # By inserting: a change of the status is first looked at by the trigger.
        twin = (
            twin_of(job, fingerprint="c" * 64, **change)
            if isinstance(job, Evaluation)
            else Upload(dataset=job.dataset, created_by=job.created_by, **change)
        )
        refused(twin.save, f"{kind}_{name}")
        return
    refused(lambda: type(job).objects.filter(pk=job.pk).update(**change), f"{kind}_{name}")


@pytest.mark.parametrize("kind", ["evaluation", "upload"])
def test_a_failure_without_a_sentence_is_refused(kind: str, request: pytest.FixtureRequest) -> None:
    job = request.getfixturevalue(kind)
    rows = type(job).objects.filter(pk=job.pk)
    rows.update(**RUNNING)
    refused(
        lambda: rows.update(status="failed", finished_at=Now(), lease_expires_at=None),
        f"{kind}_failure_has_a_sentence",
    )


def twin_of(evaluation: Evaluation, **fields: Any) -> Evaluation:
    return Evaluation(
        use_case=evaluation.use_case,
        task=evaluation.task,
        **{"organisation": evaluation.organisation, "fingerprint": evaluation.fingerprint} | fields,
        submitted_by=evaluation.submitted_by,
        dataset=evaluation.dataset,
        model_version=evaluation.model_version,
        protocol={},
        engine="1",
    )


def test_one_organisation_asks_for_the_same_numbers_once(evaluation: Evaluation) -> None:
    refused(twin_of(evaluation).save, "evaluation_asked_once_by_an_organisation")


def test_the_same_numbers_are_not_computed_twice_at_once(evaluation: Evaluation) -> None:
    other = twin_of(evaluation, organisation=factories.an_organisation())
    other.save()
    Evaluation.objects.filter(pk=evaluation.pk).update(**RUNNING)
    refused(
        lambda: Evaluation.objects.filter(pk=other.pk).update(**RUNNING),
        "evaluation_fingerprint_runs_once",
    )


def test_a_reference_names_one_evaluation(evaluation: Evaluation) -> None:
    other = twin_of(evaluation, fingerprint="c" * 64, reference=evaluation.reference)
    refused(other.save, "evaluations_evaluation_reference")


@pytest.mark.parametrize("fingerprint", ["", "A" * 64, "a" * 63])
def test_a_fingerprint_is_a_sha256(evaluation: Evaluation, fingerprint: str) -> None:
    refused(
        lambda: Evaluation.objects.filter(pk=evaluation.pk).update(fingerprint=fingerprint),
        "evaluation_fingerprint_is_a_sha256",
    )


def test_an_evaluation_has_a_result_when_it_succeeded_and_only_then(
    evaluation: Evaluation, stored: StoredResult
) -> None:
    rows = Evaluation.objects.filter(pk=evaluation.pk)
    refused(lambda: rows.update(stored_result=stored), "evaluation_result_when_succeeded")
    rows.update(**RUNNING)
    done = {"status": "succeeded", "finished_at": Now(), "lease_expires_at": None}
    refused(lambda: rows.update(**done), "evaluation_result_when_succeeded")


def test_an_evaluation_is_never_put_into_a_study_or_taken_out(evaluation: Evaluation) -> None:
    study = studies.a_draft(factories.a_coordinator())
    rows = Evaluation.objects.filter(pk=evaluation.pk)
    refused(lambda: rows.update(study=study), "evaluation_stays_in_its_study", ProgrammingError)
    twin = twin_of(evaluation, fingerprint="c" * 64, study=study)
    twin.save()
    rows = Evaluation.objects.filter(pk=twin.pk)
    refused(lambda: rows.update(study=None), "evaluation_stays_in_its_study", ProgrammingError)


ENDED: Change = {"finished_at": Now(), "lease_expires_at": None}


@pytest.mark.parametrize(
    ("path", "last"),
    [
        ([], "failed"),
        ([], "succeeded"),
        (["running", "succeeded"], "queued"),
        (["running", "succeeded"], "running"),
        (["running", "succeeded"], "failed"),
        (["running", "failed"], "running"),
        (["running", "failed"], "succeeded"),
        (["cancelled"], "running"),
        (["cancelled"], "succeeded"),
    ],
)
def test_an_evaluation_moves_only_as_drawn(
    evaluation: Evaluation, stored: StoredResult, path: list[str], last: str
) -> None:
    fields: dict[str, Change] = {
        "queued": {"status": "queued", "finished_at": None, "stored_result": None, "failure": ""},
        "running": RUNNING | {"finished_at": None, "stored_result": None, "failure": ""},
        "succeeded": ENDED | {"status": "succeeded", "stored_result": stored, "failure": ""},
        "failed": ENDED | {"status": "failed", "failure": "Said.", "stored_result": None},
        "cancelled": ENDED | {"status": "cancelled"},
    }
    rows = Evaluation.objects.filter(pk=evaluation.pk)
    for step in path:
        rows.update(**fields[step])
    refused(lambda: rows.update(**fields[last]), "evaluation_moves", ProgrammingError)


@pytest.mark.parametrize("last", ["queued", "running", "failed", "cancelled"])
def test_an_upload_that_succeeded_stays_so(upload: Upload, last: str) -> None:
    rows = Upload.objects.filter(pk=upload.pk)
    rows.update(**RUNNING)
    rows.update(**ENDED | {"status": "succeeded"})
    fields: dict[str, Change] = {
        "queued": {"status": "queued", "finished_at": None},
        "running": RUNNING | {"finished_at": None},
        "failed": {"status": "failed", "failure": "Said."},
        "cancelled": {"status": "cancelled"},
    }
    refused(lambda: rows.update(**fields[last]), "upload_moves", ProgrammingError)


def test_a_result_never_changes(stored: StoredResult) -> None:
    rows = StoredResult.objects.filter(pk=stored.pk)
    for change in ({"content": b"[]"}, {"summary": {"a": 1}}, {"sha256": "c" * 64}):
        refused(
            lambda change=change: rows.update(**change), "result_never_changes", ProgrammingError
        )
    refused(rows.delete, "result_never_changes", ProgrammingError)


def test_a_fingerprint_has_one_result(stored: StoredResult) -> None:
    refused(a_result, "evaluations_storedresult_fingerprint")


def test_a_result_that_is_in_use_is_not_deleted(
    evaluation: Evaluation, in_this_process: None
) -> None:
    run_evaluation(evaluation.pk)
    with pytest.raises(models.ProtectedError):
        StoredResult.objects.get().delete()


def copy_of(table: Table, **fields: Any) -> Table:
    values = {f.attname: getattr(table, f.attname) for f in Table._meta.concrete_fields}
    return Table(**(values | {"id": None} | fields))


def test_a_table_never_changes(evaluation: Evaluation) -> None:
    for change in ({"rows": 1}, {"sha256": "c" * 64}, {"profile": {"a": 1}}):
        refused(
            lambda change=change: Table.objects.update(**change),
            "table_never_changes",
            ProgrammingError,
        )


@pytest.mark.parametrize("name", ["cohort", "predictions"])
def test_a_table_is_stored_once(evaluation: Evaluation, name: str) -> None:
    table = evaluation.dataset.tables.get(name=name)
    refused(copy_of(table).save, "table_stored_once")


def test_predictions_are_a_versions(evaluation: Evaluation) -> None:
    # Which other tables a model makes (alerts, say) only the task knows, not the database.
    predictions = evaluation.dataset.tables.get(name="predictions")
    name = "table_of_predictions_has_a_model_version"
    refused(copy_of(predictions, model_version_id=None).save, name)


@pytest.mark.parametrize("sha256", ["", "../" * 21 + "a", "A" * 64])
def test_a_table_is_named_by_a_sha256(evaluation: Evaluation, sha256: str) -> None:
    cohort = evaluation.dataset.tables.get(name="cohort")
    refused(copy_of(cohort, sha256=sha256).save, "table_sha256_is_one")


@pytest.fixture
def version(evaluation: Evaluation) -> ModelVersion:
    return evaluation.model_version


OTHER_VALUES: Change = {
    "version": "9.9.9", "kind": "artefact", "artefact_sha256": "d" * 64, "artefact_size": 9,
    "artefact_facts": {"a": 1}, "inputs": [{"name": "age"}], "horizon": 9.0, "mdr_class": "III",
    "ce_status": "marked", "created_at": F("created_at") + timedelta(days=1),
    "released_at": F("released_at") + timedelta(days=1),
}  # fmt: skip


def test_a_released_version_never_changes(version: ModelVersion) -> None:
    others = OTHER_VALUES | {
        "model": factories.a_model(version.created_by),
        "created_by": factories.a_person(),
    }
    rows = ModelVersion.objects.filter(pk=version.pk)
    for name in FROZEN:
        change = {name: others.get(name, "Another word.")}
        refused(
            lambda change=change: rows.update(**change),
            "released_version_never_changes",
            ProgrammingError,
        )


def test_every_field_of_a_released_version_is_frozen_but_its_retirement() -> None:
    fields = {each.name for each in ModelVersion._meta.concrete_fields}
    assert fields - set(FROZEN) == {"id", "status", "retired_at"}


@pytest.mark.parametrize("last", ["draft", "released", "retired"])
def test_a_version_moves_only_forward(version: ModelVersion, last: str) -> None:
    rows = ModelVersion.objects.filter(pk=version.pk)
    retire_version(version=version, by=factories.a_manager_of(version.model.organisation))
    if last == "retired":
        draft = factories.a_version(version.created_by, released=False)
        rows = ModelVersion.objects.filter(pk=draft.pk)
    change: Change = {"status": last}
    if last == "retired":
        change["released_at"] = Now()
    trigger = "released_version_never_changes" if last == "draft" else "model_version_moves_forward"
    if last == "draft":
        change["released_at"] = None
    refused(
        lambda: rows.update(**change),
        f"({trigger}|model_version_moves_forward)",
        ProgrammingError,
    )


@pytest.mark.parametrize("retired", [False, True])
def test_a_version_that_was_released_is_kept(version: ModelVersion, retired: bool) -> None:
    other = factories.a_version(version.created_by)
    if retired:
        retire_version(version=other, by=factories.a_manager_of(other.model.organisation))
    rows = ModelVersion.objects.filter(pk=other.pk)
    refused(lambda: rows._raw_delete(rows.db), "released_version_is_kept", ProgrammingError)
    # Django would delete the use case's section of the card first, and that is kept as well.
    refused(rows.delete, "card_of_a_released_version_is_kept", ProgrammingError)


def test_a_draft_may_be_changed_and_deleted(version: ModelVersion) -> None:
    draft = factories.a_version(version.created_by, released=False)
    rows = ModelVersion.objects.filter(pk=draft.pk)
    assert rows.update(limitations="Few.") == 1
    assert rows.delete()[1][ModelVersion._meta.label] == 1


def a_draft(released: ModelVersion, **fields: Any) -> ModelVersion:
    card = {"model": released.model, "version": "2.0.0", "kind": "predictions"}
    return ModelVersion(created_by=released.created_by, **(card | fields))


@dataclass(frozen=True)
class Case:
    name: str
    fields: Change = field(default_factory=dict)


@pytest.mark.parametrize(
    "case",
    [
        Case("model_version_unique", {"version": "1.0.0"}),
        Case("model_version_is_semantic", {"version": "2.0"}),
        Case("model_version_is_semantic", {"version": "2.0.0\n"}),
        Case("model_version_is_semantic", {"version": "02.0.0"}),
        Case("model_version_released_at_when_released", {"released_at": timezone.now()}),
        Case("model_version_released_at_when_released", {"status": "released"}),
        Case("model_version_predictions_have_no_artefact", {"artefact_sha256": "a" * 64}),
        Case(
            "model_version_released_with_its_artefact",
            {"kind": "artefact", "status": "released", "released_at": timezone.now()},
        ),
    ],
    ids=lambda case: f"{case.name}-{'-'.join(case.fields)}",
)
def test_a_version_keeps_its_invariants(version: ModelVersion, case: Case) -> None:
    refused(a_draft(version, **case.fields).save, case.name)


def test_each_constraint_and_trigger_is_tried_in_this_file() -> None:
    written = Path(__file__).read_text()
    declared = set()
    for model in (Evaluation, Upload, StoredResult, Table, ModelVersion):
        meta = model._meta
        declared |= {
            re.sub(r"^(evaluation|upload)_", "", constraint.name)
            if constraint.name.removeprefix(f"{meta.model_name}_") in OF_A_JOB
            else constraint.name
            for constraint in meta.constraints
        }
        declared |= {trigger.name for trigger in getattr(meta, "triggers", [])}
    assert len(declared) > 20
    assert {name for name in declared if written.count(name) == 0} == set()


def test_a_status_knows_whether_it_is_the_last() -> None:
    assert [status for status in Status if status.is_final] == [
        Status.SUCCEEDED,
        Status.FAILED,
        Status.CANCELLED,
    ]
