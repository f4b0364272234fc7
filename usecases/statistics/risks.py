"""Predicted risks and what happened, counted by distinct risk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from usecases.statistics.sorting import sorted_values

GROUPS = 1_000
"""Most groups that a bootstrap resamples; with no more distinct risks it is exact."""

_EDGE = 1e-6


@dataclass(frozen=True)
class RiskTable:
    """How many people with and without the event were given each risk.

    Attributes
    ----------
    risk : ndarray of float64, shape (distinct,)
        Ascending, in [0, 1].
    events, non_events : ndarray of int64, shape (distinct,)
        People with and without the event at that risk.
    """

    risk: np.ndarray
    events: np.ndarray
    non_events: np.ndarray

    @classmethod
    def of(cls, outcome: np.ndarray, risk: np.ndarray) -> RiskTable:
        """Count ``risk`` by ``outcome`` (0 or 1); both of shape (people,), in any order."""
        happened = np.asarray(outcome).astype(bool)
        values = np.asarray(risk, dtype=np.float64) + 0.0  # -0.0 becomes 0.0
        if happened.shape != values.shape or values.ndim != 1:
            raise ValueError(
                "outcome and risk must be one-dimensional and of equal length; "
                f"their shapes are {happened.shape} and {values.shape}."
            )
        if not np.all((values >= 0) & (values <= 1)):
            raise ValueError("Each risk must lie in [0, 1].")
        with_event, without = sorted_values(values[happened]), sorted_values(values[~happened])
        # A stable sort merges two sorted runs in one pass.
        merged = np.sort(np.concatenate((with_event, without)), kind="stable")
        first = np.ones(merged.size, dtype=bool)
        np.not_equal(merged[1:], merged[:-1], out=first[1:])
        distinct = merged[first]
        return cls(distinct, _counts(with_event, distinct), _counts(without, distinct))

    @cached_property
    def people(self) -> np.ndarray:
        """People at each risk, shape (distinct,)."""
        return self.events + self.non_events

    @cached_property
    def total_events(self) -> int:
        return int(self.events.sum())

    @cached_property
    def total_non_events(self) -> int:
        return int(self.non_events.sum())

    @property
    def total(self) -> int:
        return self.total_events + self.total_non_events

    @cached_property
    def linear_predictor(self) -> np.ndarray:
        """``logit(risk)``, shape (distinct,); see :func:`off_the_edge` for risks of 0 and 1."""
        return special.logit(off_the_edge(self.risk))

    @property
    def at_the_edge(self) -> int:
        """People with a risk of exactly 0 or 1, whose logit does not exist."""
        return int(self.people[(self.risk == 0) | (self.risk == 1)].sum())

    def at_or_above(self, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """People with and without the event whose risk is at or above each threshold."""
        start = np.searchsorted(self.risk, thresholds, side="left")
        above = [
            np.concatenate((np.cumsum(column[::-1])[::-1], [0]))[start]
            for column in (self.events, self.non_events)
        ]
        return above[0], above[1]

    def group_starts(self, cuts: Iterable[float] = (), limit: int = GROUPS) -> np.ndarray:
        """Where to cut the distinct risks into at most about ``limit`` groups of neighbours.

        Groups hold about equal numbers of people and of events; the highest and the lowest
        risks stay alone, because average precision and the largest calibration error depend
        on them; and a group never spans one of ``cuts``.
        """
        size = self.risk.size
        if size <= limit:
            return np.arange(size)
        at_cuts = np.searchsorted(self.risk, np.asarray(list(cuts), dtype=np.float64))
        share = max(1, (limit - at_cuts.size) * 2 // 5)
        edges = max(1, limit // 10)
        pieces = [np.arange(edges // 4), np.arange(size - edges, size), at_cuts]
        for column in (self.people, self.events):
            running = np.cumsum(column)
            pieces.append(
                np.searchsorted(running, np.arange(1, share) * (running[-1] / share), "right")
            )
        starts = np.unique(np.concatenate([[0], *pieces]))
        return starts[starts < size]

    def grouped(self, starts: np.ndarray) -> RiskTable:
        """The table with the risks from each start to the next replaced by their mean."""
        if starts.size == self.risk.size:
            return self
        people = np.add.reduceat(self.people, starts)
        mean = np.add.reduceat(self.risk * self.people, starts) / people
        return RiskTable(
            mean,
            np.add.reduceat(self.events, starts),
            np.add.reduceat(self.non_events, starts),
        )


def off_the_edge(risk: np.ndarray) -> np.ndarray:
    """``risk`` (ascending) with 0 and 1 moved to where a logit exists.

    0 becomes the smaller of one in a million and the smallest risk above 0; 1 likewise. Every
    other risk stays as it is, and the order is kept.
    """
    inner = risk[(risk > 0) & (risk < 1)]
    low = min(_EDGE, float(inner[0])) if inner.size else _EDGE
    high = max(1 - _EDGE, float(inner[-1])) if inner.size else 1 - _EDGE
    return np.clip(risk, low, high)


def _counts(values: np.ndarray, distinct: np.ndarray) -> np.ndarray:
    """How often each of ``distinct`` stands in ``values``; both sorted."""
    ends = np.searchsorted(values, distinct, side="right")
    return np.diff(ends, prepend=0)
