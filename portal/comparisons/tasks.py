"""Running a comparison: a claim, a call, a save."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from portal.celery import app
from portal.comparisons import actions
from portal.comparisons.models import Comparison, StoredComparison
from portal.comparisons.pairing import output_of, reference_tables
from portal.evaluations.actions import standing_reasons
from portal.evaluations.inputs import fetch, score
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

SCORING = 0.4
"""The part of the progress bar that running all artefacts takes."""


@app.task(name="portal.comparisons.run_comparison")
def run_comparison(pk: int) -> None:
    """Run one comparison; delivering the message twice does nothing."""
    if shutdown.is_asked():  # for another worker
        wake(run_comparison, pk)
        return
    comparison: Comparison | None = patiently(
        lambda: Comparison.objects.claim(pk, worker=worker_name())
    )
    if comparison is None:
        return
    held = comparison
    with ended(
        held,
        hand_back=lambda: actions.hand_back(comparison=held),
        fail=lambda sentence, detail: actions.fail_comparison(
            comparison=held, sentence=sentence, detail=detail
        ),
        own_fault=_("The site failed to run the comparison, which is its own fault. Try again; if "
                    "it happens again, tell the site's administrator."),
    ):  # fmt: skip
        _check_rights(held)
        stored = StoredComparison.objects.filter(fingerprint=held.fingerprint).first()
        content = bytes(stored.content) if stored else compute(held)
        patiently(lambda: _check_rights(held))  # again: it may have taken an hour
        patiently(lambda: actions.save_comparison(comparison=held, content=content))


def _check_rights(comparison: Comparison) -> None:
    """Nothing is read, and nothing delivered, where the right to it ended meanwhile."""
    reasons = standing_reasons(comparison) or actions.rights_of(
        comparison.organisation, comparison.submitted_by, comparison.in_order()
    )
    if reasons:
        raise JobFailedError(" ".join(reasons))


def compute(comparison: Comparison) -> bytes:
    """The bytes of the comparison, from stored tables and from artefacts that are run again."""
    task, evaluations = comparison.declared_task, comparison.in_order()
    held = HeldJob(comparison)
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR))
        )
        tables = {
            name: str(fetch(held, stack, table.sha256, "parquet"))
            for name, table in reference_tables(evaluations[0]).items()
        }
        step = SCORING / len(evaluations)
        models, scored = [], 0.0
        for position, evaluation in enumerate(evaluations):
            output = output_of(evaluation)
            if output is not None:
                path = str(fetch(held, stack, output.sha256, "parquet"))
                models.append({"table": output.name, "path": path})
                continue
            path = str(folder / f"predictions-{position}.parquet")
            score(
                held,
                task,
                evaluation.model_version,
                table=tables[task.tables[0].name],
                destination=path,
                share=(scored, scored + step),
            )
            scored += step
            models.append({"table": "predictions", "path": path})
        reply = held.run(
            "portal.comparisons.computing",
            {
                "use_case_package": package_of(comparison.declared),
                "task": task.slug,
                "protocol": comparison.protocol,
                "tables": tables,
                "models": models,
            },
            limits=table_limits(),
            share=(scored, 1.0),
        )
    content: str = reply["comparison"]
    return content.encode()
