"""Running a claimed job's work in a child process while its lease is kept alive."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from portal.jobs import shutdown
from portal.jobs.child import ChildFailed, ChildRefused, Limits, Refused, run_child
from portal.jobs.models import Job, StaleWorkerError

logger = logging.getLogger(__name__)
T = TypeVar("T")

DATABASE_AWAY = (OperationalError, InterfaceError)
_PATIENCE_SECONDS = 0.5
_without_child: ContextVar[bool] = ContextVar("without_child", default=False)


class WorkerStoppingError(Exception):
    """The worker was asked to stop; its job goes back to the queue."""


def worker_name() -> str:
    """This process, as it is written on the jobs that it claims."""
    return f"{socket.gethostname()}:{os.getpid()}"


def table_limits() -> Limits:
    """Limits of reading a table and of evaluating: large, and never more than the settings say."""
    return Limits(
        memory_bytes=settings.JOB_MEMORY_BYTES,
        cpu_seconds=settings.JOB_WALL_SECONDS * 2,
        wall_seconds=settings.JOB_WALL_SECONDS,
        file_bytes=4 * settings.MAX_UPLOAD_BYTES,
        threads=2,
    )


def artefact_limits(wall_seconds: int) -> Limits:
    """Limits of anything that opens a partner's artefact."""
    return Limits(
        memory_bytes=settings.ARTEFACT_MEMORY_BYTES,
        cpu_seconds=wall_seconds,
        wall_seconds=wall_seconds,
        file_bytes=settings.MAX_UPLOAD_BYTES,
    )


@contextlib.contextmanager
def without_child() -> Iterator[None]:
    """Let jobs do their work in this process: for content that the site's own program made.

    The work is the same, and so are its checks. It saves the start of a process for each job, and
    does without limits on time and memory: nothing that a person sent may be read like this.
    """
    token = _without_child.set(True)
    try:
        yield
    finally:
        _without_child.reset(token)


def _run_here(
    module: str, request: dict[str, Any], on_progress: Callable[[str, float], None]
) -> dict[str, Any]:
    mine = threading.get_ident()

    def progress(stage: str, fraction: float) -> None:
        if threading.get_ident() == mine:  # which has the connection to the database
            on_progress(stage, fraction)

    try:
        reply: dict[str, Any] = importlib.import_module(module).main(request, progress)
    except Refused as refusal:
        raise ChildRefused(str(refusal)) from refusal
    return reply


def patiently(write: Callable[[], T]) -> T:
    """Call ``write``, and again while the database is away, for as long as a lease lasts.

    Work of an hour is not thrown away because the database restarts in the moment that it ends.
    What ``write`` does is fenced, so that doing it twice changes nothing.
    """
    until = time.monotonic() + settings.JOB_LEASE_SECONDS
    while True:
        try:
            return write()
        except DATABASE_AWAY as error:
            if connection.in_atomic_block or time.monotonic() > until:
                raise
            logger.warning("The database is away, trying again: %s", error)
            connection.close()
            time.sleep(_PATIENCE_SECONDS)


@dataclass
class HeldJob:
    """A claimed job, its heartbeat, and the part of its progress bar that is being worked on."""

    job: Job
    on_stage: Callable[[str], None] = lambda stage: None
    """Told of each new stage, in the transaction of the heartbeat that found the job held."""
    _beaten_at: float = 0.0
    _renewed_at: float = field(default_factory=time.monotonic)

    def run(
        self,
        module: str,
        request: dict[str, Any],
        *,
        limits: Limits,
        share: tuple[float, float] = (0.0, 1.0),
    ) -> dict[str, Any]:
        """Run a child whose progress fills ``share`` of the job's; see :func:`run_child`.

        Raises
        ------
        StaleWorkerError
            If the job was cancelled or taken over meanwhile; the child has been stopped.
        WorkerStoppingError
            If the worker was asked to stop; the child has been stopped.
        ChildFailed, ChildRefused
        """
        start, end = share

        def on_progress(stage: str, fraction: float) -> None:
            self.progress(stage, start + (end - start) * fraction)

        if _without_child.get():
            return _run_here(module, request, on_progress)
        try:
            return run_child(
                module, request, limits=limits, on_progress=on_progress, keep_going=self.keep_going
            )
        except ChildFailed as failure:
            if failure.reason == "stopped":
                if shutdown.is_asked():
                    raise WorkerStoppingError(str(self.job.pk)) from failure
                raise StaleWorkerError(str(self.job.pk)) from failure
            logger.warning("%r: %s\n%s", self.job, failure.message, failure.detail)
            raise

    def progress(self, stage: str, fraction: float) -> None:
        """Note where the work stands; written with the next heartbeat, a new stage at once.

        Raises
        ------
        StaleWorkerError
            If the stage is new and the job is no longer held.
        """
        stage = stage[:100]
        is_new = stage != self.job.stage
        self.job.stage, self.job.fraction = stage, min(max(fraction, 0.0), 1.0)
        if is_new and not self.beat(new_stage=stage):
            raise StaleWorkerError(str(self.job.pk))

    def beat(self, *, new_stage: str = "") -> bool:
        """Renew the lease now; False when the job is no longer held.

        A database that is away for less than a lease does not stop the work.
        """
        self._beaten_at = time.monotonic()
        try:
            with transaction.atomic():
                held: bool = type(self.job).objects.heartbeat(self.job)
                if held and new_stage:
                    self.on_stage(new_stage)
        except DATABASE_AWAY as error:
            if time.monotonic() - self._renewed_at > settings.JOB_LEASE_SECONDS:
                raise
            logger.warning("The database is away, the work goes on: %s", error)
            connection.close()
            return True
        self._renewed_at = self._beaten_at
        return held

    def keep_going(self) -> bool:
        """Whether to go on: the job is held (asked every few seconds), the worker not stopping."""
        if shutdown.is_asked():
            return False
        if time.monotonic() - self._beaten_at < settings.JOB_HEARTBEAT_SECONDS:
            return True
        return self.beat()

    @contextlib.contextmanager
    def kept_alive(self) -> Iterator[None]:
        """Renew the lease beside something that blocks: fetching or storing a large file."""
        done = threading.Event()

        def renew() -> None:
            try:
                while not done.wait(settings.JOB_HEARTBEAT_SECONDS):
                    with contextlib.suppress(*DATABASE_AWAY):
                        type(self.job).objects.heartbeat(self.job)
            finally:
                connection.close()  # this thread's own

        thread = threading.Thread(target=renew, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
