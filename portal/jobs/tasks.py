"""The sweep: no lost message, dead worker or restarted broker loses a job."""

from collections.abc import Callable, Mapping

from django.utils.module_loading import import_string

from portal.celery import app
from portal.jobs.models import Job

KINDS: Mapping[str, str] = {
    "portal.catalogue.models.Upload": "portal.catalogue.tasks.run_upload",
    "portal.evaluations.models.Evaluation": "portal.evaluations.tasks.run_evaluation",
}
"""Each kind of job, and the task that runs it."""


def wake(task: Callable[..., object], pk: int) -> None:
    """Send the message that makes a worker look at the job; sending it twice does no harm.

    A broker that is away is no reason to fail: the sweep sends the message again.
    """
    try:
        task.apply_async(args=[pk], expires=600, retry=False)  # type: ignore[attr-defined]
    except (*app.connection_for_write().connection_errors, OSError):
        return


@app.task(name="portal.jobs.sweep")
def sweep() -> None:
    """Re-queue what lost its worker, and wake what waits for too long."""
    for model_path, task_path in KINDS.items():
        model: type[Job] = import_string(model_path)
        task = import_string(task_path)
        for pk in [*model.objects.requeue_lost(), *model.objects.wake_overlooked()]:
            wake(task, pk)
