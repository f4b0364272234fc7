"""At which cuts of a detector's scores lesions are told of, so that none is of few cases.

A sensitivity times the lesions is a number of lesions. Those between any two cuts that are told of
lie in no case or in enough of them; a case with several lesions counts once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from usecases.statistics.binary import FEW_RISKS
from usecases.statistics.detection import Detections
from usecases.statistics.disclosure import StepsOfRows, hidden_parts, is_small, told_in_parts
from usecases.statistics.froc import FreeResponse
from usecases.statistics.ranking import RankTable

FEW_SCORES = FEW_RISKS
REPEATED = 4


@dataclass
class LesionCuts:
    """What is told of the lesions of some cases.

    Attributes
    ----------
    points : dict
        By false positives per case, whether the sensitivity there is told.
    all_marks : bool
        Whether it is told how many lesions all marks together find.
    mean : bool
        Whether the mean of the sensitivities is told beside those that are.
    grid : tuple of float
        Where the curve is drawn.
    steps : StepsOfRows
        What is told of; further cuts can be let in.
    """

    points: dict[float, bool]
    all_marks: bool
    steps: StepsOfRows
    mean: bool = True
    grid: tuple[float, ...] = ()
    hits: Mapping[float, tuple[int, int]] = field(default_factory=dict)
    """Of the points and the grid: see :func:`hits_at`."""

    @classmethod
    def of(
        cls,
        found: Detections,
        points: Sequence[float],
        smallest: int,
        *,
        grid: Sequence[float] = (),
        all_marks: bool | None = None,
    ) -> LesionCuts:
        """Let in all marks, the points (those near one false positive first), and the grid.

        Parameters
        ----------
        found : Detections
        points : sequence of float
            Operating points, in false positives per case.
        smallest : int
        grid : sequence of float
            Where else the curve could be drawn.
        all_marks : bool or None
            Whether all marks may be told of (default: what ``found`` alone allows).
        """
        hits = hits_at(found, [*points, *grid])
        first = cls._let_in(found, points, smallest, hits, all_marks)
        # One sensitivity less may keep the mean: the one farthest from one false positive.
        for without in (None, *(at for at in nearest(points)[::-1] if first.points[at])):
            cuts = cls._let_in(found, points, smallest, hits, all_marks, without)
            if cuts.mean:
                return cuts
        return first

    @classmethod
    def _let_in(
        cls,
        found: Detections,
        points: Sequence[float],
        smallest: int,
        hits: Mapping[float, tuple[int, int]],
        all_marks: bool | None,
        without: float | None = None,
    ) -> LesionCuts:
        """As :meth:`of`; the point ``without`` is not told, nor is the curve close to it."""
        steps = StepsOfRows(found.lesion_case[by_score(found)], smallest)
        whole = steps.fits(found.hits) and all_marks is not False
        if whole:
            steps.add(found.hits)
        near = (0, 0) if without is None else hits[without]

        def fits(at: float) -> bool:
            low, high = hits[at]
            if not whole and high == found.hits and found.misses and found.hits:
                return False
            if without is not None and low < near[1] + smallest and high > near[0] - smallest:
                return False
            return steps.fit(sorted({low, high}))

        told = {at: fits(at) for at in nearest(points)}
        drawn = []
        for at in sorted(hits):
            known = at in told or all(end in steps for end in hits[at])
            if told[at] if at in told else fits(at):
                drawn.append((at, known))
        cuts = cls({at: told[at] for at in points}, whole, steps, hits=hits)
        cuts.grid = _thinned(drawn, points)
        cuts.mean = cuts._mean_is_told(found.lesions, smallest)
        return cuts

    def _mean_is_told(self, lesions: int, smallest: int) -> bool:
        """Whether the sum of the hits that are not told leaves enough open.

        Each lies between those at its neighbours that are told; one alone would follow from the
        sum, and so would all of them from a sum near an end of what it can be.
        """
        unseen = [at for at, told in self.points.items() if not told]
        if not unseen:
            return True
        if len(unseen) == 1:
            return False
        known = sorted({*self.grid, *(at for at, told in self.points.items() if told)})
        below = above = 0.0
        for at in unseen:
            place = int(np.searchsorted(known, at))
            low = self.hits[known[place - 1]][0] if place else 0
            high = self.hits[known[place]][1] if place < len(known) else lesions
            value = sum(self.hits[at]) / 2
            below, above = below + value - low, above + high - value
        return min(below, above) >= smallest


def _thinned(drawn: Sequence[tuple[float, bool]], points: Sequence[float]) -> tuple[float, ...]:
    """The points and every new cut, and of places that repeat a cut one in :data:`REPEATED`."""
    kept, passed = [], 0
    for at, known in drawn:
        passed = passed + 1 if known and at not in points else 0
        if passed % REPEATED == 0:
            kept.append(at)
    return tuple(kept)


def nearest(points: Sequence[float]) -> list[float]:
    """Operating points in the order of what they matter.

    First that nearest to one false positive per case, then the lowest, which heads the estimates,
    then the others from one false positive outwards.
    """
    order = sorted(points, key=lambda at: (abs(math.log(at)), at))
    return list(dict.fromkeys([*order[:1], *sorted(points)[:1], *order]))


def by_score(found: Detections) -> np.ndarray:
    """Lesions from the highest score of a mark on them to the lowest, the missed ones last."""
    return np.lexsort((found.lesion_case, -found.lesion_score))


def hits_at(found: Detections, points: Sequence[float]) -> Mapping[float, tuple[int, int]]:
    """Between which two numbers of lesions found the curve is read at each point.

    They are the same but where marks that hit and false ones have one score: there the curve is
    a straight line from one to the other.
    """
    curve = FreeResponse.of(found).curve(np.ones((found.cases, 1)))
    total = np.concatenate(([0], np.rint(np.cumsum(curve.hits[:, 0])).astype(np.int64)))
    above, passed = curve.above[:, 0], curve.passed[:, 0]
    size = passed.size
    between = {}
    for at in points:
        limit = round(found.cases * at, 9)
        step = int(np.searchsorted(passed, limit, side="right"))
        low = high = int(total[min(step, size)])
        if step < size and passed[step] > above[step] and limit > above[step]:
            high = int(total[step + 1])
        between[at] = (low, high)
    return between


def few_scores(found: Detections, smallest: int) -> bool:
    """Whether areas and average precision could be solved for a few cases with one of the scores.

    That is so of a detector that gives only a few different scores.
    """
    lesions = np.unique(found.lesion_score, return_inverse=True)[1]
    if found.lesions and int(lesions.max()) < FEW_SCORES:
        cases = [
            np.unique(found.lesion_case[lesions == at]).size for at in range(lesions.max() + 1)
        ]
        if any(is_small(count, smallest) for count in cases):
            return True
    table = RankTable.of(found.lesions_per_case > 0, found.case_score).table
    return table.risk.size <= FEW_SCORES and any(
        is_small(int(count), smallest) for count in (*table.events, *table.non_events)
    )


def all_marks_in_groups(
    found: Detections, group: np.ndarray, groups: int, withheld: set[int], told: bool, smallest: int
) -> list[bool]:
    """Of which groups of cases it is told how many lesions all marks find.

    Parameters
    ----------
    found : Detections
        Of everyone.
    group : ndarray of int, shape (cases,)
    groups : int
    withheld : set of int
        Groups of which nothing is told.
    told : bool
        Whether it is told of everyone.
    smallest : int
    """
    hit = (found.lesion_score > -np.inf).astype(np.int64)
    shown = told_in_parts(
        group[found.lesion_case],
        1 + hit,
        found.lesion_case,
        [True, told, True],
        [index in withheld for index in range(groups)],
        smallest,
    )
    return [bool(row[1]) for row in shown]


def points_in_bands(
    found: Detections, bands: Sequence[np.ndarray], cuts: LesionCuts, smallest: int
) -> tuple[set[int], list[dict[float, bool]]]:
    """Which bands of lesions are withheld, and at which points the others are told of.

    Parameters
    ----------
    found : Detections
    bands : sequence of ndarray of bool, each of shape (lesions,)
        No lesion is in two of them.
    cuts : LesionCuts
        What is told of all lesions at the same points.
    smallest : int
    """
    band = np.full(found.lesions, len(bands), dtype=np.int64)
    for index, mask in enumerate(bands):
        band[mask] = index
    withheld = hidden_parts(band, found.lesion_case, len(bands) + 1, smallest)
    told = [at for at, fits in cuts.points.items() if fits]
    ends = sorted({0, found.lesions, *(end for at in told for end in cuts.hits[at])}, reverse=True)
    order = by_score(found)
    number = np.empty(found.lesions, dtype=np.int64)
    number[order] = np.arange(found.lesions)
    place = np.searchsorted(-np.asarray(ends), -number, side="left")
    shown = told_in_parts(
        band,
        place,
        found.lesion_case,
        [True] * len(ends),
        [index in withheld for index in range(len(bands) + 1)],
        smallest,
        [
            column
            for column in dict.fromkeys(
                ends.index(end) for at in nearest(told) for end in cuts.hits[at]
            )
            if 0 < column < len(ends) - 1
        ],
    )
    points = [
        {
            at: fits and all(shown[index, ends.index(end)] for end in cuts.hits[at])
            for at, fits in cuts.points.items()
        }
        for index in range(len(bands))
    ]
    return withheld, points
