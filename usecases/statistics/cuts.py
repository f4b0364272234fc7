"""At which cuts of the risks the people above are told of, so that no small count follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from usecases.statistics.disclosure import Steps, StepsOfRows
from usecases.statistics.discrimination import curve_starts
from usecases.statistics.risks import RiskTable
from usecases.statistics.utility import GRID

MOST_POINTS = 800
_ALL_RISKS = 5_000
"""Distinct risks up to which each is tried as a point of the ranking curves."""

Told = dict[float, tuple[bool, ...]]
"""By threshold, whether the numbers at or above it with, and without, the event are told."""


@dataclass(frozen=True)
class Cuts:
    """What every curve and estimate at a threshold of one result is allowed to be about.

    Between any two cuts lie no people with the event or at least ``fewest``, and likewise
    without it, whichever of the curves and estimates they come from.

    Attributes
    ----------
    thresholds : dict
        For the protocol's thresholds, which come first.
    tenths : ndarray of int
        Where groups start among the distinct risks: tenths of the people, fewer where people of
        one outcome are few.
    grid : ndarray of bool, shape (99,)
        Which thresholds of the decision curve's grid are told of.
    ranking : ndarray of int
        The cuts of the ROC curve, as indices of the lowest risk above; descending.
    """

    thresholds: Told
    tenths: np.ndarray
    grid: np.ndarray
    ranking: np.ndarray

    @classmethod
    def of(cls, table: RiskTable, thresholds: Iterable[float], fewest: int) -> Cuts:
        """Choose the cuts of ``table``: the protocol's, then tenths, the grid, and others.

        Parameters
        ----------
        table : RiskTable
        thresholds : iterable of float
        fewest : int
            Rows that are enough people: :func:`disclosure.fewest_rows`.
        """
        above = Above((table.events, table.non_events), fewest)
        told: Told = {}
        joint = []
        for threshold in thresholds:
            start = int(np.searchsorted(table.risk, threshold))
            told[threshold] = above.each(start)
            if told[threshold] == (True, True):
                joint.append(start)
        return cls.beside(table, told, joint, above)

    @classmethod
    def beside(
        cls,
        table: RiskTable,
        told: Told,
        joint: Sequence[int],
        above: Above,
        side: Literal["left", "right"] = "left",
    ) -> Cuts:
        """Add tenths, the grid and others to the thresholds that are told of already.

        Parameters
        ----------
        table : RiskTable
        told : dict
            The protocol's thresholds.
        joint : sequence of int
            The lowest risk above each threshold that all numbers are told of at.
        above : Above
            With those in it already.
        side : {"left", "right"}
            Whether a risk equal to a threshold counts as above it ("left") or not.
        """
        running = np.concatenate(([0], np.cumsum(table.people)))
        tenths = {0}
        for target in tenth_starts(table)[1:].tolist():
            if above.together(target):
                tenths.add(target)
                continue
            below = [abs(int(running[start] - running[target])) for start in joint]
            if below and min(below) <= table.total / 40:  # a threshold stands close by
                tenths.add(joint[int(np.argmin(below))])
        places = np.searchsorted(table.risk, GRID, side=side)
        grid = np.asarray([above.together(int(start)) for start in places])
        if table.risk.size <= _ALL_RISKS:
            others = np.arange(table.risk.size)[::-1]
        else:
            others = curve_starts(table, above.fewest, MOST_POINTS)
        kept = [int(start) for start in others if above.together(int(start))]
        ranking = np.unique([*kept, *tenths, *joint, *places[grid]])
        ranking = ranking[(ranking > 0) & (ranking < table.risk.size)][::-1]
        starts = np.asarray(sorted(tenths - {table.risk.size}))
        return cls(told, starts, grid, ranking)


def told_of(table: RiskTable, thresholds: Iterable[float], fewest: int) -> Told:
    """At which of ``thresholds`` people are told of, where there is nothing else."""
    above = Above((table.events, table.non_events), fewest)
    return {
        threshold: above.each(int(np.searchsorted(table.risk, threshold)))
        for threshold in thresholds
    }


def tenth_starts(table: RiskTable) -> np.ndarray:
    """Where tenths of the people by risk start among the distinct risks.

    Equal risks stay together, so tenths may be unequal, and fewer.
    """
    running = np.concatenate(([0], np.cumsum(table.people)))
    starts = np.unique(np.searchsorted(running, np.arange(10) * running[-1] / 10, side="left"))
    return starts[starts < table.risk.size]


def joint_starts(table: RiskTable, above: Above) -> np.ndarray:
    """Every cut that all kinds are told of, beside those that are; descending, for a curve."""
    size = table.risk.size
    spread = curve_starts(table, above.fewest, MOST_POINTS // 8)
    others = np.arange(size)[::-1] if size <= _ALL_RISKS else spread
    for start in (*spread.tolist(), *others.tolist()):
        above.together(int(start))
    fits = [
        start
        for start in range(1, size)
        if all(
            int(counts[start]) in steps
            for counts, steps in zip(above.counts, above.steps, strict=True)
        )
    ]
    return np.asarray(fits[::-1], dtype=np.int64)


class Above:
    """People of several kinds above a cut of the risks, let in one cut after the other.

    Parameters
    ----------
    columns : sequence of ndarray of int, each of shape (distinct,)
        People of each kind at each risk: those with the event, those without it.
    fewest : int
    persons : sequence of ndarray of int, optional
        Where people have several rows and ``columns`` count these: whose the rows of each kind
        are, from the highest down; then ``fewest`` are people.
    """

    def __init__(
        self,
        columns: Sequence[np.ndarray],
        fewest: int,
        persons: Sequence[np.ndarray] | None = None,
    ) -> None:
        self.fewest = fewest
        self.counts = [np.concatenate((np.cumsum(column[::-1])[::-1], [0])) for column in columns]
        self.steps: list[Steps] = []
        for index, counts in enumerate(self.counts):
            if persons is None:
                self.steps.append(Steps(int(counts[0]), fewest))
            else:
                self.steps.append(StepsOfRows(persons[index], fewest))

    def each(self, start: int) -> tuple[bool, ...]:
        """Let each kind in that fits."""
        fits = []
        for steps, counts in zip(self.steps, self.counts, strict=True):
            fits.append(steps.fits(int(counts[start])))
            if fits[-1]:
                steps.add(int(counts[start]))
        return tuple(fits)

    def together(self, start: int) -> bool:
        """Let all kinds in, where all fit."""
        return self.let_in([int(counts[start]) for counts in self.counts])

    def let_in(self, numbers: Sequence[int]) -> bool:
        """The same of numbers above a cut of other risks of the same people."""
        pairs = list(zip(self.steps, numbers, strict=True))
        fits = all(steps.fits(number) for steps, number in pairs)
        if fits:
            for steps, number in pairs:
                steps.add(number)
        return fits
