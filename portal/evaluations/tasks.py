"""Running an evaluation: a claim, a call, a save."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import traceback
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from portal import store
from portal.celery import app
from portal.evaluations import actions
from portal.evaluations.models import Evaluation, LogLine, StoredResult
from portal.jobs.child import ChildFailed, ChildRefused
from portal.jobs.models import StaleWorkerError
from portal.jobs.running import HeldJob, artefact_limits, table_limits, worker_name
from portal.usecase import package_of

logger = logging.getLogger(__name__)

SCORING = (0.0, 0.4)
"""The part of the progress bar that running an artefact takes."""


@app.task(name="portal.evaluations.run_evaluation")
def run_evaluation(pk: int) -> None:
    """Run one evaluation; delivering the message twice does nothing."""
    evaluation = claim(pk)
    if evaluation is None:
        return
    LogLine.write(evaluation, f"Attempt {evaluation.attempts} started")
    try:
        stored = StoredResult.objects.filter(fingerprint=evaluation.fingerprint).first()
        if stored is not None:
            actions.finish_with(evaluation=evaluation, stored=stored)
        else:
            actions.save_result(evaluation=evaluation, content=compute(evaluation))
    except StaleWorkerError:
        logger.info("Evaluation %s was cancelled or taken over; its work here is dropped.", pk)
    except (ChildFailed, ChildRefused) as failure:
        _fail(evaluation, failure.message, getattr(failure, "detail", ""))
    except FileNotFoundError as error:
        _fail(
            evaluation,
            _("A file that the evaluation needs is no longer stored; the dataset's holder must "
              "upload it again."),
            str(error),
        )  # fmt: skip
    except Exception:
        logger.exception("Evaluation %s failed.", pk)
        _fail(
            evaluation,
            _("The site failed to run the evaluation, which is its own fault. Try again; if it "
              "happens again, tell the site's administrator."),
            traceback.format_exc(),
        )  # fmt: skip


def claim(pk: int) -> Evaluation | None:
    """Take a queued evaluation, unless another with the same fingerprint is running."""
    try:
        with transaction.atomic():
            return Evaluation.objects.claim(pk, worker=worker_name())
    except IntegrityError:
        # It stays queued; the one that runs wakes it at its end, and it takes that result.
        return None


def compute(evaluation: Evaluation) -> bytes:
    """The bytes of the Result, from the stored tables and, if one runs, the artefact."""
    task = evaluation.declared_task
    held = HeldJob(evaluation, on_stage=lambda stage: LogLine.write(evaluation, stage))
    with contextlib.ExitStack() as stack:
        tables = {
            table.name: str(stack.enter_context(store.content(table.sha256, suffix="parquet")))
            for table in evaluation.tables.all()
        }
        share = (0.0, 1.0)
        if evaluation.model_version.artefact_sha256:
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR)
            )
            tables["predictions"] = str(Path(folder) / "predictions.parquet")
            _score(evaluation, held, tables)
            share = (SCORING[1], 1.0)
        reply = held.run(
            "portal.evaluations.computing",
            {
                "use_case_package": package_of(evaluation.declared),
                "task": task.slug,
                "protocol": evaluation.protocol,
                "tables": tables,
            },
            limits=table_limits(),
            share=share,
        )
    return reply["result"].encode()


def _score(evaluation: Evaluation, held: HeldJob, tables: dict[str, str]) -> dict[str, Any]:
    """Run the artefact on the first table and write the predictions."""
    task = evaluation.declared_task
    version = evaluation.model_version
    with store.content(version.artefact_sha256, suffix="onnx") as artefact:
        return held.run(
            "portal.registry.scoring",
            {
                "artefact": str(artefact),
                "table": tables[task.tables[0].name],
                "inputs": version.input_names,
                "key": list(task.table("predictions").key),
                "output": task.predicted_column,
                "destination": tables["predictions"],
            },
            limits=artefact_limits(settings.ARTEFACT_WALL_SECONDS),
            share=SCORING,
        )


def _fail(evaluation: Evaluation, sentence: str, detail: str = "") -> None:
    with contextlib.suppress(StaleWorkerError):
        actions.fail_evaluation(evaluation=evaluation, sentence=sentence, detail=detail)
