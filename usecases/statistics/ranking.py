"""Scores on any scale that rank people: counted by rank, and the ROC curve on the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from usecases.statistics.risks import RiskTable

MOST_POINTS = 800


@dataclass(frozen=True)
class RankTable:
    """People with and without the event by score.

    Attributes
    ----------
    score : ndarray of float64, shape (distinct,)
        The different scores, ascending; the lowest may be -inf.
    table : RiskTable
        The same people by rank / distinct, a number in (0, 1].
    """

    score: np.ndarray
    table: RiskTable

    @classmethod
    def of(cls, outcome: np.ndarray, score: np.ndarray) -> RankTable:
        """Count ``score`` by ``outcome`` (0 or 1); both of shape (people,), in any order."""
        distinct, rank = np.unique(np.asarray(score, dtype=np.float64), return_inverse=True)
        return cls(distinct, RiskTable.of(outcome, (rank + 1) / max(1, distinct.size)))

    def rank_of(self, threshold: float) -> float:
        """The lowest rank whose score is at or above ``threshold``; above 1 where none is."""
        return (int(np.searchsorted(self.score, threshold)) + 1) / max(1, self.score.size)

    def cut(self, start: int) -> float | None:
        """A threshold that keeps the scores from number ``start`` on, and is nobody's own.

        None for the ends, where any score below the lowest, or above the highest, would do.
        """
        if not 0 < start < self.score.size or np.isneginf(self.score[start - 1]):
            return None
        return halfway(float(self.score[start - 1]), float(self.score[start]))

    def roc(self, starts: np.ndarray) -> dict[str, list[Any]]:
        """The ROC curve at ``starts``, numbers of the lowest score above, descending."""
        table = self.table
        starts = np.concatenate((starts, [0])).astype(np.int64)
        above = np.cumsum(table.events[::-1])[::-1], np.cumsum(table.non_events[::-1])[::-1]
        return {
            "threshold": [None, *(self.cut(int(start)) for start in starts)],
            "false_positive_rate": [0.0, *(above[1][starts] / table.total_non_events).tolist()],
            "sensitivity": [0.0, *(above[0][starts] / table.total_events).tolist()],
        }


def halfway(low: float, high: float) -> float:
    """A number above ``low`` and at most ``high``, with as few digits as that needs."""
    middle = low + (high - low) / 2
    for digits in range(2, 17):
        rounded = float(f"{middle:.{digits}g}")
        if low < rounded < high:
            return rounded
    return high
