"""The end of a study's cells, noticed by a worker."""

from __future__ import annotations

from portal.celery import app
from portal.jobs.tasks import wake
from portal.studies import running
from portal.studies.models import Study


@app.task(name="portal.studies.settle_study")
def settle_study(pk: int) -> None:
    """Finish a study of which every cell has ended; delivering the message twice does nothing."""
    running.settle(pk)


@app.task(name="portal.studies.sweep_studies")
def sweep_studies() -> None:
    """Wake the studies whose last message was lost."""
    for pk in Study.objects.to_settle().values_list("pk", flat=True):
        wake(settle_study, pk)
