"""Does a model rank people with the event above people without it?"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from usecases.statistics.quantity import Quantity, normal_quantity
from usecases.statistics.risks import RiskTable
from usecases.statistics.sorting import sorted_values

DELONG = "DeLong"
_ONE_THREAD = 1 << 17
"""Values below which a second thread costs more than it saves."""


def auroc(outcome: np.ndarray, score: np.ndarray) -> Quantity:
    """Area under the ROC curve, ties counted half, with DeLong's standard error.

    The scores are split by outcome and each half is sorted by value, which is many times faster
    than the argsort of all scores; the smaller half is then looked up in the larger one.
    The counts are integers, so the area is exact to the last division.

    Parameters
    ----------
    outcome : array of 0 and 1, shape (n,)
    score : array of float64, shape (n,)
        Any scale; not NaN.

    Returns
    -------
    Quantity
        The interval is value ± 1.96 se, cut to [0, 1], as in ``pROC::ci.auc``.

    Notes
    -----
    DeLong, DeLong & Clarke-Pearson, Biometrics 1988;44:837-845, through ranks as in Sun & Xu,
    IEEE Signal Processing Letters 2014;21:1389-1393.
    """
    happened = np.asarray(outcome).astype(bool, copy=False)
    values = np.asarray(score, dtype=np.float64)
    halves = values[happened], values[~happened]
    if not halves[0].size or not halves[1].size:
        return Quantity(DELONG, unavailable="All people have the same outcome.")
    few_are_events = halves[0].size <= halves[1].size
    few, many = halves if few_are_events else halves[::-1]
    few, *parts = _sorted_parts(few, many)
    first = np.flatnonzero(np.concatenate(([True], few[1:] != few[:-1])))
    counts = np.diff(first, append=few.size)
    distinct = few[first]
    below = np.zeros(distinct.size, dtype=np.int64)
    through = np.zeros(distinct.size, dtype=np.int64)
    for part in parts:
        below += np.searchsorted(part, distinct, side="left")
        through += np.searchsorted(part, distinct, side="right")
    return _delong(counts, below, through, many.size, few_are_events)


def auroc_of_table(table: RiskTable) -> Quantity:
    """The same as :func:`auroc`, from people counted by risk."""
    if not table.total_events or not table.total_non_events:
        return Quantity(DELONG, unavailable="All people have the same outcome.")
    through = np.cumsum(table.non_events)
    return _delong(table.events, through - table.non_events, through, table.total_non_events, True)


def _sorted_parts(few: np.ndarray, many: np.ndarray) -> list[np.ndarray]:
    """``few`` sorted, then one or two sorted parts of ``many``; a part for each processor."""
    if many.size < _ONE_THREAD or (os.cpu_count() or 1) < 2:
        return [sorted_values(few), sorted_values(many)]
    middle = (few.size + many.size) // 2  # the first thread sorts few as well
    with ThreadPoolExecutor(2) as pool:  # a sort lets other threads run
        rest = pool.submit(sorted_values, many[:middle])
        return [sorted_values(few), sorted_values(many[middle:]), rest.result()]


def _delong(
    counts: np.ndarray, below: np.ndarray, through: np.ndarray, size: int, of_events: bool
) -> Quantity:
    """AUROC and its standard error from ranks.

    ``counts`` people of one outcome hold each of some ascending scores; of the ``size`` people
    of the other outcome, ``below`` hold less than that score, and ``through`` at most that.
    """
    group = int(counts.sum())
    doubled = int(np.dot(counts, below + through))
    if not of_events:
        doubled = 2 * group * size - doubled
    value = doubled / (2 * group * size)
    if group < 2 or size < 2:
        return Quantity(f"{DELONG}; no interval, as one group has a single person", value)
    centre = value if of_events else 1 - value
    own = (below + through) / (2 * size)
    own_variance = float(np.sum(counts * (own - centre) ** 2)) / (group - 1)
    # The others: those equal to a score, those between two scores, those above the last.
    passed = np.cumsum(counts)
    tied = through - below
    between = below - np.concatenate(([0], through[:-1]))
    squares = (
        float(np.sum(tied * ((passed - counts / 2) / group - (1 - centre)) ** 2))
        + float(np.sum(between * ((passed - counts) / group - (1 - centre)) ** 2))
        + float((size - through[-1]) * centre**2)
    )
    other_variance = squares / (size - 1)
    error = math.sqrt(own_variance / group + other_variance / size)
    return normal_quantity(value, error, DELONG, low=0.0, high=1.0)


def auroc_of_counts(events: np.ndarray, non_events: np.ndarray) -> np.ndarray:
    """AUROC of each row of counts; both of shape (rows, risks), risks ascending."""
    through = np.cumsum(non_events, axis=-1)
    doubled = np.sum(events * (2 * through - non_events), axis=-1, dtype=np.float64)
    pairs = 2.0 * events.sum(axis=-1) * through[..., -1]
    return np.divide(doubled, pairs, out=np.full(doubled.shape, np.nan), where=pairs > 0)


def average_precision_of_counts(events: np.ndarray, non_events: np.ndarray) -> np.ndarray:
    """Average precision of each row of counts; both of shape (..., risks), risks ascending.

    The step definition of ``sklearn.metrics.average_precision_score``: the sum over distinct
    risks, from the highest, of the gain in recall times the precision reached.
    """
    found = np.cumsum(events[..., ::-1], axis=-1)
    flagged = found + np.cumsum(non_events[..., ::-1], axis=-1)
    precision = np.divide(
        found, flagged, out=np.zeros(found.shape, dtype=np.float64), where=flagged > 0
    )
    weighted = np.sum(events[..., ::-1] * precision, axis=-1)
    total = found[..., -1].astype(np.float64)
    return np.divide(weighted, total, out=np.full(weighted.shape, np.nan), where=total > 0)


def curve_starts(table: RiskTable, fewest: int, most: int) -> np.ndarray:
    """Which distinct risks, as indices, to keep as points of a ROC or precision-recall curve.

    Between two points, and beyond the first and the last, are at least ``fewest`` people, and
    there are at most ``most`` points; kept points are exact.
    """
    at_or_above = np.cumsum(table.people[::-1])[::-1]
    spacing = max(fewest, math.ceil(table.total / max(1, most)))
    kept: list[int] = []
    reached = 0
    # Jumps from point to point, not over every risk.
    upwards = at_or_above[::-1]
    while True:
        position = int(np.searchsorted(upwards, reached + spacing, side="left"))
        if position >= upwards.size or table.total - int(upwards[position]) < fewest:
            break
        reached = int(upwards[position])
        kept.append(table.risk.size - 1 - position)
    return np.asarray(kept, dtype=np.int64)
