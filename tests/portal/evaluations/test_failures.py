"""However an evaluation fails, it says so in a sentence that a person can act on."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from onnx import TensorProto, helper

from portal.accounts.models import User
from portal.evaluations.models import Evaluation, StoredResult
from portal.evaluations.tasks import run_evaluation
from portal.jobs.models import Status
from tests import factories
from tests.portal.registry.test_artefact import logistic, loop_body, with_loop, write
from tests.workers import a_queued_evaluation

FIRST = helper.make_tensor("first", TensorProto.FLOAT, [1], [1.0])


@pytest.fixture
def contributor(db: None, media: Path) -> User:
    return factories.a_person(factories.an_organisation())


def failure_of(evaluation: Evaluation) -> str:
    """Run it, see that it failed and stored nothing, and return what it says."""
    run_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.status, StoredResult.objects.count()) == (Status.FAILED, 0)
    assert evaluation.log.last().text == f"Failed: {evaluation.failure}"
    return evaluation.failure


def evaluation_of(artefact: Path, by: User) -> Evaluation:
    version = factories.a_version(by, artefact=artefact, inputs=[{"name": "age"}, {"name": "egfr"}])
    cohort, predictions = factories.cohort_frame()
    dataset = factories.a_dataset(by)
    inputs = [predictions["risk"].alias("age"), predictions["risk"].alias("egfr")]
    factories.a_table(dataset, cohort.with_columns(inputs), by)
    return factories.an_evaluation(by, dataset, version)


def test_an_artefact_that_behaves_is_evaluated(contributor: User, tmp_path: Path) -> None:
    artefact = write(tmp_path / "model.onnx", logistic())
    evaluation = evaluation_of(artefact, contributor)

    run_evaluation(evaluation.pk)

    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.failure) == (Status.SUCCEEDED, "")


def test_an_artefact_that_loops(contributor: User, tmp_path: Path, settings: object) -> None:
    settings.ARTEFACT_WALL_SECONDS = 2  # type: ignore[attr-defined]
    body = loop_body([helper.make_node("Sin", ["carried"], ["next"])])
    artefact = with_loop(tmp_path / "model.onnx", 2**62, body, FIRST)

    said = failure_of(evaluation_of(artefact, contributor))

    assert said.startswith("The model could not be run on the dataset.")
    assert "2 seconds" in said


def test_an_artefact_that_eats_memory(contributor: User, tmp_path: Path, settings: object) -> None:
    settings.ARTEFACT_MEMORY_BYTES = 300 * 1024**2  # type: ignore[attr-defined]
    body = loop_body([helper.make_node("Concat", ["carried", "carried"], ["next"], axis=0)])
    artefact = with_loop(tmp_path / "model.onnx", 50, body, FIRST)

    said = failure_of(evaluation_of(artefact, contributor))

    assert said.startswith("The model could not be run on the dataset.")
    assert "300 MiB of memory" in said


def test_an_artefact_that_is_no_longer_stored(contributor: User, tmp_path: Path) -> None:
    evaluation = evaluation_of(write(tmp_path / "model.onnx", logistic()), contributor)
    sha256 = evaluation.model_version.artefact_sha256
    default_storage.delete(f"content/{sha256[:2]}/{sha256}.onnx")

    said = failure_of(evaluation)

    assert said == (
        "The model's artefact is no longer stored. Its developer must upload it in a new version "
        "of the model."
    )
    assert sha256 in evaluation.failure_detail


def test_a_table_that_is_no_longer_stored(contributor: User) -> None:
    evaluation = a_queued_evaluation(contributor)
    sha256 = evaluation.dataset.tables.get(name="cohort").sha256
    default_storage.delete(f"content/{sha256[:2]}/{sha256}.parquet")

    assert "Its holder must upload it again" in failure_of(evaluation)


def test_an_exception_inside_the_engine(contributor: User) -> None:
    evaluation = a_queued_evaluation(contributor)
    # As after an engine that took another protocol: the row's is none of this engine's.
    Evaluation.objects.filter(pk=evaluation.pk).update(protocol={"no_such_field": 1})

    said = failure_of(evaluation)

    assert "internal error" in said
    assert "administrator" in said
    assert "no_such_field" not in said
    assert "no_such_field" in evaluation.failure_detail


def test_an_evaluation_that_takes_too_long(contributor: User, settings: object) -> None:
    settings.JOB_WALL_SECONDS = 2  # type: ignore[attr-defined]
    evaluation = a_queued_evaluation(contributor, rows=20_000, replicates=10_000)

    assert "not done within 2 seconds" in failure_of(evaluation)
