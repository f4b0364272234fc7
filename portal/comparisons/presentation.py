"""Several results side by side, as their page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from portal.comparisons.pairing import reference_tables
from portal.evaluations import presentation
from portal.evaluations.presentation import FigureTable, curve_name, taken_at
from portal.evaluations.result_views import curve_addresses
from portal.figures import figure_json
from portal.overlays import LETTERS, draw_overlay
from portal.result import Comparison, Difference, Estimate, Result
from portal.showcase.numbers import interval, measured
from portal.usecase import Measure, Overlay, Task

if TYPE_CHECKING:
    from portal.evaluations.models import Evaluation


@dataclass(frozen=True)
class Side:
    """One of the results that are compared."""

    letter: str
    place: int
    """From 1: the number of its colour."""
    evaluation: Evaluation
    result: Result
    title: str
    """What it found."""
    population: str


def sides(task: Task, evaluations: Sequence[Evaluation]) -> list[Side]:
    """The results in order, each with its letter."""
    found = []
    for place, evaluation in enumerate(evaluations):
        stored = evaluation.stored_result
        if stored is None:  # only succeeded ones are compared
            continue
        result = stored.result
        found.append(
            Side(
                letter=LETTERS[place],
                place=place + 1,
                evaluation=evaluation,
                result=result,
                title=presentation.find(task, result).title,
                population=presentation.population(task, result),
            )
        )
    return found


@dataclass(frozen=True)
class DrawnOverlay:
    """A chart of all results, with the curve of each as a table."""

    overlay: Overlay
    json: dict[str, Any]
    tables: list[FigureTable]


def overlays(task: Task, compared: Sequence[Side]) -> list[DrawnOverlay]:
    """One chart for each kind of curve."""
    drawn = []
    for overlay in task.overlays:
        tables = []
        for side in compared:
            if overlay.curve not in side.result.curves:
                continue
            page, csv = curve_addresses(side.evaluation, [overlay.curve])[overlay.curve]
            name = f"{side.letter}: {curve_name(task, overlay.curve)}"
            tables.append(FigureTable(name, page, csv))
        figure = draw_overlay(overlay, [side.result for side in compared], gettext)
        drawn.append(DrawnOverlay(overlay, figure_json(figure), tables))
    return drawn


@dataclass(frozen=True)
class EstimateLine:
    """A measure with its value in each result."""

    measure: Measure
    at: str
    estimates: list[Estimate | None]
    """None where a result does not hold it."""

    @property
    def differs(self) -> bool:
        """Whether any two of the values are not read alike."""
        return len({_read(one, self.measure) for one in self.estimates}) > 1


def _read(estimate: Estimate | None, measure: Measure) -> tuple[str, str]:
    if estimate is None or estimate.value is None:
        return "", ""
    return measured(estimate.value, measure), interval(estimate, measure)


Key = tuple[str, tuple[tuple[str, float], ...]]


def _key(one: Estimate | Difference) -> Key:
    return one.measure, tuple(sorted((one.at or {}).items()))


def estimate_lines(task: Task, compared: Sequence[Side]) -> list[EstimateLine]:
    """Every measure of everyone that any of the results holds, in the order of the first."""
    by_side = [
        {_key(one): one for one in side.result.estimates if one.subgroup is None}
        for side in compared
    ]
    keys = dict.fromkeys(key for found in by_side for key in found)
    return [
        EstimateLine(
            task.measure(measure),
            taken_at(task, dict(at)),
            [found.get((measure, at)) for found in by_side],
        )
        for measure, at in keys
    ]


@dataclass(frozen=True)
class DifferenceLine:
    """A measure with the difference of each other result to the first."""

    measure: Measure
    """With a scale around nought."""
    at: str
    differences: list[tuple[str, Difference]]
    """The letter of each, and its difference."""

    @property
    def differs(self) -> bool:
        """Whether an interval leaves out nought."""
        return any(is_apart(one) for _letter, one in self.differences)


def is_apart(one: Difference) -> bool:
    """Whether the interval of a difference leaves out nought."""
    return one.lower is not None and one.upper is not None and (one.lower > 0 or one.upper < 0)


def difference_lines(task: Task, comparison: Comparison) -> list[DifferenceLine]:
    """The differences measure by measure, in the order of the comparison."""
    grouped: dict[Key, list[Difference]] = {}
    for one in comparison.differences:
        grouped.setdefault(_key(one), []).append(one)
    return [
        DifferenceLine(
            replace(task.measure(measure), low=None, high=None, reference=0),
            taken_at(task, dict(at)),
            [(LETTERS[one.second], one) for one in found],
        )
        for (measure, at), found in grouped.items()
    ]


def input_differences(compared: Sequence[Side]) -> list[tuple[str, list[str]]]:
    """What the results were made from, where it is not the same: name, and words for each."""
    rows: list[tuple[str, list[str]]] = [
        (gettext("Dataset"), [side.evaluation.dataset.title for side in compared]),
        (gettext("Model version"), [str(side.evaluation.model_version) for side in compared]),
        (gettext("Engine"), [side.result.engine for side in compared]),
        (gettext("People"), [side.population for side in compared]),
    ]
    tables = [
        {name: table.sha256 for name, table in reference_tables(side.evaluation).items()}
        for side in compared
    ]
    for name in dict.fromkeys(name for one in tables for name in one):
        marks = [one.get(name, "") for one in tables]
        words = [f"SHA-256 {mark[:8]}…" if mark else gettext("none") for mark in marks]
        rows.append((gettext("Table “%(name)s”") % {"name": name}, words))
    return [(name, words) for name, words in rows if len(set(words)) > 1]
