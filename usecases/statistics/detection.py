"""Which lesions do a detector's marks hit?

The rules of LUNA16's evaluation script (Setio et al., Medical Image Analysis 2017;42:1-13):

- of a case with more marks than allowed, those scoring strictly above the first one too many
  are used;
- a mark hits a lesion when its squared distance to the centre is strictly less than the square
  of the reach;
- of several marks on a lesion the best scoring one counts, the others are ignored;
- a mark on an excluded finding that hits no lesion is ignored;
- every other mark is a false positive.

A mark within reach of two lesions hits both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

UNKNOWN_DIAMETER_MM = 10.0
"""What a finding without a diameter counts as."""

_PAIRS = 2_000_000
"""Pairs of a lesion and a mark that are compared together."""


@dataclass(frozen=True)
class Lesions:
    """Lesions and excluded findings, in any order.

    Attributes
    ----------
    case : ndarray of int64, shape (lesions,)
        Number of the case, from 0.
    position : ndarray of float64, shape (lesions, 3)
        Centre, in mm.
    diameter : ndarray of float64, shape (lesions,)
        In mm; below 0 or NaN where it is not known.
    excluded : ndarray of bool, shape (lesions,)
        Findings that are neither to be found nor held against a detector.
    """

    case: np.ndarray
    position: np.ndarray
    diameter: np.ndarray
    excluded: np.ndarray

    def reach_in_radius(self) -> np.ndarray:
        """Radius in mm; half of 10 mm where the diameter is not known. Shape (lesions,)."""
        known = self.diameter >= 0
        return np.where(known, self.diameter, UNKNOWN_DIAMETER_MM) / 2


@dataclass(frozen=True)
class Marks:
    """A detector's marks, in any order: case (marks,), position (marks, 3) in mm, score."""

    case: np.ndarray
    position: np.ndarray
    score: np.ndarray

    def at(self, where: np.ndarray) -> Marks:
        return Marks(self.case[where], self.position[where], self.score[where])


@dataclass(frozen=True)
class Detections:
    """What was found: all that measures of detection follow from.

    The order is the same for the same rows in any order.

    Attributes
    ----------
    cases : int
    lesion_case : ndarray of int64, shape (lesions,)
        The case of each lesion that is not excluded.
    lesion_score : ndarray of float64, shape (lesions,)
        Its best mark; -inf where no mark hits it.
    lesion_diameter : ndarray of float64, shape (lesions,)
    false_case, false_score : ndarray, shape (false positives,)
    case_score : ndarray of float64, shape (cases,)
        The highest score of the case, ignored marks included; -inf for a case without marks.
    ignored, duplicates, shared, candidates_used : int
        Marks on excluded findings; second marks on a lesion; hits beyond the first of marks
        that hit several lesions; marks that took part. So hits + false positives + ignored +
        duplicates = candidates used + shared.
    """

    cases: int
    lesion_case: np.ndarray
    lesion_score: np.ndarray
    lesion_diameter: np.ndarray
    false_case: np.ndarray
    false_score: np.ndarray
    case_score: np.ndarray
    ignored: int
    duplicates: int
    shared: int
    candidates_used: int

    @property
    def lesions(self) -> int:
        return self.lesion_case.size

    @property
    def hits(self) -> int:
        return int(np.count_nonzero(self.lesion_score > -np.inf))

    @property
    def misses(self) -> int:
        return self.lesions - self.hits

    @property
    def false_positives(self) -> int:
        return self.false_case.size

    @property
    def lesions_per_case(self) -> np.ndarray:
        """Shape (cases,)."""
        return np.bincount(self.lesion_case, minlength=self.cases)

    def limit_at(self, point: float) -> float:
        """The score above which marks count where ``point`` false positives a case are allowed.

        That of the first false positive too many: with ties there, fewer are made. -inf where all
        marks count.
        """
        allowed = int(np.floor(round(point * self.cases, 9)))  # 0.29 of 100 cases is 29
        if allowed >= self.false_score.size:
            return -np.inf
        return float(self.false_score[allowed])


def used_marks(case: np.ndarray, score: np.ndarray, most: int) -> np.ndarray:
    """Which marks are used where a case may have at most ``most``.

    Of a case with more, those that score strictly above its mark number ``most`` + 1: with ties
    there, fewer than ``most`` are left.

    Returns
    -------
    ndarray of bool, shape (marks,)
    """
    order = np.lexsort((-score, case))
    cases, scores = case[order], score[order]
    start = np.flatnonzero(np.diff(cases, prepend=-1))
    size = np.diff(start, append=cases.size)
    limit = np.full(start.size, -np.inf)
    over = size > most
    limit[over] = scores[start[over] + most]
    used = np.empty(case.size, dtype=bool)
    used[order] = scores > np.repeat(limit, size)
    return used


def match(cases: int, lesions: Lesions, marks: Marks, reach: np.ndarray) -> Detections:
    """Match the marks that are used to lesions.

    Parameters
    ----------
    cases : int
    lesions : Lesions
    marks : Marks
        After :func:`used_marks`.
    reach : ndarray of float64, shape (lesions,)
        In mm: a mark closer to the centre than this hits the lesion.
    """
    case_score = np.full(cases, -np.inf)
    np.maximum.at(case_score, marks.case, marks.score)
    best = np.full(lesions.case.size, -np.inf)
    on_lesion = np.zeros(lesions.case.size, dtype=np.int64)  # marks that hit it
    hit = np.zeros(marks.case.size, dtype=np.int64)  # lesions that it hits
    on_excluded = np.zeros(marks.case.size, dtype=bool)
    for lesion, mark in _near(cases, lesions, marks, reach**2):
        kept = ~lesions.excluded[lesion]
        on_excluded[mark[~kept]] = True
        lesion, mark = lesion[kept], mark[kept]
        np.maximum.at(best, lesion, marks.score[mark])
        on_lesion += np.bincount(lesion, minlength=on_lesion.size)
        hit += np.bincount(mark, minlength=hit.size)
    included = np.flatnonzero(~lesions.excluded)
    keys = (lesions.diameter[included], best[included], lesions.case[included])
    included = included[np.lexsort(keys)]
    false = np.flatnonzero((hit == 0) & ~on_excluded)
    false = false[np.lexsort((marks.case[false], -marks.score[false]))]
    return Detections(
        cases=cases,
        lesion_case=lesions.case[included],
        lesion_score=best[included],
        lesion_diameter=lesions.diameter[included],
        false_case=marks.case[false],
        false_score=marks.score[false],
        case_score=case_score,
        ignored=int(np.count_nonzero(on_excluded & (hit == 0))),
        duplicates=int(np.sum(np.maximum(on_lesion - 1, 0))),
        shared=int(np.sum(np.maximum(hit - 1, 0))),
        candidates_used=marks.case.size,
    )


def _near(
    cases: int, lesions: Lesions, marks: Marks, squared: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pairs of a lesion and a mark within reach, in pieces: numbers of both."""
    by_case = np.argsort(marks.case, kind="stable")
    first = np.searchsorted(marks.case[by_case], np.arange(cases + 1))
    start, count = first[lesions.case], np.diff(first)[lesions.case]
    running = np.cumsum(count)
    # Sorted once, so that the marks of neighbouring lesions stand together.
    position = marks.position[by_case]
    at = 0
    while at < lesions.case.size:
        before = int(running[at] - count[at])
        end = max(at + 1, int(np.searchsorted(running, before + _PAIRS, side="right")))
        size = count[at:end]
        lesion = np.repeat(np.arange(at, end), size)
        within = np.arange(lesion.size) - np.repeat(running[at:end] - size - before, size)
        mark = np.repeat(start[at:end], size) + within
        distance = np.zeros(lesion.size)
        for axis in range(3):
            distance += (lesions.position[lesion, axis] - position[mark, axis]) ** 2
        near = distance < squared[lesion]
        yield lesion[near], by_case[mark[near]]
        at = end
