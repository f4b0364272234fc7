"""The sweep: no lost message, dead worker or restarted broker loses a job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.module_loading import import_string

from portal.celery import app
from portal.jobs.models import Job

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """One kind of job, by the dotted names of what the sweep needs of it."""

    model: str
    task: str
    """The Celery task that runs it."""
    given_up: str
    """Called with the key of each job that the sweep has failed: what else its end involves."""


KINDS = (
    Kind(
        model="portal.catalogue.models.Upload",
        task="portal.catalogue.tasks.run_upload",
        given_up="portal.catalogue.actions.discard_given_up",
    ),
    Kind(
        model="portal.evaluations.models.Evaluation",
        task="portal.evaluations.tasks.run_evaluation",
        given_up="portal.evaluations.actions.announce_given_up",
    ),
    Kind(
        model="portal.comparisons.models.Comparison",
        task="portal.comparisons.tasks.run_comparison",
        given_up="portal.comparisons.actions.given_up",
    ),
)


def wake(task: Callable[..., object], pk: int) -> None:
    """Send the message that makes a worker look at the job; sending it twice does no harm.

    A broker that is away, full or broken is no reason to fail, whatever it raises: the row is
    there, and the sweep sends the message again.
    """
    try:
        task.apply_async(args=[pk], expires=600, retry=False)  # type: ignore[attr-defined]
    except Exception as error:
        logger.warning("No message for job %s (%s); the sweep will send it.", pk, error)


@app.task(name="portal.jobs.sweep")
def sweep() -> None:
    """Re-queue what lost its worker, and wake what waits for too long."""
    for kind in KINDS:
        model: type[Job] = import_string(kind.model)
        for pk in model.objects.give_up_lost():
            import_string(kind.given_up)(pk)
        task = import_string(kind.task)
        for pk in [*model.objects.requeue_lost(), *model.objects.wake_overlooked()]:
            wake(task, pk)
