"""Real workers: killed, stopped, cut off from the database or the broker; no job is lost."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from kombu import pools

from portal.accounts.models import User
from portal.celery import app
from portal.evaluations.actions import cancel_evaluation
from portal.evaluations.models import Evaluation, StoredResult
from portal.jobs.models import Status
from portal.jobs.tasks import sweep
from tests import factories
from tests.workers import (
    LEASE_SECONDS,
    WorkerProcess,
    a_queued_evaluation,
    eventually,
    workers,
)

pytestmark = [pytest.mark.workers, pytest.mark.django_db(transaction=True)]

Start = Callable[..., WorkerProcess]
COMPLAINT = re.compile(r"\b(WARNING|ERROR|CRITICAL|Traceback)\b|Warning:")
AS_ROOT = "SecurityWarning: You're running the worker with superuser privileges"


def messages() -> list[Path]:
    folder = Path(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_in"])
    return list(folder.glob("*.celery.msg"))


@pytest.fixture
def contributor(media: Path) -> User:
    for message in messages():  # of tests before this one
        message.unlink()
    return factories.a_person(factories.an_organisation())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with workers(tmp_path) as starter:
        yield starter


def now(evaluation: Evaluation) -> Evaluation:
    evaluation.refresh_from_db()
    return evaluation


def wait_for_the_middle(evaluation: Evaluation) -> None:
    """Until the engine is at work and its progress is in the row."""
    eventually(
        lambda: now(evaluation).status == Status.RUNNING and evaluation.fraction > 0.23,
        "the evaluation is in its middle",
    )
    assert evaluation.fraction < 0.9


def wait_for_success(evaluation: Evaluation, *, sweeping: bool = False) -> None:
    def succeeded() -> bool:
        if sweeping:
            sweep()
        return now(evaluation).is_final

    eventually(succeeded, "the evaluation ends")
    assert (evaluation.status, evaluation.failure) == (Status.SUCCEEDED, "")


def complaints(worker: WorkerProcess) -> list[str]:
    return [
        line for line in worker.said.splitlines() if COMPLAINT.search(line) and AS_ROOT not in line
    ]


def test_an_evaluation_whose_worker_is_killed_succeeds_exactly_once(
    contributor: User, start: Start, settings: object
) -> None:
    settings.JOB_QUEUED_TOO_LONG_SECONDS = 3  # type: ignore[attr-defined]
    first = start()
    evaluation = a_queued_evaluation(contributor, rows=20_000, replicates=1_500)
    wait_for_the_middle(evaluation)
    assert first.job_children

    first.kill()

    assert now(evaluation).status == Status.RUNNING
    assert not StoredResult.objects.exists()
    start(ready=False)
    wait_for_success(evaluation, sweeping=True)
    assert evaluation.attempts == 2
    assert StoredResult.objects.get() == evaluation.stored_result
    texts = list(evaluation.log.values_list("text", flat=True))
    assert (texts.count("Succeeded"), texts.count("Attempt 2 started")) == (1, 1)


def test_the_sweep_of_the_beat_recovers_a_lost_message_and_the_log_is_clean(
    contributor: User, tmp_path: Path, start: Start
) -> None:
    evaluation = a_queued_evaluation(contributor)
    (message,) = messages()
    message.unlink()

    worker = start("--beat", "--schedule", str(tmp_path / "beat"), JOB_SWEEP_SECONDS="3")
    wait_for_success(evaluation)

    assert evaluation.attempts == 1
    assert "portal.jobs.sweep" in worker.said
    # To all its processes, as an init system or a terminal does it.
    os.killpg(worker.process.pid, signal.SIGTERM)
    assert worker.process.wait(20) == 0
    assert complaints(worker) == []


def test_a_worker_that_is_asked_to_stop_hands_its_job_back(contributor: User, start: Start) -> None:
    first = start()
    evaluation = a_queued_evaluation(contributor, rows=20_000, replicates=1_500)
    wait_for_the_middle(evaluation)

    asked_at = time.monotonic()
    first.ask_to_stop()
    eventually(lambda: now(evaluation).status == Status.QUEUED, "it is queued again", seconds=5)
    assert time.monotonic() - asked_at < LEASE_SECONDS
    assert first.process.wait(20) == 0

    assert (now(evaluation).attempts, evaluation.lease_expires_at) == (0, None)
    assert len(messages()) == 1
    handed_back = evaluation.log.filter(text__startswith="Its worker was stopped")
    assert handed_back.count() == 1
    start(ready=False)
    wait_for_success(evaluation)
    assert evaluation.attempts == 1


def test_cancelling_stops_the_work_within_five_seconds_and_stores_nothing(
    contributor: User, start: Start
) -> None:
    worker = start()
    evaluation = a_queued_evaluation(contributor, rows=20_000, replicates=10_000)
    wait_for_the_middle(evaluation)
    (child,) = worker.job_children

    assert cancel_evaluation(evaluation=evaluation, by=contributor)

    eventually(lambda: not child.is_running(), "the child has ended", seconds=5)
    eventually(lambda: "was cancelled or taken over" in worker.said, "the worker says so")
    assert now(evaluation).status == Status.CANCELLED
    assert (evaluation.stored_result, StoredResult.objects.count()) == (None, 0)
    lines = evaluation.log.count()

    another = a_queued_evaluation(contributor)
    wait_for_success(another)
    assert evaluation.log.count() == lines


def test_work_goes_on_while_the_database_is_away(contributor: User, start: Start) -> None:
    worker = start(JOB_LEASE_SECONDS="15")
    evaluation = a_queued_evaluation(contributor, rows=20_000, replicates=1_500)
    wait_for_the_middle(evaluation)

    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as here, connection._nodb_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            here.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert here.fetchone()[0] >= 1
            eventually(lambda: "The database is away" in worker.said, "the worker notices")
        finally:
            cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    wait_for_success(evaluation)
    assert evaluation.attempts == 1
    wait_for_success(a_queued_evaluation(contributor))


def forget_connections() -> None:
    """Those to the broker, also in Kombu's own pools: they would outlive a change of broker."""
    pools.reset()
    app._pool = app.amqp._producer_pool = None


@pytest.fixture
def redis_port(redis_server: str) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    before = app.conf.broker_url, app.conf.broker_transport_options
    app.conf.update(broker_read_url=f"redis://127.0.0.1:{port}/0")
    app.conf.update(broker_write_url=f"redis://127.0.0.1:{port}/0")
    app.conf.update(broker_transport_options={"socket_connect_timeout": 3})
    forget_connections()
    yield port
    app.conf.update(broker_read_url=before[0], broker_write_url=before[0])
    app.conf.update(broker_transport_options=before[1])
    forget_connections()


def test_a_submission_outlives_a_broker_that_is_away(
    contributor: User, tmp_path: Path, start: Start, redis_server: str, redis_port: int,
    settings: object,
) -> None:  # fmt: skip
    settings.JOB_QUEUED_TOO_LONG_SECONDS = 1  # type: ignore[attr-defined]
    asked_at = time.monotonic()
    kept = a_queued_evaluation(contributor)
    assert time.monotonic() - asked_at < 10
    assert now(kept).status == Status.QUEUED

    broker = subprocess.Popen(
        [redis_server, "--port", str(redis_port), "--bind", "127.0.0.1", "--save", ""],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    try:
        start(CELERY_BROKER_URL=f"redis://127.0.0.1:{redis_port}/0")
        wait_for_success(kept, sweeping=True)
        wait_for_success(a_queued_evaluation(contributor))
    finally:
        broker.terminate()
        broker.wait(10)
