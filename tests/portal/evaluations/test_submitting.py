"""Submitting: what is checked, what is kept, and that nothing is asked twice."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from portal.accounts.models import User
from portal.evaluations import actions
from portal.evaluations.actions import SubmissionRefused
from portal.evaluations.models import Evaluation
from portal.evaluations.tasks import run_evaluation
from portal.jobs.models import Status
from portal.organisations.roles import Role
from portal.registry.actions import retire_version
from tests import factories
from tests.workers import a_queued_evaluation, an_evaluable


@pytest.fixture
def contributor(db: None, media: Path) -> User:
    return factories.a_person(factories.an_organisation())


def test_a_submission_is_kept_with_its_protocol_and_tables(contributor: User) -> None:
    evaluation = a_queued_evaluation(contributor)

    assert (evaluation.status, evaluation.attempts) == (Status.QUEUED, 0)
    assert evaluation.protocol["bootstrap_replicates"] == 100
    assert {table.name for table in evaluation.tables.all()} == {"cohort", "predictions"}


def test_a_submission_survives_a_broker_that_raises(
    contributor: User, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    def fail(**fields: object) -> None:
        raise ConnectionRefusedError("the broker is away")

    monkeypatch.setattr(run_evaluation, "apply_async", fail)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        evaluation = a_queued_evaluation(contributor)
    assert len(callbacks) == 1
    assert Evaluation.objects.get(pk=evaluation.pk).status == Status.QUEUED


def test_a_worker_is_woken_only_once_the_row_is_committed(
    contributor: User, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    woken: list[int] = []
    monkeypatch.setattr(actions, "wake", lambda task, pk: woken.append(pk))
    with django_capture_on_commit_callbacks(execute=False) as callbacks:
        evaluation = a_queued_evaluation(contributor)
    assert woken == []
    for callback in callbacks:
        callback()
    assert woken == [evaluation.pk]


def test_a_viewer_cannot_submit(contributor: User) -> None:
    dataset, version = an_evaluable(contributor)
    viewer = factories.a_person(contributor.memberships.get().organisation, Role.VIEWER)
    with pytest.raises(PermissionError):
        factories.an_evaluation(viewer, dataset, version)
    assert not Evaluation.objects.exists()


def test_a_stranger_cannot_use_a_dataset_that_is_not_shared(contributor: User) -> None:
    dataset, version = an_evaluable(contributor)
    stranger = factories.a_person(factories.an_organisation())
    with pytest.raises(PermissionError, match="not shared"):
        factories.an_evaluation(stranger, dataset, version)


def test_a_retired_version_is_not_evaluated_again(contributor: User) -> None:
    dataset, version = an_evaluable(contributor)
    retire_version(version=version, by=factories.a_manager_of(version.model.organisation))
    with pytest.raises(PermissionError, match="not released"):
        factories.an_evaluation(contributor, dataset, version)


def test_all_that_is_missing_is_said_at_once(contributor: User) -> None:
    dataset = factories.a_dataset(contributor)
    version = factories.a_version(contributor)
    with pytest.raises(SubmissionRefused) as caught:
        factories.an_evaluation(contributor, dataset, version)
    assert len(caught.value.reasons) == 2
    assert "holds no table" in caught.value.reasons[0]
    assert "no predictions of" in caught.value.reasons[1]
    assert not Evaluation.objects.exists()


def test_subgroups_of_columns_that_are_not_there_are_refused(contributor: User) -> None:
    dataset, version = an_evaluable(contributor)
    with pytest.raises(SubmissionRefused, match="no column ward"):
        factories.an_evaluation(contributor, dataset, version, subgroups=("ward",))


def test_after_a_failure_the_same_may_be_submitted_anew(contributor: User) -> None:
    evaluation = a_queued_evaluation(contributor)
    actions.cancel_evaluation(evaluation=evaluation, by=contributor)
    again = factories.an_evaluation(contributor, evaluation.dataset, evaluation.model_version)
    assert again.pk != evaluation.pk
    assert again.fingerprint == evaluation.fingerprint


@pytest.mark.django_db(transaction=True)
def test_the_same_submitted_at_the_same_moment_is_one_evaluation(media: Path) -> None:
    contributor = factories.a_person(factories.an_organisation())
    dataset, version = an_evaluable(contributor)
    start = threading.Barrier(4)
    found: list[int] = []

    def submit() -> None:
        try:
            start.wait(10)
            found.append(factories.an_evaluation(contributor, dataset, version).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [Evaluation.objects.get().pk] * 4
