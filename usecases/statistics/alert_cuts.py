"""What is told of alerts and events, so that no number is of few patients.

Alerts and events are counted, but people are protected: a patient may have many of either. So a
number of events is told where those counted, and those not, are of nobody or of enough patients,
and two thresholds are told of where as many patients differ between them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from usecases.statistics.alerts import Totals
from usecases.statistics.disclosure import Steps, is_small, unsafe_groups
from usecases.statistics.free_response import FreeResponse, counts_by_patient
from usecases.statistics.ranking import halfway

LEADS = {"lead_time_median": 0.5, "lead_time_q25": 0.25, "lead_time_q75": 0.75}

OF_ALERTS = ("unexplained_alert_rate", "alert_rate", "alert_ppv")
NEEDS: dict[str, tuple[str, ...]] = {
    "event_sensitivity": ("detected", "missed"),
    "unexplained_alert_rate": ("unexplained",),
    # Beside the unexplained ones it tells of the explained.
    "alert_rate": ("alerts", "explained"),
    "alert_ppv": ("explained", "unexplained"),
    "time_in_alert": ("in_alert",),
    "event_rate": ("events",),
    **dict.fromkeys(LEADS, ("detected",)),
}
"""Of which patients each measure tells how many events, alerts or days they have."""

MOST = 400
"""Thresholds that are told of at most."""

_TOGETHER = 64
_ANY = 2**62
"""More alerts than there can be."""


def patients_with(totals: Totals) -> dict[str, np.ndarray]:
    """Who has any of what the measures count, each of shape (patients,)."""
    explained = totals.alerts - totals.unexplained
    none = np.zeros(totals.patients, dtype=np.int64)
    counts = {
        "events": totals.events,
        "detected": totals.detected,
        "missed": totals.events - totals.detected,
        "alerts": totals.alerts,
        "unexplained": totals.unexplained,
        "explained": explained,
        "in_alert": none if totals.in_alert is None else totals.in_alert,
    }
    return {name: count > 0 for name, count in counts.items()}


def few_patients(totals: Totals, smallest: int) -> set[str]:
    """Which of :func:`patients_with` are a few."""
    return {
        name
        for name, who in patients_with(totals).items()
        if is_small(int(np.count_nonzero(who)), smallest)
    }


def untold(totals: Totals, smallest: int) -> set[str]:
    """Measures that would tell of a few patients."""
    few = few_patients(totals, smallest)
    names = {name for name, needs in NEEDS.items() if few.intersection(needs)}
    for name, part, whole in (
        ("event_sensitivity", totals.detected, totals.events),
        ("alert_ppv", totals.alerts - totals.unexplained, totals.alerts),
    ):
        # The interval of a share of 0 or 1 tells how many patients have any.
        if part.sum() in (0, whole.sum()):
            others = totals.patients - int(np.count_nonzero(whole))
            if is_small(others, smallest):
                names.add(name)
    for name, share in LEADS.items():
        if not lead_is_told(totals.lead, totals.lead_patient, share, smallest):
            names.add(name)
    return names


def lead_is_told(lead: np.ndarray, patient: np.ndarray, share: float, smallest: int) -> bool:
    """Whether enough patients have a lead up to a quantile of it, and from it on."""
    if not lead.size:
        return True
    value = float(np.quantile(lead, share))
    sides = patient[lead <= np.floor(value)], patient[lead >= np.ceil(value)]
    return all(_at_least(side, smallest) for side in sides)


def untold_in_groups(
    totals: Totals, masks: Sequence[np.ndarray], smallest: int, *, nested: bool
) -> list[set[str]]:
    """Measures that would tell of a few patients of groups that make up everyone.

    A patient is in one group, so patients of groups add up; what all groups but some are told of
    is known of these together.

    Parameters
    ----------
    totals : Totals
        Of everyone.
    masks : sequence of ndarray of bool, each of shape (patients,)
    smallest : int
    nested : bool
        Whether the groups lie within those of another column: then nothing is told of alerts.
    """
    who = patients_with(totals)
    found: list[set[str]] = [set() for _ in masks]
    families = (
        (("event_sensitivity",), ("detected", "missed")),
        (OF_ALERTS, ("unexplained", "explained", "alerts")),
        (("time_in_alert",), ("in_alert",)),
        (("event_rate",), ("events",)),
    )
    for names, kinds in families:
        cells = [[np.count_nonzero(mask & who[kind]) for kind in kinds] for mask in masks]
        for index in unsafe_groups(np.asarray(cells), smallest):
            found[index].update(names)
    for names_of in found if nested else ():
        names_of.update(("event_sensitivity", *OF_ALERTS, *LEADS))
    return found


@dataclass(frozen=True)
class _Family:
    """Counts at thresholds that are told together: each or none."""

    steps: list[Steps]
    told: list[dict[int, np.ndarray]]
    """By count, how many of them each patient has."""
    smallest: int

    def fits(self, columns: Sequence[np.ndarray]) -> bool:
        for steps, told, column in zip(self.steps, self.told, columns, strict=True):
            count = int(column.sum())
            if count in told:
                continue
            if not steps.fits(count):
                return False
            known = sorted(told)
            place = bisect_left(known, count)
            for near in known[max(0, place - 1) : place + 1]:
                if np.count_nonzero(told[near] != column) < self.smallest:
                    return False
        return True

    def add(self, columns: Sequence[np.ndarray]) -> None:
        for steps, told, column in zip(self.steps, self.told, columns, strict=True):
            count = int(column.sum())
            steps.add(count)
            told.setdefault(count, column)


def told_thresholds(
    free: FreeResponse,
    event_patient: np.ndarray,
    row_patient: np.ndarray,
    patients: int,
    own: tuple[float, Sequence[bool]],
    wanted: np.ndarray,
    smallest: int,
) -> np.ndarray:
    """The thresholds that curves may be drawn at, ascending.

    Between any two of them the detected events, the unexplained and the explained alerts differ
    by none, or by ``smallest`` and in as many patients; so they do from none, and the events
    from all.

    Parameters
    ----------
    free : FreeResponse
    event_patient : ndarray of int, shape (events,)
    row_patient : ndarray of int, shape (rows,)
        Whose each alert of ``free.intervals`` is.
    patients : int
    own : (float, sequence of bool)
        The protocol's threshold, and whether the estimates there tell of the detected events,
        the unexplained and the explained alerts.
    wanted : ndarray of float
        Others, those that matter most first.
    smallest : int

    Returns
    -------
    ndarray
        No other than the protocol's is a score that occurs: each lies between two.
    """
    lower, upper = free.levels.below(wanted), free.levels.above(wanted)
    inside = np.isfinite(lower) & np.isfinite(upper)
    places = free.levels.rank(wanted[inside])
    kept = np.sort(np.unique(places, return_index=True)[1])
    kept = kept[places[kept] != free.levels.rank(np.asarray(own[0]))]
    between = np.asarray(
        [
            halfway(low, high)
            for low, high in zip(
                lower[inside][kept].tolist(), upper[inside][kept].tolist(), strict=True
            )
        ]
    )
    every = np.concatenate(([own[0]], between))
    chosen = np.concatenate(([0], 1 + _roughly(free, between, smallest)))
    thresholds = every[chosen.astype(np.int64)]
    order = np.argsort(thresholds, kind="stable")
    vectors = _by_patient(free, event_patient, row_patient, patients, thresholds[order])
    column_of = np.empty(order.size, dtype=np.int64)
    column_of[order] = np.arange(order.size)
    everyone = np.bincount(event_patient, minlength=patients)
    none = np.zeros(patients, dtype=np.int64)
    family = _Family(
        [Steps(int(everyone.sum()), smallest), Steps(_ANY, smallest), Steps(_ANY, smallest)],
        [{0: none, int(everyone.sum()): everyone}, {0: none}, {0: none}],
        smallest,
    )
    told = []
    for index in range(thresholds.size):
        columns = [part[:, column_of[index]].astype(np.int64) for part in vectors]
        if family.fits(columns):
            family.add(columns)
            told.append(thresholds[index])
        elif index == 0:
            # What the estimates there tell of is known beside the curves.
            for kind, column in enumerate(columns):
                if own[1][kind]:
                    family.steps[kind].add(int(column.sum()))
                    family.told[kind].setdefault(int(column.sum()), column)
    return np.sort(np.asarray(told, dtype=np.float64))


def _roughly(free: FreeResponse, thresholds: np.ndarray, smallest: int) -> np.ndarray:
    """Those of ``thresholds`` whose counts alone fit, at most :data:`MOST`, the first first."""
    if not thresholds.size:
        return np.empty(0, dtype=np.int64)
    order = np.argsort(thresholds, kind="stable")
    points = free.points(thresholds[order])
    counts = np.empty((3, thresholds.size), dtype=np.int64)
    for kind, values in enumerate(
        (points.detected, points.unexplained, points.alerts - points.unexplained)
    ):
        counts[kind, order] = values
    # So far apart that all of the curve is reached.
    fewest = [max(smallest, int(row.max()) // (MOST // 2)) for row in counts]
    steps = [
        Steps(size, few) for size, few in zip((free.events.size, _ANY, _ANY), fewest, strict=True)
    ]
    kept: list[int] = []
    for index in range(thresholds.size):
        if len(kept) == MOST:
            break
        if all(step.fits(int(row[index])) for step, row in zip(steps, counts, strict=True)):
            for step, row in zip(steps, counts, strict=True):
                step.add(int(row[index]))
            kept.append(index)
    return np.asarray(kept, dtype=np.int64)


def _by_patient(
    free: FreeResponse,
    event_patient: np.ndarray,
    row_patient: np.ndarray,
    patients: int,
    thresholds: np.ndarray,
) -> list[np.ndarray]:
    """Detected events, unexplained and explained alerts of each patient at each threshold."""
    event, low, high = free.detected_intervals
    # Only what starts at or above the lowest threshold counts.
    used = np.flatnonzero(free.intervals.high >= thresholds[0])
    lost = free.is_unexplained[used]
    sources = [(event_patient[event], low, high)]
    for rows in (used[lost], used[~lost]):
        sources.append((row_patient[rows], free.intervals.low[rows], free.intervals.high[rows]))
    found = []
    for who, lows, highs in sources:
        parts = [
            counts_by_patient(who, lows, highs, thresholds[at : at + _TOGETHER], patients)
            for at in range(0, thresholds.size, _TOGETHER)
        ]
        found.append(np.concatenate([part.astype(np.int32) for part in parts], axis=1))
    return found


def merged_days(
    days: np.ndarray, people: Mapping[str, tuple[np.ndarray, np.ndarray]], smallest: int
) -> list[int]:
    """Which of ascending ``days`` a curve may stop at, so that few people lie between no two.

    Parameters
    ----------
    days : ndarray of int
    people : mapping
        For each kind of happening: whose it is, and on which day.
    smallest : int

    Returns
    -------
    list of int
        Between neighbours, before the first, and after the last, happens nothing of a kind, or
        something to ``smallest`` people.
    """

    def enough(after: float, until: float) -> bool:
        return not any(
            _few(who[(day > after) & (day <= until)], smallest) for who, day in people.values()
        )

    kept: list[int] = []
    last = -np.inf
    for day in days.tolist():
        if enough(last, day) and enough(day, np.inf):
            kept.append(day)
            last = day
    return kept


def merged_bins(bin_of: np.ndarray, person: np.ndarray, bins: int, smallest: int) -> list[int]:
    """Where to start bins so that each is of nobody or of enough people; ascending, from 0."""
    starts = [0]
    for start in range(1, bins):
        here = (bin_of >= starts[-1]) & (bin_of < start)
        rest = bin_of >= start
        if not any(_few(person[part], smallest) for part in (here, rest)):
            starts.append(start)
    return starts


def _few(person: np.ndarray, smallest: int) -> bool:
    """Whether rows are of a few people."""
    return not _at_least(person, smallest) and person.size > 0


def _at_least(person: np.ndarray, smallest: int) -> bool:
    """Whether rows are of so many people; the first of them mostly settle it."""
    if np.unique(person[: 8 * smallest]).size >= smallest:
        return True
    return np.unique(person).size >= smallest
