"""Real worker processes, as `celery` starts them, on the test's own database and files."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[1]


def database_url() -> str:
    """The address of the database that this test uses."""
    facts = connection.settings_dict
    host = quote(str(facts["HOST"] or facts["OPTIONS"]["host"]), safe="")
    return f"postgresql://{facts['USER']}@/{facts['NAME']}?host={host}"


def environment(**more: str) -> dict[str, str]:
    """What a worker of this test is told."""
    return {
        **os.environ,
        "DEBUG": "1",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": database_url(),
        "MEDIA_ROOT": str(settings.MEDIA_ROOT),
        "STATIC_ROOT": str(settings.STATIC_ROOT),
        "CELERY_BROKER_URL": os.environ["CELERY_BROKER_URL"],
        **more,
    }


@contextlib.contextmanager
def a_worker(log: Path, *arguments: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a session of its own; it and all that it started end with the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "celery", "-A", "portal.celery", "worker",
                "--concurrency", "1", "--loglevel", "INFO", "--without-gossip", "--without-mingle",
                *arguments,
            ],
            cwd=ROOT,
            env=environment(**more),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 60
            while b" ready." not in log.read_bytes():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
