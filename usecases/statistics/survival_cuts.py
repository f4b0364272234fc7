"""What is told of people by their risk and by what ended their follow-up, so that no small count
follows. A risk is above a threshold when it is greater."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from usecases.statistics.cuts import Above
from usecases.statistics.disclosure import hidden, is_small
from usecases.statistics.risks import RiskTable
from usecases.statistics.survival import CENSORED, DEATH, EVENT, FollowUp

Told = dict[float, tuple[bool, bool]]
"""By threshold, whether it is told who is above, and whether who of them died is told too."""

EVENTS, DEATHS = "events", "deaths"
FREE, LOST = "event_free_at_horizon", "lost_before_horizon"


def counted(follow: FollowUp) -> RiskTable:
    """People with and without the event by the horizon at each risk; those lost are without."""
    rank = follow.risk_rank
    size = int(rank.max()) + 1 if rank.size else 0
    risk = np.empty(size)
    risk[rank] = follow.risk
    return RiskTable(risk, *(np.bincount(rank[mask], minlength=size) for mask in kinds(follow)[:2]))


def kinds(follow: FollowUp) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Who has the event, who has not, and who is known not to; each of shape (people,).

    Without loss to follow-up every measure at a threshold is a function of the numbers of the
    first two above it, and with weights of censoring close to one of the first and the third.
    """
    happened = follow.event == EVENT
    lost = (follow.event == CENSORED) & ~follow.at_horizon
    return happened, ~happened, ~happened & ~lost


def above_of(follow: FollowUp, masks: Sequence[np.ndarray], fewest: int) -> Above:
    """People of each of ``masks`` above a cut of the distinct risks."""
    rank = follow.risk_rank
    size = int(rank.max()) + 1 if rank.size else 0
    return Above([np.bincount(rank[mask], minlength=size) for mask in masks], fewest)


def numbers_above(follow: FollowUp, threshold: float) -> list[int]:
    """How many of each of :func:`kinds` have a greater risk."""
    is_above = follow.risk > threshold
    return [int(np.count_nonzero(mask & is_above)) for mask in kinds(follow)]


def first_above(table: RiskTable, threshold: float) -> int:
    """Number of the lowest of the distinct risks above ``threshold``."""
    return int(np.searchsorted(table.risk, threshold, side="right"))


def told_of(
    table: RiskTable, above: Above, deaths: Above, thresholds: Sequence[float], told: Told | None
) -> Told:
    """At which thresholds people are told of: ``told``, or else all that fit one by one."""
    found: Told = {}
    for threshold in thresholds:
        start = first_above(table, threshold)
        asked = (True, True) if told is None else told[threshold]
        each = asked[0] and above.together(start)
        found[threshold] = (each, each and asked[1] and deaths.together(start))
    return found


def hidden_ends(follow: FollowUp, smallest: int) -> set[str]:
    """Which numbers of :func:`ends` must be hidden: a small one, and others beside it.

    The four add up to the people. The number of events follows from the error of observed /
    expected wherever anything is estimated, so it does not help to hide it; deaths, which more
    measures need, are the last to be hidden.
    """
    counts = ends(follow)
    few = [name for name, count in counts.items() if is_small(count, smallest)]
    if not few:
        return set()
    if EVENTS in few or is_small(follow.people - counts[EVENTS], smallest):
        filled = [name for name, count in counts.items() if count]
        return {filled[at] for at in hidden([counts[name] for name in filled], smallest)}
    order = [*few, *(name for name in (LOST, FREE, DEATHS) if counts[name] and name not in few)]
    chosen: set[str] = set()
    for name in order:
        together = sum(counts[other] for other in chosen)
        if name not in few and len(chosen) > 1 and together >= smallest:
            break
        chosen.add(name)
    return chosen


def ends(follow: FollowUp) -> Mapping[str, int]:
    """How many people's follow-up ended how."""
    return {
        EVENTS: follow.total_events,
        DEATHS: follow.total_deaths,
        FREE: follow.total_at_horizon,
        LOST: follow.total_lost,
    }


def died(follow: FollowUp) -> np.ndarray:
    """Who died without the event, shape (people,)."""
    found: np.ndarray = follow.event == DEATH
    return found
