"""One worker at a time holds an evaluation, and one that lost it can change nothing."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from portal.accounts.models import User
from portal.evaluations import actions, tasks
from portal.evaluations.models import Evaluation, LogLine, StoredResult
from portal.evaluations.tasks import claim, run_evaluation
from portal.jobs.child import ChildFailed
from portal.jobs.models import StaleWorkerError, Status
from portal.jobs.running import HeldJob
from portal.organisations.roles import Role, Verb
from portal.organisations.sharing import grant
from tests import factories
from tests.workers import a_queued_evaluation, an_evaluable

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture
def contributor(db: None, media: Path) -> User:
    return factories.a_person(factories.an_organisation())


@pytest.fixture
def evaluation(contributor: User) -> Evaluation:
    return a_queued_evaluation(contributor)


def lose(evaluation: Evaluation) -> None:
    """Let the lease of a running evaluation run out, and queue it again as the sweep does."""
    Evaluation.objects.filter(pk=evaluation.pk).update(
        lease_expires_at=Now() - timedelta(seconds=1)
    )
    assert Evaluation.objects.requeue_lost() == [evaluation.pk]


@pytest.fixture
def stale(evaluation: Evaluation) -> Evaluation:
    """The evaluation as a worker knows it that has lost it to another, which has finished it."""
    first = claim(evaluation.pk)
    assert first is not None
    lose(evaluation)
    run_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.attempts) == (Status.SUCCEEDED, 2)
    return first


def state(evaluation: Evaluation) -> tuple[Any, ...]:
    row = Evaluation.objects.filter(pk=evaluation.pk).values_list().get()
    return (*row, LogLine.objects.count(), StoredResult.objects.count())


def test_a_stale_worker_cannot_overwrite_a_newer_result(stale: Evaluation) -> None:
    before = state(stale)
    content = bytes(StoredResult.objects.get().content)

    with pytest.raises(StaleWorkerError):
        actions.save_result(evaluation=stale, content=content)

    assert state(stale) == before


def test_a_stale_worker_stores_no_result_of_its_own(evaluation: Evaluation) -> None:
    run_evaluation(evaluation.pk)
    content = bytes(StoredResult.objects.get().content)
    other = factories.an_evaluation(
        evaluation.submitted_by, evaluation.dataset, evaluation.model_version, seed=7
    )
    held = claim(other.pk)
    assert held is not None
    lose(other)

    with pytest.raises(StaleWorkerError):
        actions.save_result(evaluation=held, content=content)

    assert StoredResult.objects.count() == 1


def test_a_stale_worker_cannot_fail_it(stale: Evaluation) -> None:
    before = state(stale)

    with pytest.raises(StaleWorkerError):
        actions.fail_evaluation(evaluation=stale, sentence="The stale worker failed.")

    assert state(stale) == before


def test_a_stale_worker_cannot_hand_it_back(stale: Evaluation) -> None:
    before = state(stale)
    actions.hand_back(evaluation=stale)
    assert state(stale) == before


def test_a_stale_worker_cannot_log_progress(stale: Evaluation) -> None:
    before = state(stale)
    held = HeldJob(stale, on_stage=lambda stage: LogLine.write(stale, stage))

    with pytest.raises(StaleWorkerError):
        held.progress("Reading tables", 0.5)

    assert not held.beat()
    assert state(stale) == before


def test_a_worker_that_lost_it_while_it_is_queued_again_can_change_nothing(
    evaluation: Evaluation,
) -> None:
    held = claim(evaluation.pk)
    assert held is not None
    lose(evaluation)
    before = state(evaluation)

    with pytest.raises(StaleWorkerError):
        actions.fail_evaluation(evaluation=held, sentence="Too late.")

    assert not Evaluation.objects.heartbeat(held)
    assert state(evaluation) == before


def test_a_result_that_cannot_be_stored_ends_it_with_a_sentence(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "compute", lambda evaluation: tasks.Computed(b"{}", None, ""))

    run_evaluation(evaluation.pk)

    evaluation.refresh_from_db()
    assert evaluation.status == Status.FAILED
    assert "tell the site's administrator" in evaluation.failure
    assert "ValidationError" in evaluation.failure_detail


def a_reader_elsewhere(evaluation: Evaluation) -> User:
    """A contributor of another organisation that may use the dataset and the model."""
    organisation = factories.an_organisation()
    reader = factories.a_person(organisation, Role.CONTRIBUTOR)
    for item in (evaluation.dataset, evaluation.model_version.model):
        grant(item, Verb.VIEW, organisation)
        grant(item, Verb.EVALUATE, organisation)
    return User.objects.get(pk=reader.pk)


@pytest.fixture
def twins(evaluation: Evaluation) -> tuple[Evaluation, Evaluation]:
    """The same evaluation, asked for by two organisations."""
    other = factories.an_evaluation(
        a_reader_elsewhere(evaluation), evaluation.dataset, evaluation.model_version
    )
    assert other.pk != evaluation.pk
    assert other.fingerprint == evaluation.fingerprint
    return evaluation, other


def test_the_same_numbers_for_two_organisations_are_computed_once(
    twins: tuple[Evaluation, Evaluation],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    first, second = twins
    woken: list[int] = []
    monkeypatch.setattr(actions, "wake", lambda task, pk: woken.append(pk))
    computed: list[int] = []
    compute = tasks.compute

    def noting(evaluation: Evaluation) -> tasks.Computed:
        computed.append(evaluation.pk)
        if evaluation == first:
            run_evaluation(second.pk)  # its message comes while the first is running
            second.refresh_from_db()
            assert (second.status, second.attempts) == (Status.QUEUED, 0)
        return compute(evaluation)

    monkeypatch.setattr(tasks, "compute", noting)
    with django_capture_on_commit_callbacks(execute=True):
        run_evaluation(first.pk)
    assert woken == [second.pk]
    run_evaluation(second.pk)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (Status.SUCCEEDED, Status.SUCCEEDED)
    assert computed == [first.pk]
    assert first.stored_result == second.stored_result == StoredResult.objects.get()


def test_the_one_that_waited_runs_by_itself_when_the_first_fails(
    twins: tuple[Evaluation, Evaluation],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    first, second = twins
    woken: list[int] = []
    monkeypatch.setattr(actions, "wake", lambda task, pk: woken.append(pk))

    def failing(evaluation: Evaluation) -> tasks.Computed:
        run_evaluation(second.pk)
        raise ChildFailed("time", f"Number {evaluation.pk} took too long.")

    monkeypatch.setattr(tasks, "compute", failing)
    with django_capture_on_commit_callbacks(execute=True):
        run_evaluation(first.pk)
    assert woken == [second.pk]
    run_evaluation(second.pk)

    for one in twins:
        one.refresh_from_db()
        assert (one.status, one.attempts) == (Status.FAILED, 1)
        assert one.failure == f"Number {one.pk} took too long."


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_that_claim_at_once_one_wins(media: Path) -> None:
    contributor = factories.a_person(factories.an_organisation())
    dataset, version = an_evaluable(contributor)
    for seed in range(5):
        evaluation = factories.an_evaluation(contributor, dataset, version, seed=seed)
        twin = factories.an_evaluation(a_reader_elsewhere(evaluation), dataset, version, seed=seed)
        start = threading.Barrier(6)
        won: list[Evaluation] = []

        def take(pk: int, start: threading.Barrier = start, won: list[Evaluation] = won) -> None:
            try:
                start.wait(10)
                if (claimed := claim(pk)) is not None:
                    won.append(claimed)
            finally:
                connection.close()

        threads = [
            threading.Thread(target=take, args=[one.pk])
            for one in (evaluation, twin)
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [claimed.attempts for claimed in won] == [1]
        running = Evaluation.objects.filter(fingerprint=evaluation.fingerprint, attempts=F("token"))
        assert sorted(running.values_list("status", flat=True)) == ["queued", "running"]
