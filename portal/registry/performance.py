"""How a model did, at a glance: one dot and interval for each site and version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from portal.figures import headline
from portal.result import Estimate
from portal.showcase.drawing import Axis, DrawnRow, Tick, drawn_row, tick_marks
from portal.showcase.numbers import count
from portal.usecase import Measure, Task

if TYPE_CHECKING:
    from portal.evaluations.models import Evaluation
    from portal.registry.models import ModelVersion

SERIES = 8
"""Colours for sites; more sites than that share them, and each is named beside its line."""
MOST_EVALUATIONS = 400
"""Of a model, newest first: what a page reads."""


@dataclass(frozen=True)
class SiteLine:
    """One evaluation's estimate of the task's leading measure."""

    evaluation: Evaluation
    series: int
    """Its dataset's colour, from 1."""
    drawn: DrawnRow


@dataclass(frozen=True)
class VersionLines:
    """A version with its sites."""

    version: ModelVersion
    lines: list[SiteLine]


@dataclass(frozen=True)
class Glance:
    """The versions of a model on every dataset, drawn on one axis."""

    measure: Measure
    counted: str
    versions: list[VersionLines]
    ticks: list[Tick]
    reference: str
    """Where the value of no information or of perfection stands; empty where it is outside."""

    def of(self, version: ModelVersion) -> Glance | None:
        """The part that is about one version, on the same axis and in the same colours."""
        kept = [lines for lines in self.versions if lines.version.pk == version.pk]
        if not kept:
            return None
        return Glance(self.measure, self.counted, kept, self.ticks, self.reference)


def glance(task: Task, evaluations: Iterable[Evaluation]) -> Glance | None:
    """The leading measure of succeeded ``evaluations`` of one model; None where there is none.

    Of several evaluations of a version on one dataset the newest is taken; they come newest
    first.
    """
    measure = task.measure(task.headline[0])
    newest: dict[tuple[int, int], tuple[Evaluation, Estimate, int | None]] = {}
    for evaluation in evaluations:
        place = (evaluation.model_version_id, evaluation.dataset_id)
        summary = None if place in newest else evaluation.summary
        estimate = headline(summary, measure.key) if summary else None
        if summary and estimate:
            newest[place] = (evaluation, estimate, summary.population.get("patients"))
    if not newest:
        return None
    axis = _axis([estimate for _evaluation, estimate, _people in newest.values()])
    shown = sorted(newest.values(), key=lambda found: (str(found[0].dataset), found[0].dataset_id))
    series: dict[int, int] = {}
    versions: dict[int, VersionLines] = {}
    for evaluation, estimate, people in shown:
        colour = series.setdefault(evaluation.dataset_id, len(series) % SERIES + 1)
        version = evaluation.model_version
        drawn = drawn_row(_site(evaluation), count(people), estimate, measure, axis)
        group = versions.setdefault(version.pk, VersionLines(version, []))
        group.lines.append(SiteLine(evaluation, colour, drawn))
    return Glance(
        measure,
        task.counted,
        sorted(versions.values(), key=lambda group: group.version.created_at, reverse=True),
        tick_marks(axis, measure),
        axis.line(measure.reference),
    )


def _site(evaluation: Evaluation) -> str:
    name, synthetic = str(evaluation.dataset), _("synthetic")
    if evaluation.dataset.is_synthetic and synthetic not in name.lower():
        return f"{name} ({synthetic})"
    return name


def _axis(estimates: Iterable[Estimate]) -> Axis:
    """An axis that holds every interval, with a margin."""
    ends = [
        end
        for estimate in estimates
        for end in (estimate.lower, estimate.value, estimate.upper)
        if end is not None
    ]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    margin = 0.04 * (high - low) or 0.05
    return Axis(low - margin, high + margin)
