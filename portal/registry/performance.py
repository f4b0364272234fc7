"""How a model version did: one dot and interval for each dataset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portal.result import Estimate
from portal.usecase import Measure, Task

if TYPE_CHECKING:
    from portal.evaluations.models import Evaluation


@dataclass(frozen=True)
class PerformanceRow:
    """One evaluation's estimate of the task's leading measure."""

    evaluation: Evaluation
    estimate: Estimate


def performance_rows(
    task: Task, evaluations: Iterable[Evaluation]
) -> tuple[Measure, list[PerformanceRow]]:
    """The task's leading measure, and its estimate in each of ``evaluations``.

    Of several evaluations on one dataset the newest is taken; they come newest first.
    """
    measure = task.measure(task.headline[0])
    rows: dict[int, PerformanceRow] = {}
    for evaluation in evaluations:
        summary = evaluation.summary
        if summary is None or evaluation.dataset_id in rows:
            continue
        for estimate in summary.estimates:
            if estimate.measure == measure.key and estimate.subgroup is None:
                rows[evaluation.dataset_id] = PerformanceRow(evaluation, estimate)
                break
    return measure, sorted(rows.values(), key=lambda row: row.evaluation.dataset.title)
