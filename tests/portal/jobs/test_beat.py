"""What the beat sends, workers must know."""

from __future__ import annotations

import subprocess
import sys

from django.conf import settings

ASK = """
import django
django.setup()
from portal.celery import app
app.loader.import_default_modules()
print(*app.tasks, sep="\\n")
"""


def test_every_task_of_the_beat_is_known_to_a_worker_that_starts() -> None:
    # In a process of its own: here other tests have imported nearly everything.
    told = subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    wanted = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert wanted <= set(told.split())
