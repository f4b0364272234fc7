"""Two detectors on the same cases: how many lesions the one finds beyond the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from usecases.statistics.detection import Detections
from usecases.statistics.disclosure import is_small
from usecases.statistics.froc import BOOTSTRAP, FreeResponse, drawn_cases, ratio
from usecases.statistics.paired import auroc_difference, bootstrap_difference
from usecases.statistics.quantity import Quantity
from usecases.statistics.resampling import CHUNK

SENSITIVITY = "Difference of shares of the same lesions, read off the free-response curves"
CPM = "Difference of the mean sensitivities at the operating points"
NOTHING = "Nothing to take the share of."


@dataclass(frozen=True)
class Detector:
    """A detector's sensitivity at each operating point, with replicates.

    ``value`` has the shape (points,), ``drawn`` (replicates, points).
    """

    found: Detections
    points: tuple[float, ...]
    value: np.ndarray
    drawn: np.ndarray

    @classmethod
    def of(
        cls,
        found: Detections,
        points: Sequence[float],
        *,
        replicates: int,
        seed: int,
        tick: Callable[[float], None] = lambda fraction: None,
    ) -> Detector:
        """Measure a detector; the draws are those of every detector on as many cases.

        Parameters
        ----------
        found : Detections
            With at least one lesion.
        points : sequence of float
            False positives per case.
        replicates, seed : int
        tick : callable
            Called with the fraction done.
        """
        response = FreeResponse.of(found)

        def read(weights: np.ndarray) -> np.ndarray:
            curve = response.curve(weights)
            return ratio(curve.read(points)[0], curve.lesions[:, np.newaxis])

        drawn = []
        for chunk, start in enumerate(range(0, replicates, CHUNK)):
            size = min(CHUNK, replicates - start)
            drawn.append(read(drawn_cases(found.cases, size, seed, chunk)))
            tick((start + size) / replicates)
        value = read(np.ones((found.cases, 1)))[0]
        return cls(found, tuple(points), value, np.concatenate(drawn))

    def hits(self, point: float) -> np.ndarray:
        """Lesions found in each case where ``point`` false positives a case are allowed."""
        found = self.found.lesion_score > self.found.limit_at(point)
        return np.bincount(self.found.lesion_case[found], minlength=self.found.cases)


def sensitivity_difference(first: Detector, second: Detector, point: float) -> Quantity:
    """The difference of the shares of lesions found at an operating point."""
    at = first.points.index(point)
    return _difference(
        float(first.value[at]),
        float(second.value[at]),
        first.drawn[:, at],
        second.drawn[:, at],
        SENSITIVITY,
    )


def cpm_difference(first: Detector, second: Detector) -> Quantity:
    """The difference of the means of the sensitivities."""
    size = len(first.points)
    values = [float(np.sum(model.value)) / size for model in (first, second)]
    drawn = [np.sum(model.drawn, axis=1) / size for model in (first, second)]
    return _difference(values[0], values[1], drawn[0], drawn[1], CPM)


def case_auroc_difference(first: Detections, second: Detections) -> Quantity:
    """The difference of the areas under the ROC curves of the cases' highest scores.

    Cases without a mark rank below all others, and tie with each other.
    """
    return auroc_difference(first.lesions_per_case > 0, first.case_score, second.case_score)


def may_be_told(first: Detector, second: Detector, point: float, fewest: int) -> bool:
    """Whether a difference gives no few cases away: those in which one detector finds more."""
    more = first.hits(point), second.hits(point)
    return not any(
        is_small(int(np.count_nonzero(where)), fewest)
        for where in (more[0] > more[1], more[1] > more[0])
    )


def _difference(
    first: float, second: float, drawn: np.ndarray, others: np.ndarray, method: str
) -> Quantity:
    words = f"{method}; paired {BOOTSTRAP}"
    if np.isnan(first) or np.isnan(second):
        return Quantity(words, unavailable=NOTHING)
    return bootstrap_difference(second - first, drawn, others, words, low=-1.0)
