"""How often, of two people, the one given the higher risk has the event first: C."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from usecases.statistics.quantity import Quantity, normal_quantity
from usecases.statistics.survival import EVENT, FollowUp
from usecases.statistics.time_dependent import ROUNDING, Weighted

HARRELL = "Harrell's C truncated at the horizon, deaths censored; infinitesimal jackknife"
UNO = "Uno's C truncated at the horizon, weights n/G\N{SUPERSCRIPT TWO}; infinitesimal jackknife"
NO_EVENT = "Nobody has the event by the horizon."
NO_PAIRS = "No two people can be compared: nobody was followed past somebody's event."

NOT_ASKED = "It was not asked for."
_LEAF = 8
"""People in a stretch of time that is no longer halved: there every two meet."""


@dataclass(frozen=True)
class Concordance:
    """Pairs of an event by the horizon and somebody followed past it, by their risks."""

    concordant: int
    discordant: int
    tied: int
    harrell: Quantity
    uno: Quantity


def concordance(follow: FollowUp, *, uno: bool = True) -> Concordance:
    """Harrell's and Uno's C with their standard errors, in O(n log n).

    A pair counts when one has the event by the horizon and the other is followed longer, or is
    censored at that very time; equal risks count half.

    Parameters
    ----------
    follow : FollowUp
        Deaths count as censored.
    uno : bool
        Whether to find Uno's C as well.

    Notes
    -----
    As ``concordance(Surv(time, status) ~ risk, ymax = horizon, reverse = TRUE)`` of R's
    survival, with ``timewt = "n"`` and ``"n/G2"``; the standard error takes the time weights as
    known, as there. Harrell et al., JAMA 1982;247:2543-2546; Uno et al., Statistics in Medicine
    2011;30:1105-1117. Therneau & Atkinson, "Concordance", vignette of survival.

    The pairs are counted by halving: of people sorted by risk, those in the earlier half of the
    time meet those in the later half in one cumulative sum, and both halves are halved again.
    """
    follow = follow.deaths_censored
    event = follow.event == EVENT
    if not event.any():
        missing = [Quantity(method, unavailable=NO_EVENT) for method in (HARRELL, UNO)]
        return Concordance(0, 0, 0, *missing)
    weights = [event.astype(np.int32)]
    if uno:
        weights.append(np.where(event, follow.censoring.weight, 0.0) ** 2)
    pairs = _pairs(follow, event, weights)
    concordant, discordant, tied = (int(np.sum(count)) for count in pairs.later)
    return Concordance(
        concordant,
        discordant,
        tied,
        _index(pairs, 0, weights[0], HARRELL),
        _index(pairs, 1, weights[1], UNO) if uno else Quantity(UNO, unavailable=NOT_ASKED),
    )


@dataclass(frozen=True)
class _Pairs:
    """The pairs that each person is in: concordant, discordant and tied, each of (people,).

    Attributes
    ----------
    later
        For a person with the event: those followed longer with a lower risk, a higher, the same.
    earlier
        For each kind of weight, the weights of the earlier events with a higher risk than the
        person's, a lower, the same.
    """

    later: tuple[np.ndarray, np.ndarray, np.ndarray]
    earlier: list[tuple[np.ndarray, np.ndarray, np.ndarray]]


def concordance_influence(follow: FollowUp) -> tuple[Weighted | str, Weighted | str]:
    """Harrell's and Uno's C with what each person adds to them, or why there is none.

    The influences are those whose squares add up to the variance of :func:`concordance`.
    """
    follow = follow.deaths_censored
    event = follow.event == EVENT
    if not event.any():
        return (NO_EVENT, NO_EVENT)
    weights = [event.astype(np.int32), np.where(event, follow.censoring.weight, 0.0) ** 2]
    pairs = _pairs(follow, event, weights)
    found = (_summed_pairs(pairs, kind, own) for kind, own in enumerate(weights))
    harrell, uno = (NO_PAIRS if one is None else Weighted(one[0], one[1] / one[2]) for one in found)
    return harrell, uno


def _index(pairs: _Pairs, kind: int, own: np.ndarray, method: str) -> Quantity:
    found = _summed_pairs(pairs, kind, own)
    if found is None:
        return Quantity(method, unavailable=NO_PAIRS)
    value, surplus, total = found
    error = math.sqrt(float(np.sum(surplus**2))) / total
    error = error if error > ROUNDING else 0.0
    return normal_quantity(value, error, method, low=0.0, high=1.0)


def _summed_pairs(
    pairs: _Pairs, kind: int, own: np.ndarray
) -> tuple[float, np.ndarray, float] | None:
    """C, each person's pairs won beyond it, and the number of pairs; None without any."""
    concordant, discordant, tied = (
        own * later + earlier
        for later, earlier in zip(pairs.later, pairs.earlier[kind], strict=True)
    )
    all_pairs = concordant + discordant + tied
    total = float(np.sum(all_pairs)) / 2  # each pair stands with both of its people
    if total == 0:
        return None
    good = concordant + tied / 2
    value = min(1.0, float(np.sum(good)) / 2 / total)
    return value, good - value * all_pairs, total


def _pairs(follow: FollowUp, event: np.ndarray, weights: list[np.ndarray]) -> _Pairs:
    size, places = follow.people, np.arange(follow.people)
    by_risk, rank = follow.by_risk, follow.risk_rank
    # People stand by time, events first, high risks first: so those after a person with an
    # event are its pairs, but for the other events of the same time. These are a block.
    block = _runs(follow.point * 2 + ~event)
    cell = _runs(rank, block.start)
    # The same risk: by risk, then by place.
    same = _runs(rank[by_risk])
    same_cell = _runs(rank[by_risk], block.start[by_risk])
    last = int(np.flatnonzero(event)[-1]) + 1
    # The same risks from the latest place to the first, as _halved wants them.
    order = by_risk[same.start + same.end - 1 - places]
    lower_later, lower_earlier = _counted(order, weights, last)
    reach = np.empty((2, size), dtype=np.int64)
    reach[0, by_risk] = same.end - same_cell.end
    reach[1, by_risk] = same.end - 1 - places
    lower_later -= reach[1] + (block.end - cell.end)
    later = lower_later, size - block.end - lower_later - reach[0], reach[0]
    start = np.where(event, block.start, places)
    same_start = np.where(event[by_risk], same_cell.start, places)
    earlier = []
    for weight, lower in zip(weights, lower_earlier, strict=True):
        running = _summed(weight[by_risk])
        tied = np.empty_like(running[1:])
        tied[by_risk] = running[same_start] - running[same.start]
        earlier.append((_summed(weight)[start] - lower - tied, lower, tied))
    return _Pairs((later[0] * event, later[1] * event, later[2] * event), earlier)


def _summed(weight: np.ndarray) -> np.ndarray:
    """Sums of the weights before each place, and of all; integers stay integers."""
    kind = np.int64 if weight.dtype.kind == "i" else np.float64
    sums = np.zeros(weight.size + 1, dtype=kind)
    np.cumsum(weight, out=sums[1:])
    return sums


@dataclass(frozen=True)
class _Runs:
    """Where the run of equal neighbours that each place is in starts and ends."""

    start: np.ndarray
    end: np.ndarray


def _runs(*keys: np.ndarray) -> _Runs:
    fresh = np.zeros(keys[0].size, dtype=bool)
    fresh[0] = True
    for key in keys:
        fresh[1:] |= key[1:] != key[:-1]
    first = np.flatnonzero(fresh)
    number = np.cumsum(fresh) - 1
    return _Runs(first[number], np.append(first[1:], fresh.size)[number])


def _counted(
    order: np.ndarray, weights: list[np.ndarray], last: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """As :func:`_halved`; from ``last`` on no place has a weight, so one sum serves them all."""
    if last == order.size:
        return _halved(order, weights)
    in_reach = order < last
    near, far = np.flatnonzero(in_reach), np.flatnonzero(~in_reach)
    inner = order[near]
    later, reached = _halved(inner, [weight[:last] for weight in weights])
    full_later = np.zeros(order.size, dtype=np.int64)
    full_later[:last] = later
    full_later[inner] += near - np.arange(near.size)  # those beyond, of lower risk
    earlier = []
    for weight, sums in zip(weights, reached, strict=True):
        running = _summed(weight[inner])
        full = np.empty(order.size, dtype=running.dtype)
        full[:last] = sums
        full[order[far]] = running[far - np.arange(far.size)]
        earlier.append(full)
    return full_later, earlier


def _halved(
    rank_order: np.ndarray, weights: list[np.ndarray]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Count, for each place in time, later places earlier in an order, and weights of earlier.

    Parameters
    ----------
    rank_order : ndarray of int, shape (places,)
        The places 0, 1, ... from the lowest risk to the highest; of equal risks the latest first.
    weights : list of ndarray, each of shape (places,)

    Returns
    -------
    later : ndarray of int64, shape (places,)
        How many later places stand before this one in ``rank_order``.
    earlier : list of ndarray, each of shape (places,)
        The sum of each kind of weight over the earlier places that stand before this one.
    """
    size = rank_order.size
    levels = max(0, int(np.ceil(np.log2(size / _LEAF))))
    leaf = -(-size // (1 << levels))
    full = leaf << levels
    # Empty places at the end of time and of the order make all halves equally large.
    order = np.append(rank_order, np.arange(size, full)).astype(np.int32)
    later = np.zeros(full, dtype=np.int32)
    carried = [np.append(w, np.zeros(full - size, dtype=w.dtype))[order] for w in weights]
    earlier = [np.zeros(full, dtype=_summed(weight[:0]).dtype) for weight in weights]
    middle = np.arange(full // 2)
    for level in range(levels - 1, -1, -1):
        half = leaf << level
        is_later = ((order // half) & 1).astype(bool)
        # Indices and not masks: a take is many times faster than a selection by a mask.
        second, first = np.flatnonzero(is_later), np.flatnonzero(~is_later)
        passed = first - middle  # of the later half, before each of the first half
        met = second - middle  # and the other way round
        split = np.stack((first.reshape(-1, half), second.reshape(-1, half)), axis=1).reshape(-1)
        order, later = order.take(split), later.take(split)
        base = np.arange(0, full // 2, half)
        later.reshape(-1, 2, half)[:, 0] += passed.reshape(-1, half) - base[:, np.newaxis]
        for kind, weight in enumerate(carried):
            sums = _summed(weight.take(first))
            carried[kind], column = weight.take(split), earlier[kind].take(split)
            gained = sums.take(met).reshape(-1, half) - sums[base][:, np.newaxis]
            column.reshape(-1, 2, half)[:, 1] += gained
            earlier[kind] = column
    _meet(order.reshape(-1, leaf), later, earlier, carried)
    counted = np.empty(full, dtype=np.int64)
    counted[order] = later
    summed = []
    for column in earlier:
        by_place = np.empty_like(column)
        by_place[order] = column
        summed.append(by_place[:size])
    return counted[:size], summed


def _meet(
    order: np.ndarray, later: np.ndarray, earlier: list[np.ndarray], carried: list[np.ndarray]
) -> None:
    """Add the pairs within each row of ``order``, two columns at a time."""
    # Columns as rows: they lie together in memory, so that each step is one long run.
    order = np.ascontiguousarray(order.T)
    shape = order.shape[::-1]
    counts = np.ascontiguousarray(later.reshape(shape).T)
    sums = [np.ascontiguousarray(column.reshape(shape).T) for column in earlier]
    weights = [np.ascontiguousarray(column.reshape(shape).T) for column in carried]
    for low in range(order.shape[0]):
        for high in range(low + 1, order.shape[0]):
            is_before = order[low] < order[high]
            counts[high] += ~is_before
            for total, weight in zip(sums, weights, strict=True):
                total[high] += is_before * weight[low]
    later[:] = counts.T.reshape(-1)
    for column, total in zip(earlier, sums, strict=True):
        column[:] = total.T.reshape(-1)
