"""Running an evaluation: a claim, a call, a save."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from portal import store
from portal.celery import app
from portal.evaluations import actions
from portal.evaluations.models import Evaluation, LogLine, StoredResult
from portal.jobs import shutdown
from portal.jobs.child import ChildFailed, ChildRefused
from portal.jobs.models import StaleWorkerError
from portal.jobs.running import (
    HeldJob,
    WorkerStoppingError,
    artefact_limits,
    patiently,
    table_limits,
    worker_name,
)
from portal.jobs.tasks import wake
from portal.usecase import package_of

logger = logging.getLogger(__name__)

SCORING = (0.0, 0.4)
"""The part of the progress bar that running an artefact takes."""


class _Failure(Exception):  # noqa: N818 - a sentence for the person, and what happened
    def __init__(self, sentence: str, detail: str) -> None:
        super().__init__(sentence)
        self.sentence, self.detail = sentence, detail


@app.task(name="portal.evaluations.run_evaluation")
def run_evaluation(pk: int) -> None:
    """Run one evaluation; delivering the message twice does nothing."""
    if shutdown.is_asked():  # for another worker
        wake(run_evaluation, pk)
        return
    evaluation = patiently(lambda: claim(pk))
    if evaluation is None:
        return
    try:
        _check_rights(evaluation)
        stored = StoredResult.objects.filter(fingerprint=evaluation.fingerprint).first()
        if stored is not None:
            actions.finish_with(evaluation=evaluation, stored=stored)
        else:
            computed = compute(evaluation)
            patiently(lambda: _check_rights(evaluation))  # again: it may have taken an hour
            patiently(
                lambda: actions.save_result(
                    evaluation=evaluation,
                    content=computed.content,
                    figures=computed.figures,
                    cases_sha256=computed.cases_sha256,
                )
            )
    except StaleWorkerError:
        logger.info("Evaluation %s was cancelled or taken over; its work here is dropped.", pk)
    except WorkerStoppingError:
        patiently(lambda: actions.hand_back(evaluation=evaluation))
    except _Failure as failure:
        _fail(evaluation, failure.sentence, failure.detail)
    except (ChildFailed, ChildRefused) as failure:
        _fail(evaluation, failure.message, getattr(failure, "detail", ""))
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
            evaluation: Evaluation | None = Evaluation.objects.claim(pk, worker=worker_name())
            if evaluation is not None:
                LogLine.write(evaluation, f"Attempt {evaluation.attempts} started")
            return evaluation
    except IntegrityError as error:
        if "evaluation_fingerprint_runs_once" not in str(error):
            raise
        # It stays queued; the one that runs wakes it at its end, and it takes that result.
        return None


def _check_rights(evaluation: Evaluation) -> None:
    """Nothing is read, and no result delivered, where the right to it ended meanwhile."""
    reasons = actions.standing_reasons(evaluation) or actions.rights_reasons(
        organisation=evaluation.organisation,
        dataset=evaluation.dataset,
        model_version=evaluation.model_version,
        study=evaluation.study,
    )
    if reasons:
        raise _Failure(" ".join(reasons), "")


@dataclass(frozen=True)
class Computed:
    """What the child process made of an evaluation."""

    content: bytes
    """Of the Result."""
    figures: dict[str, Any] | None
    cases_sha256: str


def compute(evaluation: Evaluation) -> Computed:
    """The Result, from the stored tables and, if one runs, the artefact."""
    task = evaluation.declared_task
    held = HeldJob(evaluation, on_stage=lambda stage: LogLine.write(evaluation, stage))
    with contextlib.ExitStack() as stack:
        tables = {
            table.name: str(_fetch(held, stack, table.sha256, "parquet"))
            for table in evaluation.tables.all()
        }
        share = (0.0, 1.0)
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR))
        cases = Path(folder) / "cases.parquet"
        if evaluation.model_version.artefact_sha256:
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
                "cases": str(cases),
            },
            limits=table_limits(),
            share=share,
        )
        cases_sha256 = ""
        if reply["has_cases"]:
            with held.kept_alive():
                cases_sha256 = store.put(cases, suffix="parquet")
    return Computed(reply["result"].encode(), reply["figures"], cases_sha256)


def _score(evaluation: Evaluation, held: HeldJob, tables: dict[str, str]) -> dict[str, Any]:
    """Run the artefact on the first table and write the predictions."""
    task = evaluation.declared_task
    version = evaluation.model_version
    with contextlib.ExitStack() as stack:
        artefact = _fetch(held, stack, version.artefact_sha256, "onnx")
        try:
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
        except (ChildFailed, ChildRefused) as failure:
            raise _Failure(
                _("The model could not be run on the dataset. %(reason)s")
                % {"reason": failure.message},
                getattr(failure, "detail", ""),
            ) from failure


def _fetch(held: HeldJob, stack: contextlib.ExitStack, sha256: str, suffix: str) -> Path:
    """A path to stored content for as long as ``stack`` is open."""
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
        raise _Failure(sentence, str(error)) from error


def _fail(evaluation: Evaluation, sentence: str, detail: str = "") -> None:
    with contextlib.suppress(StaleWorkerError):
        patiently(
            lambda: actions.fail_evaluation(evaluation=evaluation, sentence=sentence, detail=detail)
        )
