"""Who is flagged at a threshold, and who of them has the event. A risk counts when p >= t."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usecases.statistics.quantity import Quantity, wilson_quantity
from usecases.statistics.risks import RiskTable

PROPORTIONS = ("sensitivity", "specificity", "ppv", "npv")


@dataclass(frozen=True)
class Confusion:
    """The four counts at one threshold."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def parts(self) -> dict[str, tuple[int, int]]:
        """Count and total of each proportion."""
        return {
            "sensitivity": (self.true_positive, self.true_positive + self.false_negative),
            "specificity": (self.true_negative, self.true_negative + self.false_positive),
            "ppv": (self.true_positive, self.true_positive + self.false_positive),
            "npv": (self.true_negative, self.true_negative + self.false_negative),
        }

    def proportion(self, name: str) -> Quantity:
        """``name`` of :data:`PROPORTIONS` with Wilson's interval."""
        return wilson_quantity(*self.parts[name])


def confusions(table: RiskTable, thresholds: np.ndarray) -> list[Confusion]:
    """The counts at each threshold."""
    above = table.at_or_above(thresholds)
    return [
        Confusion(
            int(true),
            int(false),
            table.total_events - int(true),
            table.total_non_events - int(false),
        )
        for true, false in zip(*above, strict=True)
    ]


def proportions_of_counts(
    true_positive: np.ndarray,
    false_positive: np.ndarray,
    events: np.ndarray,
    non_events: np.ndarray,
) -> dict[str, np.ndarray]:
    """Each proportion for rows of counts; NaN where there is nobody to take it of."""
    negative = events - true_positive, non_events - false_positive
    return {
        "sensitivity": _share(true_positive, events),
        "specificity": _share(negative[1], non_events),
        "ppv": _share(true_positive, true_positive + false_positive),
        "npv": _share(negative[1], negative[0] + negative[1]),
    }


def _share(count: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.divide(count, total, out=np.full(count.shape, np.nan), where=total > 0)
