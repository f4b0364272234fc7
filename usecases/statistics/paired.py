"""Differences between two models on the same people, with intervals that know the pairing.

Every difference is the second less the first. A difference of models that say the same of
everybody is 0, whatever the sample; one that merely shows no variation has no interval.
"""

from __future__ import annotations

import math

import numpy as np

from usecases.statistics.clustered import OBUCHOWSKI, clustered_variance
from usecases.statistics.disclosure import is_small
from usecases.statistics.quantity import (
    Quantity,
    normal_quantity,
    percentile_quantity,
    wilson_quantity,
)
from usecases.statistics.sorting import sorted_values

DELONG = "Difference of paired areas; DeLong covariance"
CLUSTERED_DELONG = f"Difference of paired areas; covariance of {OBUCHOWSKI}"
NEWCOMBE = "Difference of paired proportions; Newcombe's method 10"
SAME = "0 by definition, as both say the same of everyone"


def no_difference() -> Quantity:
    """The difference of two models that say the same of everyone."""
    return Quantity(SAME, 0.0, 0.0, 0.0, 0.0)


def gives_away(first: np.ndarray, second: np.ndarray, fewest: int) -> bool:
    """Whether a difference of proportions would give away how a few people were classified.

    With its interval, and the proportions themselves, it tells of how many both models say yes,
    of how many either one alone, and of how many neither. Each must be 0 or at least ``fewest``.

    Parameters
    ----------
    first, second : ndarray of bool, shape (people,)
        What the models say.
    fewest : int
        Rows that are surely of enough people; see ``disclosure.fewest_rows``.
    """
    cells = np.bincount(2 * first.astype(np.int64) + second, minlength=4)
    return any(is_small(int(count), fewest) for count in cells)


def auroc_difference(
    outcome: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    cluster: np.ndarray | None = None,
) -> Quantity:
    """Difference of two areas under ROC curves of the same people, ties counted half.

    Parameters
    ----------
    outcome : array of 0 and 1, shape (n,)
    first, second : array of float64, shape (n,)
        The scores of the models, on any scale; not NaN.
    cluster : array of int64, shape (n,), optional
        Number of the row's cluster (woman, patient), from 0, where some have several rows.

    Notes
    -----
    DeLong, DeLong & Clarke-Pearson, Biometrics 1988;44:837-845: the variance of the difference
    of the placement values, as ``roc.test(method = "delong", paired = TRUE)`` of R's pROC. With
    clusters those differences are summed by cluster: Obuchowski, Biometrics 1997;53:567-578.
    """
    happened = np.asarray(outcome).astype(bool, copy=False)
    method = DELONG if cluster is None else CLUSTERED_DELONG
    events = int(np.count_nonzero(happened))
    others = happened.size - events
    if not events or not others:
        return Quantity(method, unavailable="All people have the same outcome.")
    # Twice the number of people of the other outcome that each person wins against: integers.
    gained = _wins(happened, second) - _wins(happened, first)
    value = int(gained[happened].sum()) / (2 * events * others)
    if events < 2 or others < 2:
        return Quantity(f"{method}; no interval, as one group has a single person", value)
    placed = gained / np.where(happened, 2 * others, 2 * events)
    if cluster is not None:
        variance = clustered_variance(happened, np.asarray(cluster), placed, value)
        if variance is None:
            return Quantity(f"{method}; no interval, as one group has a single cluster", value)
    else:
        variance = sum(
            float(np.sum((placed[own] - value) ** 2)) / (size - 1) / size
            for own, size in ((happened, events), (~happened, others))
        )
    error = math.sqrt(max(0.0, variance))
    # What is left by rounding of no variation at all.
    error = error if error > 1e-12 else 0.0
    return normal_quantity(value, error, method, low=-1.0, high=1.0)


def _wins(happened: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Twice the people of the other outcome who are ranked rightly beside each; a tie is half.

    For a person with the event those with a lower score, for one without it those with a higher.
    """
    values = np.asarray(score, dtype=np.float64) + 0.0
    wins = np.empty(happened.size, dtype=np.int64)
    for own, sign in ((happened, 1), (~happened, -1)):
        rest = sorted_values(values[~own])
        mine = values[own]
        passed = np.searchsorted(rest, mine, "left") + np.searchsorted(rest, mine, "right")
        wins[own] = passed if sign > 0 else 2 * rest.size - passed
    return wins


def share_difference(first: np.ndarray, second: np.ndarray) -> Quantity:
    """Difference of two proportions of the same people.

    Parameters
    ----------
    first, second : ndarray of bool, shape (people,)

    Notes
    -----
    Method 10 of Newcombe, Statistics in Medicine 1998;17:2635-2650: Wilson's limits of either
    proportion, squared and added with the correlation between them, corrected for continuity.
    The standard error is that of the difference of paired means.
    """
    size = first.size
    if size == 0:
        return Quantity(NEWCOMBE, unavailable="Nobody to take the proportion of.")
    both = int(np.count_nonzero(first & second))
    only = int(np.count_nonzero(first & ~second)), int(np.count_nonzero(second & ~first))
    neither = size - both - sum(only)
    value = (only[1] - only[0]) / size
    one, other = (wilson_quantity(both + mine, size) for mine in only)
    correlation = _correlation(both, only[0], only[1], neither)
    down = _reach(_below(other), _above(one), correlation)
    up = _reach(_above(other), _below(one), correlation)
    error = math.sqrt(max(0.0, sum(only) - (only[1] - only[0]) ** 2 / size)) / size
    return Quantity(NEWCOMBE, value, max(-1.0, value - down), min(1.0, value + up), error)


def _correlation(both: int, first: int, second: int, neither: int) -> float:
    """Newcombe's phi: towards 0 by half a person where it is positive."""
    margins = (both + first, second + neither, both + second, first + neither)
    if 0 in margins:
        return 0.0
    product = float(both * neither - first * second)
    if product > 0:
        product = max(0.0, product - sum((both, first, second, neither)) / 2)
    return product / math.sqrt(math.prod(margins))


def _below(share: Quantity) -> float:
    return float(share.value or 0.0) - float(share.lower or 0.0)


def _above(share: Quantity) -> float:
    return float(share.upper or 0.0) - float(share.value or 0.0)


def _reach(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(0.0, one**2 + other**2 - 2 * correlation * one * other))


def influence_difference(
    value: float, influence: np.ndarray, method: str, *, low: float = -math.inf
) -> Quantity:
    """A difference with a normal interval from what each person adds to it.

    Parameters
    ----------
    value : float
    influence : ndarray, shape (people,)
        What each adds to the second estimate less what the same person adds to the first: the
        infinitesimal jackknife, whose squares add up to the variance.
    method : str
    low : float
        The end of the scale of differences; the other is minus that.
    """
    error = math.sqrt(float(np.sum(influence**2)))
    error = error if error > 1e-12 else 0.0
    return normal_quantity(value, error, method, low=low, high=-low)


def bootstrap_difference(
    value: float,
    first: np.ndarray,
    second: np.ndarray,
    method: str,
    *,
    shift: float = 0.0,
    low: float = -math.inf,
) -> Quantity:
    """A difference with the percentile interval of its replicates.

    Parameters
    ----------
    value : float
    first, second : ndarray, shape (replicates,)
        The replicates of either model, of the same draws.
    method : str
    shift : float
        Added to each replicate; see :func:`quantity.percentile_quantity`.
    low : float
        The end of the scale of differences; the other is minus that.
    """
    with np.errstate(invalid="ignore"):
        return percentile_quantity(value, second - first, method, shift=shift, low=low, high=-low)
