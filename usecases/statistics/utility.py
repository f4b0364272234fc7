"""Clinical utility: what acting on the risks gains at a threshold. A risk counts when p >= t."""

from __future__ import annotations

import math

import numpy as np

from usecases.statistics.quantity import Quantity, normal_quantity
from usecases.statistics.risks import RiskTable

NET_BENEFIT = "Net benefit, risk >= threshold; normal"
GRID = np.round(np.arange(1, 100) / 100, 2)
"""The 99 thresholds of a decision curve."""


def net_benefit(table: RiskTable, threshold: float) -> Quantity:
    """True positives less false positives at the threshold's odds, per person.

    The standard error is that of a mean over people: each counts 1, -odds or 0.
    Source: Vickers & Elkin, Medical Decision Making 2006;26:565-574; the same value as
    ``dcurves``.
    """
    true_positive, false_positive = table.at_or_above(np.asarray([threshold]))
    return net_benefit_of(int(true_positive[0]), int(false_positive[0]), table.total, threshold)


def net_benefit_of(
    true_positive: int, false_positive: int, people: int, threshold: float
) -> Quantity:
    """The same, from the counts."""
    odds = threshold / (1 - threshold)
    value = true_positive / people - odds * false_positive / people
    square = true_positive / people + odds**2 * false_positive / people
    error = math.sqrt(max(0.0, square - value**2) / (people - 1)) if people > 1 else math.nan
    return normal_quantity(value, error, NET_BENEFIT)


def net_benefit_treat_all(table: RiskTable, threshold: float) -> float:
    """Net benefit of treating everyone; treating nobody has 0."""
    share = table.total_events / table.total
    return share - (1 - share) * threshold / (1 - threshold)


def decision_curve(
    outcome: np.ndarray, risk: np.ndarray, thresholds: np.ndarray = GRID
) -> list[Quantity]:
    """:func:`net_benefit` at each threshold, in one pass over the people; same interval.

    Parameters
    ----------
    outcome : array of 0 and 1, shape (people,)
    risk : array of float64, shape (people,), in [0, 1]
    thresholds : array of float64, shape (thresholds,), ascending, between 0 and 1

    Returns
    -------
    list of Quantity
        One a threshold.
    """
    # How many thresholds lie at or below each risk: nothing has to be sorted.
    reached = np.searchsorted(thresholds, risk, side="right")
    size = thresholds.size + 1
    cells = np.bincount(reached + size * np.asarray(outcome, dtype=np.int64), minlength=2 * size)
    without, happened = cells.reshape(2, size)[:, ::-1].cumsum(axis=1)[:, -2::-1]
    return [
        net_benefit_of(true, false, risk.size, at)
        for true, false, at in zip(
            happened.tolist(), without.tolist(), thresholds.tolist(), strict=True
        )
    ]
