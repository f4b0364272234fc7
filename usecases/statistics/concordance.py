"""How often, of two people, the one given the higher risk has the event first: C."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from usecases.statistics.quantity import Quantity, normal_quantity
from usecases.statistics.survival import EVENT, FollowUp
from usecases.statistics.time_dependent import ROUNDING

HARRELL = "Harrell's C truncated at the horizon, deaths censored; infinitesimal jackknife"
UNO = "Uno's C truncated at the horizon, weights n/G\N{SUPERSCRIPT TWO}; infinitesimal jackknife"
NO_PAIRS = "No two people can be compared: nobody was followed past somebody's event."

_LEAF = 16
"""People in a stretch of time that is no longer halved: there every two meet."""


@dataclass(frozen=True)
class Concordance:
    """Pairs of an event by the horizon and somebody followed past it, by their risks."""

    concordant: int
    discordant: int
    tied: int
    harrell: Quantity
    uno: Quantity


def concordance(follow: FollowUp) -> Concordance:
    """Harrell's and Uno's C with their standard errors, in O(n log n).

    A pair counts when one has the event by the horizon and the other is followed longer, or is
    censored at that very time; equal risks count half.

    Parameters
    ----------
    follow : FollowUp
        Deaths count as censored.

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
    weight = np.where(event, follow.censoring.weight, 0.0)
    if not event.any():
        reason = "Nobody has the event by the horizon."
        empty = [Quantity(method, unavailable=reason) for method in (HARRELL, UNO)]
        return Concordance(0, 0, 0, *empty)
    pairs = _Pairs.of(follow, event, np.column_stack((event, weight**2)))
    counted = int(np.sum(pairs.later[0])), int(np.sum(pairs.later[1])), int(np.sum(pairs.later[2]))
    concordant, discordant, tied = counted
    quantities = [
        _index(pairs, column, own, method)
        for column, own, method in ((0, event.astype(float), HARRELL), (1, weight**2, UNO))
    ]
    return Concordance(concordant, discordant, tied, *quantities)


def _index(pairs: _Pairs, column: int, own: np.ndarray, method: str) -> Quantity:
    concordant, discordant, tied = (
        own * later + earlier[:, column]
        for later, earlier in zip(pairs.later, pairs.earlier, strict=True)
    )
    all_pairs = concordant + discordant + tied
    total = float(np.sum(all_pairs)) / 2  # each pair stands with both of its people
    if total == 0:
        return Quantity(method, unavailable=NO_PAIRS)
    good = concordant + tied / 2
    value = min(1.0, float(np.sum(good)) / 2 / total)
    error = math.sqrt(float(np.sum((good - value * all_pairs) ** 2))) / total
    error = error if error > ROUNDING else 0.0
    return normal_quantity(value, error, method, low=0.0, high=1.0)


@dataclass(frozen=True)
class _Pairs:
    """The pairs that each person is in.

    Attributes
    ----------
    later : tuple of three ndarrays of int64, shape (people,)
        For a person with the event: those followed longer with a lower risk (concordant), with
        a higher one (discordant), with the same.
    earlier : tuple of three ndarrays, shape (people, weights)
        For everyone: the weights of the earlier events with a higher risk, a lower, the same.
    """

    later: tuple[np.ndarray, np.ndarray, np.ndarray]
    earlier: tuple[np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def of(cls, follow: FollowUp, event: np.ndarray, weights: np.ndarray) -> _Pairs:
        size, places = follow.people, np.arange(follow.people)
        # People stand by time, events first, high risks first: so those after a person with an
        # event are its pairs, but for the other events of the same time. These are a block.
        block = _runs(follow.point * 2 + ~event)
        cell = _runs(follow.risk_rank, block.start)
        before = np.zeros((size + 1, weights.shape[1]))
        np.cumsum(weights, axis=0, out=before[1:])
        available = before[np.where(event, block.start, places)]
        # The same risk: by risk, then by place.
        by_risk = follow.by_risk
        same = _runs(follow.risk_rank[by_risk])
        same_cell = _runs(follow.risk_rank[by_risk], block.start[by_risk])
        running = np.zeros_like(before)
        np.cumsum(weights[by_risk], axis=0, out=running[1:])
        same_earlier = np.empty_like(before[1:])
        same_earlier[by_risk] = (
            running[np.where(event[by_risk], same_cell.start, places)] - running[same.start]
        )
        same_later, same_place_later = np.empty((2, size), dtype=np.int64)
        same_later[by_risk] = same.end - same_cell.end
        same_place_later[by_risk] = same.end - 1 - places
        # The same risks from the latest place to the first, as _halved wants them.
        order = np.empty(size, dtype=np.int64)
        order[same.start + same.end - 1 - places] = by_risk
        lower_later, lower_earlier = _counted(order, weights, int(np.flatnonzero(event)[-1]) + 1)
        lower_later -= same_place_later + (block.end - cell.end)
        higher_later = size - block.end - lower_later - same_later
        lower = np.column_stack(lower_earlier)
        return cls(
            (
                np.where(event, lower_later, 0),
                np.where(event, higher_later, 0),
                np.where(event, same_later, 0),
            ),
            (available - lower - same_earlier, lower, same_earlier),
        )


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
    order: np.ndarray, weights: np.ndarray, last: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """As :func:`_halved`; from ``last`` on no place has a weight, so one sum serves them all."""
    in_reach = order < last
    later, earlier = np.zeros(order.size, dtype=np.int64), []
    later[:last], sums = _halved(order[in_reach], weights[:last])
    beyond = np.cumsum(~in_reach)
    later[order[in_reach]] += beyond[in_reach]
    for kind, reached in enumerate(sums):
        running = np.cumsum(weights[order, kind])
        full = np.empty(order.size)
        full[:last] = reached
        full[order[~in_reach]] = running[~in_reach]
        earlier.append(full)
    return later, earlier


def _halved(rank_order: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Count, for each place in time, later places earlier in an order, and weights of earlier.

    Parameters
    ----------
    rank_order : ndarray of int, shape (places,)
        The places 0, 1, ... from the lowest risk to the highest; of equal risks the latest first.
    weights : ndarray, shape (places, kinds)

    Returns
    -------
    later : ndarray of int64, shape (places,)
        How many later places stand before this one in ``rank_order``.
    earlier : list of ndarray, each of shape (places,)
        The sum of each kind of weight over the earlier places that stand before this one.
    """
    size, kinds = weights.shape
    levels = max(0, int(np.ceil(np.log2(max(1, size) / _LEAF))))
    leaf = -(-size // (1 << levels))
    full = leaf << levels
    # Empty places at the end of time and of the order make all halves equally large.
    order = np.concatenate((rank_order, np.arange(size, full))).astype(np.int32)
    later = np.zeros(full, dtype=np.int64)
    earlier = [np.zeros(full) for _ in range(kinds)]
    carried = [np.append(weights[:, kind], np.zeros(full - size))[order] for kind in range(kinds)]
    for level in range(levels - 1, -1, -1):
        half = leaf << level
        is_later = (order // half) & 1 == 1
        is_first = ~is_later
        groups = np.arange(full // (2 * half))
        passed = np.cumsum(is_later, dtype=np.int32)[is_first]
        later = _split(later, is_first, is_later, half)
        gained = passed.reshape(-1, half) - (groups * half)[:, np.newaxis]
        later[:, 0] += gained
        later = later.reshape(-1)
        for kind in range(kinds):
            sums = np.cumsum(np.where(is_first, carried[kind], 0.0))
            base = np.append(0.0, sums[2 * half - 1 :: 2 * half][:-1])
            parts = _split(earlier[kind], is_first, is_later, half)
            parts[:, 1] += sums[is_later].reshape(-1, half) - base[:, np.newaxis]
            earlier[kind] = parts.reshape(-1)
            carried[kind] = _split(carried[kind], is_first, is_later, half).reshape(-1)
        order = _split(order, is_first, is_later, half).reshape(-1)
    _meet(order.reshape(-1, leaf), later, earlier, carried)
    counted = np.empty(full, dtype=np.int64)
    counted[order] = later
    summed = []
    for column in earlier:
        by_place = np.empty(full)
        by_place[order] = column
        summed.append(by_place[:size])
    return counted[:size], summed


def _split(column: np.ndarray, is_first: np.ndarray, is_later: np.ndarray, half: int) -> np.ndarray:
    """``column`` with the first half of each group before the later one: (groups, 2, half)."""
    return np.stack(
        (column[is_first].reshape(-1, half), column[is_later].reshape(-1, half)), axis=1
    )


def _meet(
    order: np.ndarray, later: np.ndarray, earlier: list[np.ndarray], carried: list[np.ndarray]
) -> None:
    """Add the pairs within each row of ``order``, two columns at a time."""
    shape = order.shape
    counts, sums = later.reshape(shape), [column.reshape(shape) for column in earlier]
    weights = [column.reshape(shape) for column in carried]
    for distance in range(1, shape[1]):
        is_before = order[:, :-distance] < order[:, distance:]
        counts[:, distance:] += ~is_before
        for total, weight in zip(sums, weights, strict=True):
            total[:, distance:] += np.where(is_before, weight[:, :-distance], 0.0)
