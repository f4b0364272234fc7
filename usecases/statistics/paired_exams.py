"""Two models' scores of the same exams: how recalls by the one differ from those by the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from usecases.statistics.operating_points import BOOTSTRAP, Exams, Point, Ranked
from usecases.statistics.paired import (
    auroc_difference,
    bootstrap_difference,
    gives_away,
    share_difference,
)
from usecases.statistics.quantity import Quantity

PROPORTIONS = ("sensitivity", "specificity", "recall_rate")
METHOD = f"Difference of paired proportions; {BOOTSTRAP}"


@dataclass(frozen=True)
class Model:
    """A model's exams by rank, with replicates of its measures by point."""

    exams: Exams
    ranked: Ranked
    drawn: dict[Point, dict[str, np.ndarray]]

    @classmethod
    def of(
        cls,
        exams: Exams,
        points: Sequence[Point],
        *,
        replicates: int,
        seed: int,
        tick: Callable[[float], None] = lambda fraction: None,
    ) -> Model:
        """Measure a model; the draws are those of every model of the same exams.

        Parameters
        ----------
        exams : Exams
            With both outcomes.
        points : sequence of Point
        replicates, seed : int
        tick : callable
            Called with the fraction done.
        """
        ranked = Ranked.of(exams, points)
        return cls(exams, ranked, ranked.replicates(exams, replicates, seed, tick, by_woman=True))

    def recalls(self, point: Point) -> np.ndarray:
        """Which exams are recalled, bool of shape (exams,)."""
        return self.ranked.step >= self.ranked.starts[point]

    def value(self, point: Point, name: str) -> float:
        """A measure of the exams as they are."""
        start = np.asarray([self.ranked.starts[point]])
        return float(self.ranked.exact.values(start)[name][0])


def area_difference(first: Exams, second: Exams) -> Quantity:
    """The difference of the areas under the ROC curves."""
    woman = first.woman if first.clustered else None
    return auroc_difference(first.outcome, first.score, second.score, woman)


def difference(first: Model, second: Model, point: Point, name: str) -> Quantity:
    """The difference of one of :data:`PROPORTIONS`.

    At a threshold, and where each woman has one exam, Newcombe's; where a share is held its
    threshold is found anew in each replicate, and a bootstrap draws women.
    """
    if point.kind == "threshold" and not first.exams.clustered:
        happened = first.exams.outcome.astype(bool)
        of, right = {
            "sensitivity": (happened, True),
            "specificity": (~happened, False),
            "recall_rate": (np.ones(happened.size, dtype=bool), True),
        }[name]
        return share_difference(*(model.recalls(point)[of] == right for model in (first, second)))
    return bootstrap_difference(
        second.value(point, name) - first.value(point, name),
        first.drawn[point][name],
        second.drawn[point][name],
        METHOD,
        low=-1.0,
    )


def may_be_told(first: Model, second: Model, point: Point, name: str, fewest: int) -> bool:
    """Whether a difference gives no few exams away; a recall rate tells of both outcomes."""
    happened = first.exams.outcome.astype(bool)
    sides = {"sensitivity": (happened,), "specificity": (~happened,)}.get(
        name, (happened, ~happened)
    )
    recalls = [model.recalls(point) for model in (first, second)]
    return not any(gives_away(recalls[0][of], recalls[1][of], fewest) for of in sides)
