"""From an uploaded table to a stored result, in the worker's own code."""

import json

import pytest

from portal.evaluations.models import Evaluation, StoredResult
from portal.evaluations.tasks import run_evaluation
from portal.jobs.models import Status
from tests import factories


@pytest.fixture
def contributor(db):
    return factories.a_person(factories.an_organisation())


def test_an_evaluation_of_stored_predictions_succeeds(contributor):
    version = factories.a_version(contributor)
    dataset = factories.a_ready_dataset(contributor, version)
    evaluation = factories.an_evaluation(contributor, dataset, version)

    run_evaluation(evaluation.pk)

    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.failure) == (Status.SUCCEEDED, "")
    result = evaluation.stored_result.result
    assert result.population["patients"] == 400
    assert result.inputs["cohort"].sha256 == dataset.tables.get(name="cohort").sha256
    assert 0.5 < result.estimate("auroc").value < 1
    assert json.loads(bytes(evaluation.stored_result.content))["engine"] == evaluation.engine


def test_delivering_the_message_twice_does_nothing(contributor, in_this_process):
    version = factories.a_version(contributor)
    dataset = factories.a_ready_dataset(contributor, version)
    evaluation = factories.an_evaluation(contributor, dataset, version)

    run_evaluation(evaluation.pk)
    finished_at = Evaluation.objects.get(pk=evaluation.pk).finished_at
    run_evaluation(evaluation.pk)

    evaluation.refresh_from_db()
    assert (evaluation.attempts, evaluation.finished_at) == (1, finished_at)


def test_the_same_fingerprint_is_not_computed_twice(contributor):
    version = factories.a_version(contributor)
    dataset = factories.a_ready_dataset(contributor, version)

    first = factories.an_evaluation(contributor, dataset, version)
    again = factories.an_evaluation(contributor, dataset, version)
    other = factories.an_evaluation(contributor, dataset, version, seed=7)

    assert again == first
    assert other != first
    assert StoredResult.objects.count() == 0
