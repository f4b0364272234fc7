"""Running a claimed job's work in a child process while its lease is kept alive."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from portal.jobs.child import ChildFailed, Limits, run_child
from portal.jobs.models import Job, StaleWorkerError

logger = logging.getLogger(__name__)


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


@dataclass
class HeldJob:
    """A claimed job, its heartbeat, and the part of its progress bar that is being worked on."""

    job: Job
    on_stage: Callable[[str], None] = lambda stage: None
    _beaten_at: float = 0.0

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
        ChildFailed, ChildRefused
        """
        start, end = share

        def on_progress(stage: str, fraction: float) -> None:
            self.progress(stage, start + (end - start) * fraction)

        try:
            return run_child(
                module, request, limits=limits, on_progress=on_progress, keep_going=self.keep_going
            )
        except ChildFailed as failure:
            if failure.reason == "stopped":
                raise StaleWorkerError(str(self.job.pk)) from failure
            logger.warning("%r: %s\n%s", self.job, failure.message, failure.detail)
            raise

    def progress(self, stage: str, fraction: float) -> None:
        """Note where the work stands; written with the next heartbeat, a new stage at once."""
        is_new = stage != self.job.stage
        self.job.stage, self.job.fraction = stage[:100], min(max(fraction, 0.0), 1.0)
        if is_new:
            self.on_stage(stage)
            self.beat()

    def beat(self) -> bool:
        """Renew the lease now."""
        self._beaten_at = time.monotonic()
        return type(self.job).objects.heartbeat(self.job)

    def keep_going(self) -> bool:
        """Whether the job is still held; asks the database every few seconds only."""
        if time.monotonic() - self._beaten_at < settings.JOB_HEARTBEAT_SECONDS:
            return True
        return self.beat()
