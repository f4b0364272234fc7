"""Cancelling an evaluation, and trying again; the running worker is seen in jobs/test_workers."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db import connection

from portal.accounts.models import User
from portal.evaluations import actions
from portal.evaluations.actions import SubmissionRefused, cancel_evaluation, retry_evaluation
from portal.evaluations.models import Evaluation, StoredResult
from portal.evaluations.tasks import claim, run_evaluation
from portal.jobs.models import StaleWorkerError, Status
from portal.jobs.running import HeldJob, table_limits
from portal.organisations.roles import Role
from portal.organisations.sharing import Verb, withdraw
from tests import factories
from tests.workers import a_queued_evaluation


@pytest.fixture
def contributor(db: None, media: Path) -> User:
    return factories.a_person(factories.an_organisation())


@pytest.fixture
def evaluation(contributor: User) -> Evaluation:
    return a_queued_evaluation(contributor)


def failed(evaluation: Evaluation) -> Evaluation:
    held = claim(evaluation.pk)
    assert held is not None
    actions.fail_evaluation(evaluation=held, sentence="Too little memory.", detail="MemoryError")
    evaluation.refresh_from_db()
    return evaluation


def test_a_queued_evaluation_that_is_cancelled_never_runs(
    contributor: User, evaluation: Evaluation
) -> None:
    assert cancel_evaluation(evaluation=evaluation, by=contributor)

    run_evaluation(evaluation.pk)

    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.attempts) == (Status.CANCELLED, 0)
    assert evaluation.finished_at is not None
    assert evaluation.log.last().text == f"Cancelled by {contributor}"
    assert not StoredResult.objects.exists()


def test_cancelling_between_two_heartbeats_stops_the_child_at_the_next_one(
    contributor: User, evaluation: Evaluation
) -> None:
    held = claim(evaluation.pk)
    assert held is not None
    cancel_evaluation(evaluation=evaluation, by=contributor)

    with pytest.raises(StaleWorkerError):
        HeldJob(held).run("portal.evaluations.computing", {}, limits=table_limits())


def test_what_has_ended_is_not_cancelled(
    contributor: User, evaluation: Evaluation, in_this_process: None
) -> None:
    run_evaluation(evaluation.pk)

    assert not cancel_evaluation(evaluation=evaluation, by=contributor)

    evaluation.refresh_from_db()
    assert evaluation.status == Status.SUCCEEDED


def test_a_viewer_neither_cancels_nor_retries(evaluation: Evaluation) -> None:
    viewer = factories.a_person(evaluation.organisation, Role.VIEWER)

    with pytest.raises(PermissionError):
        cancel_evaluation(evaluation=evaluation, by=viewer)
    with pytest.raises(PermissionError):
        retry_evaluation(evaluation=failed(evaluation), by=viewer)


def test_a_failed_evaluation_succeeds_when_it_is_tried_again(
    contributor: User, evaluation: Evaluation, in_this_process: None
) -> None:
    assert retry_evaluation(evaluation=failed(evaluation), by=contributor)
    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.attempts) == (Status.QUEUED, 0)
    assert (evaluation.failure, evaluation.failure_detail) == ("", "")

    run_evaluation(evaluation.pk)

    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.attempts) == (Status.SUCCEEDED, 1)


def test_the_worker_of_a_cancelled_evaluation_is_shut_out_of_the_next_try(
    contributor: User, evaluation: Evaluation
) -> None:
    first = claim(evaluation.pk)
    cancel_evaluation(evaluation=evaluation, by=contributor)
    retry_evaluation(evaluation=evaluation, by=contributor)
    second = claim(evaluation.pk)
    assert first is not None
    assert second is not None

    assert not Evaluation.objects.heartbeat(first)
    assert Evaluation.objects.heartbeat(second)


def test_what_is_queued_or_has_succeeded_is_not_tried_again(
    contributor: User, evaluation: Evaluation, in_this_process: None
) -> None:
    assert not retry_evaluation(evaluation=evaluation, by=contributor)
    run_evaluation(evaluation.pk)
    assert not retry_evaluation(evaluation=evaluation, by=contributor)


def test_a_retry_after_the_same_was_submitted_again_leads_to_that_one(
    contributor: User, evaluation: Evaluation
) -> None:
    failed(evaluation)
    again = factories.an_evaluation(contributor, evaluation.dataset, evaluation.model_version)
    assert again.pk != evaluation.pk

    with pytest.raises(SubmissionRefused, match=again.reference):
        retry_evaluation(evaluation=evaluation, by=contributor)

    evaluation.refresh_from_db()
    assert evaluation.status == Status.FAILED


def test_who_lost_the_dataset_meanwhile_does_not_try_again(
    contributor: User, evaluation: Evaluation
) -> None:
    failed(evaluation)
    withdraw(evaluation.dataset, Verb.EVALUATE, contributor.memberships.get().organisation)

    with pytest.raises(PermissionError):
        retry_evaluation(evaluation=evaluation, by=User.objects.get(pk=contributor.pk))


@pytest.mark.django_db(transaction=True)
def test_of_retries_at_the_same_moment_one_queues_it(media: Path) -> None:
    contributor = factories.a_person(factories.an_organisation())
    evaluation = failed(a_queued_evaluation(contributor))
    start = threading.Barrier(4)
    queued: list[bool] = []

    def retry() -> None:
        try:
            start.wait(10)
            queued.append(retry_evaluation(evaluation=evaluation, by=contributor))
        finally:
            connection.close()

    threads = [threading.Thread(target=retry) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(queued) == [False, False, False, True]
    assert evaluation.log.filter(text__startswith="Tried again").count() == 1
