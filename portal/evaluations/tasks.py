"""Running an evaluation: a claim, a call, a save."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from portal import store
from portal.celery import app
from portal.evaluations import actions
from portal.evaluations.inputs import fetch, score
from portal.evaluations.models import Evaluation, LogLine, StoredResult
from portal.jobs import shutdown
from portal.jobs.ending import JobFailedError, ended
from portal.jobs.running import (
    HeldJob,
    patiently,
    table_limits,
    worker_name,
)
from portal.jobs.tasks import wake
from portal.usecase import package_of

logger = logging.getLogger(__name__)

SCORING = (0.0, 0.4)
"""The part of the progress bar that running an artefact takes."""


@app.task(name="portal.evaluations.run_evaluation")
def run_evaluation(pk: int) -> None:
    """Run one evaluation; delivering the message twice does nothing."""
    if shutdown.is_asked():  # for another worker
        wake(run_evaluation, pk)
        return
    evaluation = patiently(lambda: claim(pk))
    if evaluation is None:
        return
    with ended(
        evaluation,
        hand_back=lambda: actions.hand_back(evaluation=evaluation),
        fail=lambda sentence, detail: actions.fail_evaluation(
            evaluation=evaluation, sentence=sentence, detail=detail
        ),
        own_fault=_("The site failed to run the evaluation, which is its own fault. Try again; if "
                    "it happens again, tell the site's administrator."),
    ):  # fmt: skip
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
    use = actions.use_of(evaluation)
    reasons = actions.standing_reasons(evaluation) or actions.rights_reasons(
        use, study=evaluation.study
    )
    if reasons:
        raise JobFailedError(" ".join(reasons), "")
    permit = actions.permit_for(use)
    if permit != evaluation.permit:  # a new version of it, say: this one it runs under
        Evaluation.objects.held_by(evaluation).update(permit=permit)
        evaluation.permit = permit


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
            table.name: str(fetch(held, stack, table.sha256, "parquet"))
            for table in evaluation.tables.all()
        }
        share = (0.0, 1.0)
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR))
        cases = Path(folder) / "cases.parquet"
        if evaluation.model_version.artefact_sha256:
            tables["predictions"] = str(Path(folder) / "predictions.parquet")
            score(
                held,
                task,
                evaluation.model_version,
                table=tables[task.tables[0].name],
                destination=tables["predictions"],
                share=SCORING,
            )
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
