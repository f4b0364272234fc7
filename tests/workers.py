"""Real worker processes, and evaluations for them, on the test database."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

import psutil
from django.conf import settings
from django.db import connection

from portal.accounts.models import User
from portal.catalogue.models import Dataset
from portal.evaluations.models import Evaluation
from portal.registry.models import ModelVersion
from tests import factories

PROJECT = Path(__file__).resolve().parents[1]
LEASE_SECONDS = 4


def database_url() -> str:
    """The address of the test database, for other processes."""
    database = connection.settings_dict
    login = quote(database["USER"], safe="")
    if database["PASSWORD"]:
        login += ":" + quote(database["PASSWORD"], safe="")
    place = {"host": database["HOST"], "port": database["PORT"]} | database["OPTIONS"]
    query = urlencode({name: place[name] for name in ("host", "port") if place.get(name)})
    return f"postgresql://{login}@/{database['NAME']}?{query}"


def eventually(condition: Callable[[], object], what: str, *, seconds: float = 90) -> None:
    """Wait until ``condition`` holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class WorkerProcess:
    """``celery worker`` in a process of its own, with what it started."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.log = folder / f"worker-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.process = psutil.Popen(
                [
                    *(sys.executable, "-m", "celery", "-A", "portal.celery", "worker"),
                    *("--concurrency", "1", "--loglevel", "INFO", *arguments),
                ],
                cwd=PROJECT,
                env=os.environ
                | {
                    "DJANGO_SETTINGS_MODULE": "portal.settings",
                    "DEBUG": "1",
                    "LOG_LEVEL": "INFO",
                    "DATABASE_URL": database_url(),
                    "MEDIA_ROOT": str(settings.MEDIA_ROOT),
                    "JOB_LEASE_SECONDS": str(LEASE_SECONDS),
                    "JOB_HEARTBEAT_SECONDS": "1",
                    "JOB_QUEUED_TOO_LONG_SECONDS": "1",
                    "PYTHONWARNINGS": "default",
                }
                | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until_ready(self) -> None:
        eventually(
            lambda: " ready." in self.said or self.process.poll() is not None, "a worker is ready"
        )
        assert self.process.poll() is None, self.said

    @property
    def family(self) -> list[psutil.Process]:
        """The worker, its pool, and the children of their jobs."""
        try:
            return [self.process, *self.process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    @property
    def job_children(self) -> list[psutil.Process]:
        """The limited processes in which its jobs do their work."""
        found = []
        for process in self.family:
            try:
                if "portal.jobs.child" in process.cmdline():
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def kill(self) -> None:
        """SIGKILL the whole family, which can say nothing to anybody."""
        family = self.family
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=10)

    def ask_to_stop(self) -> None:
        self.process.terminate()


@contextmanager
def workers(folder: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts workers that are gone afterwards, whatever happens."""
    started: list[WorkerProcess] = []

    def start(*arguments: str, ready: bool = True, **environment: str) -> WorkerProcess:
        worker = WorkerProcess(folder, *arguments, **environment)
        started.append(worker)
        if ready:
            worker.wait_until_ready()
        return worker

    try:
        yield start
    finally:
        for worker in started:
            worker.kill()


def an_evaluable(by: User, *, rows: int = 400) -> tuple[Dataset, ModelVersion]:
    """A dataset and a version of which an evaluation can be submitted."""
    version = factories.a_version(by)
    return factories.a_ready_dataset(by, version, rows=rows), version


def a_queued_evaluation(by: User, *, rows: int = 400, replicates: int = 100) -> Evaluation:
    """A submitted evaluation; 20,000 rows and 2,500 replicates take about five seconds."""
    dataset, version = an_evaluable(by, rows=rows)
    return factories.an_evaluation(by, dataset, version, bootstrap_replicates=replicates)
