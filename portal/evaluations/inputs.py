"""What a job reads: stored tables, and predictions that an artefact makes of them."""

from __future__ import annotations

import contextlib
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from portal import store
from portal.jobs.child import ChildFailed, ChildRefused
from portal.jobs.ending import JobFailedError
from portal.jobs.running import HeldJob, artefact_limits
from portal.registry.models import ModelVersion
from portal.usecase import Task


def fetch(held: HeldJob, stack: contextlib.ExitStack, sha256: str, suffix: str) -> Path:
    """A path to stored content for as long as ``stack`` is open.

    Raises
    ------
    JobFailedError
        If it is no longer stored.
    """
    try:
        with held.kept_alive():
            return stack.enter_context(store.content(sha256, suffix=suffix))
    except FileNotFoundError as error:
        if suffix == "onnx":
            sentence = _("The model's artefact is no longer stored. Its developer must upload it "
                         "in a new version of the model.")  # fmt: skip
        else:
            sentence = _("A table of the dataset is no longer stored. Its holder must upload it "
                         "again; then try again.")  # fmt: skip
        raise JobFailedError(sentence, str(error)) from error


def score(
    held: HeldJob,
    task: Task,
    version: ModelVersion,
    *,
    table: str,
    destination: str,
    share: tuple[float, float],
) -> None:
    """Run the artefact of ``version`` on the task's first table and write the predictions.

    Parameters
    ----------
    table, destination
        Paths of the table and of the predictions.
    share
        The part of the job's progress that it takes.

    Raises
    ------
    JobFailedError
        If it cannot be run on the table.
    """
    with contextlib.ExitStack() as stack:
        artefact = fetch(held, stack, version.artefact_sha256, "onnx")
        try:
            held.run(
                "portal.registry.scoring",
                {
                    "artefact": str(artefact),
                    "table": table,
                    "inputs": version.input_names,
                    "key": list(task.table("predictions").key),
                    "output": task.predicted_column,
                    "destination": destination,
                },
                limits=artefact_limits(settings.ARTEFACT_WALL_SECONDS),
                share=share,
            )
        except (ChildFailed, ChildRefused) as failure:
            raise JobFailedError(
                _("The model could not be run on the dataset. %(reason)s")
                % {"reason": failure.message},
                getattr(failure, "detail", ""),
            ) from failure
