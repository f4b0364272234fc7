"""The sweep finds what lost its worker or its message, and gives up after three attempts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db.models.functions import Now

from portal.accounts.models import User
from portal.catalogue.models import Upload
from portal.evaluations.models import Evaluation
from portal.evaluations.tasks import claim, run_evaluation
from portal.jobs import tasks
from portal.jobs.models import Job, Status
from portal.jobs.tasks import sweep
from tests import factories
from tests.workers import a_queued_evaluation

Woken = list[tuple[str, int]]


@pytest.fixture
def contributor(db: None, media: Path) -> User:
    return factories.a_person(factories.an_organisation())


@pytest.fixture
def evaluation(contributor: User) -> Evaluation:
    return a_queued_evaluation(contributor)


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> Woken:
    calls: Woken = []
    monkeypatch.setattr(tasks, "wake", lambda task, pk: calls.append((task.name, pk)))
    return calls


def kill_worker_of(job: Job) -> None:
    """What a killed worker leaves: a running row whose lease runs out."""
    expired = type(job).objects.filter(pk=job.pk, status=Status.RUNNING)
    assert expired.update(lease_expires_at=Now() - timedelta(seconds=1)) == 1


def test_a_job_whose_lease_ran_out_is_queued_and_woken(
    evaluation: Evaluation, woken: Woken
) -> None:
    claim(evaluation.pk)
    kill_worker_of(evaluation)

    sweep()

    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.attempts) == (Status.QUEUED, 1)
    assert woken == [("portal.evaluations.run_evaluation", evaluation.pk)]


def test_a_job_whose_lease_runs_is_left_alone(evaluation: Evaluation, woken: Woken) -> None:
    claim(evaluation.pk)
    sweep()
    evaluation.refresh_from_db()
    assert (evaluation.status, woken) == (Status.RUNNING, [])


def test_after_three_dead_workers_it_fails_with_a_sentence_and_is_never_tried_a_fourth_time(
    evaluation: Evaluation, woken: Woken
) -> None:
    for attempt in (1, 2, 3):
        held = claim(evaluation.pk)
        assert held is not None
        assert held.attempts == attempt
        kill_worker_of(evaluation)
        sweep()

    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.attempts) == (Status.FAILED, 3)
    assert evaluation.failure.startswith("The work stopped unexpectedly 3 times")
    assert "Try again" in evaluation.failure
    assert evaluation.log.last().text == f"Failed: {evaluation.failure}"
    assert len(woken) == 2
    run_evaluation(evaluation.pk)
    sweep()
    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.attempts) == (Status.FAILED, 3)


def test_the_file_of_an_upload_that_is_given_up_is_thrown_away(
    contributor: User, woken: Woken
) -> None:
    upload = factories.an_upload(
        factories.a_dataset(contributor), b"patient_id,outcome\n1,1\n", contributor, run=False
    )
    assert default_storage.exists(upload.stored_name)
    for _ in range(3):
        assert Upload.objects.claim(upload.pk, worker="one that dies") is not None
        kill_worker_of(upload)
        sweep()

    upload.refresh_from_db()
    assert upload.status == Status.FAILED
    assert not default_storage.exists(upload.stored_name)
    assert [name for name, _pk in woken] == ["portal.catalogue.run_upload"] * 2


def test_what_waits_for_too_long_is_woken_once_until_it_is_too_long_again(
    evaluation: Evaluation, woken: Woken, settings: object
) -> None:
    sweep()
    assert woken == []
    Evaluation.objects.filter(pk=evaluation.pk).update(woken_at=Now() - timedelta(seconds=61))

    sweep()
    sweep()

    assert woken == [("portal.evaluations.run_evaluation", evaluation.pk)]


@pytest.mark.parametrize("error", [OSError("no space"), RuntimeError("closed"), ValueError("{")])
def test_a_broker_that_fails_in_whatever_way_fails_nobody(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**fields: object) -> None:
        raise error

    monkeypatch.setattr(run_evaluation, "apply_async", fail)
    tasks.wake(run_evaluation, 1)
    assert "the sweep will send it" in caplog.text
