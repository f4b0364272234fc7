"""How a model version did: one dot and interval for each dataset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from portal.figures import Forest, ForestRow
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


def performance_forest(rows: Iterable[PerformanceRow]) -> Forest:
    """The rows as a forest plot: one line a dataset, on an axis that holds every interval."""
    drawn = []
    ends: list[float] = []
    for row in rows:
        dataset, summary = row.evaluation.dataset, row.evaluation.summary
        name, synthetic = str(dataset), _("synthetic")
        if dataset.is_synthetic and synthetic not in name.lower():
            name = f"{name} ({synthetic})"
        patients = summary.population.get("patients") if summary else None
        drawn.append(ForestRow(name, patients, row.estimate))
        estimate = row.estimate
        ends += [end for end in (estimate.lower, estimate.value, estimate.upper) if end is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    margin = 0.04 * (high - low) or 0.05
    return Forest(tuple(drawn), overall=None, pooled=None, low=low - margin, high=high + margin)
