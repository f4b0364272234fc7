"""The area under the ROC curve over bootstrap samples of people, exactly."""

from __future__ import annotations

import numpy as np

from usecases.statistics.quantity import Quantity, percentile_quantity
from usecases.statistics.resampling import CHUNK, PEOPLE, generator
from usecases.statistics.risks import RiskTable

METHOD = "AUROC; percentile bootstrap of people"


def auroc_replicates(table: RiskTable, *, replicates: int, seed: int) -> np.ndarray:
    """AUROC, ties counted half, of ``replicates`` samples of people with replacement.

    The people are put in the order of their risks once; a sample is then how often each was
    drawn, and its area a running sum. No risk is grouped and nothing is sorted again.

    Parameters
    ----------
    table : RiskTable
        With people of both outcomes.
    replicates : int
    seed : int
        The same seed gives the same samples.

    Returns
    -------
    ndarray of float64, shape (replicates,)
        NaN for a sample with people of one outcome only.
    """
    people = table.total
    last = np.cumsum(table.people)
    # Within a risk, people with the event come first.
    first_of_risk = last - table.people
    starts = np.repeat(first_of_risk, table.events)
    ends = np.repeat(last, table.events)
    place = np.arange(table.total_events) - np.repeat(
        np.cumsum(table.events) - table.events, table.events
    )
    happened = starts + place
    without = np.ones(people, dtype=bool)
    without[happened] = False
    areas = np.empty(replicates)
    below = np.zeros(people + 1, dtype=np.int64)
    for first in range(0, replicates, CHUNK):
        random = generator(seed, PEOPLE, first // CHUNK)
        for replicate in range(first, min(first + CHUNK, replicates)):
            drawn = random.integers(people, size=people, dtype=np.int32)
            times = np.bincount(drawn, minlength=people)
            np.cumsum(times * without, out=below[1:])
            events = times[happened]
            pairs = 2 * int(events.sum()) * int(below[-1])
            area = float(events @ (below[starts] + below[ends]))
            areas[replicate] = area / pairs if pairs else np.nan
    return areas


def auroc_bootstrap(table: RiskTable, *, replicates: int = 1000, seed: int) -> Quantity:
    """AUROC with the percentile interval of :func:`auroc_replicates`.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    if not table.total_events or not table.total_non_events:
        return Quantity(METHOD, unavailable="All people have the same outcome.")
    through = np.cumsum(table.non_events)
    doubled = int(table.events @ (2 * through - table.non_events))
    value = doubled / (2 * table.total_events * table.total_non_events)
    return percentile_quantity(
        value, auroc_replicates(table, replicates=replicates, seed=seed), METHOD
    )
