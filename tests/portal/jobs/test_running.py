"""A held job: heartbeats, patience with the database, and stopping workers."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from django.db import OperationalError, connection

from portal.catalogue.models import Upload
from portal.evaluations.models import Evaluation
from portal.evaluations.tasks import claim
from portal.jobs import running, shutdown
from portal.jobs.models import Status
from portal.jobs.running import HeldJob, WorkerStoppingError, patiently, table_limits
from tests import factories
from tests.workers import a_queued_evaluation


@pytest.fixture
def held(db: None, media: Path) -> Evaluation:
    contributor = factories.a_person(factories.an_organisation())
    evaluation = claim(a_queued_evaluation(contributor).pk)
    assert evaluation is not None
    return evaluation


def test_a_new_stage_is_written_at_once_and_a_fraction_with_the_next_heartbeat(
    held: Evaluation,
) -> None:
    stages: list[str] = []
    job = HeldJob(held, on_stage=stages.append)

    job.progress("Reading tables", 0.1)
    job.progress("Reading tables", 0.2)
    assert Evaluation.objects.get(pk=held.pk).fraction == 0.1
    job.progress("Evaluating everyone", 7.0)

    row = Evaluation.objects.get(pk=held.pk)
    assert (row.stage, row.fraction) == ("Evaluating everyone", 1.0)
    assert stages == ["Reading tables", "Evaluating everyone"]


def test_a_long_name_of_a_stage_is_one_stage(held: Evaluation) -> None:
    stages: list[str] = []
    job = HeldJob(held, on_stage=stages.append)
    job.progress("x" * 150, 0.1)
    job.progress("x" * 150, 0.2)
    assert stages == ["x" * 100]


def test_heartbeats_are_as_rare_as_the_settings_say(
    held: Evaluation, settings: object, django_assert_num_queries: object
) -> None:
    settings.JOB_HEARTBEAT_SECONDS = 60  # type: ignore[attr-defined]
    job = HeldJob(held)
    assert job.keep_going()
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert job.keep_going()


def test_a_worker_that_is_to_stop_gives_up_its_child_and_hands_the_job_back(
    held: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutdown, "is_asked", lambda: True)

    with pytest.raises(WorkerStoppingError):
        HeldJob(held).run("portal.evaluations.computing", {}, limits=table_limits())

    assert Evaluation.objects.hand_back(held)
    row = Evaluation.objects.get(pk=held.pk)
    assert (row.status, row.attempts, row.lease_expires_at) == (Status.QUEUED, 0, None)
    assert not Evaluation.objects.heartbeat(held)


def test_the_flag_is_seen_by_processes_forked_before_it_is_raised() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        until = time.monotonic() + 10
        while not shutdown.is_asked() and time.monotonic() < until:
            time.sleep(0.01)
        os.write(writing, b"1" if shutdown.is_asked() else b"0")
        os._exit(0)
    try:
        shutdown.ask(sig="SIGTERM", how="Warm")
        assert os.read(reading, 1) == b"1"
    finally:
        shutdown._asked[0] = 0
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)


@pytest.mark.django_db(transaction=True)
def test_a_write_is_tried_again_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "_PATIENCE_SECONDS", 0)
    answers = iter([OperationalError("terminating connection"), 3])

    def write() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(write) == 3


@pytest.mark.django_db(transaction=True)
def test_patience_ends_with_the_lease(settings: object) -> None:
    settings.JOB_LEASE_SECONDS = 0  # type: ignore[attr-defined]

    def write() -> None:
        raise OperationalError("away")

    with pytest.raises(OperationalError):
        patiently(write)


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_while_a_large_file_is_fetched(media: Path, settings: object) -> None:
    settings.JOB_HEARTBEAT_SECONDS = 0.02  # type: ignore[attr-defined]
    contributor = factories.a_person(factories.an_organisation())
    upload = factories.an_upload(
        factories.a_dataset(contributor), b"patient_id\n1\n", contributor, run=False
    )
    claimed = Upload.objects.claim(upload.pk, worker="one")
    assert claimed is not None

    with HeldJob(claimed).kept_alive():
        before = claimed.lease_expires_at
        for _ in range(500):
            if Upload.objects.get(pk=upload.pk).lease_expires_at > before:
                break
            time.sleep(0.02)

    assert Upload.objects.get(pk=upload.pk).lease_expires_at > before
    connection.close()
