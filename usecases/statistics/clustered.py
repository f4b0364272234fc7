"""Area under the ROC curve where people are in the data several times."""

from __future__ import annotations

import math

import numpy as np

from usecases.statistics.discrimination import auroc
from usecases.statistics.quantity import Quantity, normal_quantity

OBUCHOWSKI = "DeLong for clustered data (Obuchowski)"


def clustered_auroc(outcome: np.ndarray, score: np.ndarray, cluster: np.ndarray) -> Quantity:
    """AUROC, ties counted half, with a standard error that respects clusters.

    Parameters
    ----------
    outcome : array of 0 and 1, shape (n,)
    score : array of float64, shape (n,)
        Any scale; not NaN.
    cluster : array of int64, shape (n,)
        Number of the row's cluster (woman), from 0. A cluster may hold both outcomes.

    Returns
    -------
    Quantity
        With clusters of one row each the standard error is DeLong's.

    Notes
    -----
    Obuchowski, Biometrics 1997;53:567-578: the placement values of DeLong, summed by cluster.
    """
    happened = np.asarray(outcome).astype(bool, copy=False)
    values, number = np.asarray(score, dtype=np.float64), np.asarray(cluster)
    plain = auroc(happened, values)
    if plain.value is None:
        return Quantity(OBUCHOWSKI, unavailable=plain.unavailable)
    placed = np.empty(happened.size)
    for own, other in ((happened, ~happened), (~happened, happened)):
        rest = np.sort(values[other])
        mine = values[own]
        below = np.searchsorted(rest, mine, side="left")
        through = np.searchsorted(rest, mine, side="right")
        won = (below + through) / (2 * rest.size)
        placed[own] = won if own is happened else 1 - won
    variance = clustered_variance(happened, number, placed, plain.value)
    if variance is None:
        return Quantity(
            f"{OBUCHOWSKI}; no interval, as one group has a single cluster", plain.value
        )
    error = math.sqrt(max(0.0, variance))
    return normal_quantity(plain.value, error, OBUCHOWSKI, low=0.0, high=1.0)


def clustered_variance(
    happened: np.ndarray, cluster: np.ndarray, placed: np.ndarray, mean: float
) -> float | None:
    """The variance of a mean of placement values, or of differences of them, by cluster.

    Parameters
    ----------
    happened : ndarray of bool, shape (n,)
    cluster : ndarray of int64, shape (n,)
    placed : ndarray of float64, shape (n,)
        Of each row, the share of the rows of the other outcome that are ranked rightly beside it.
    mean : float
        Of ``placed``, the same in either outcome: the area.

    Returns
    -------
    float or None
        None where all rows of an outcome are of one cluster.
    """
    size = int(cluster.max()) + 1
    parts = []
    for own in (happened, ~happened):
        count = np.bincount(cluster[own], minlength=size)
        total = np.bincount(cluster[own], weights=placed[own], minlength=size)
        parts.append((total - count * mean, int(np.count_nonzero(count)), int(count.sum())))
    (events, event_clusters, event_rows), (others, other_clusters, other_rows) = parts
    if event_clusters < 2 or other_clusters < 2:
        return None
    clusters = np.unique(cluster).size
    return (
        event_clusters / (event_clusters - 1) * float(np.sum(events**2)) / event_rows**2
        + other_clusters / (other_clusters - 1) * float(np.sum(others**2)) / other_rows**2
        + 2 * clusters / (clusters - 1) * float(np.sum(events * others)) / (event_rows * other_rows)
    )
