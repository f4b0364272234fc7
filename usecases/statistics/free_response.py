"""Alerts over all thresholds at once: the free-response curve.

A day starts an alert at the thresholds of a half-open interval. Without a recovery threshold that
is (score of the day before, own score]: below, the day before was in alert already. With a fixed
recovery threshold r it is so for thresholds up to r; above r an alert lasts while scores stay at
or above r, so within such an excursion a day starts an alert at the thresholds between the highest
score before it and its own. Counting alerts at a threshold is then counting intervals that hold
it: two sorted arrays, whatever the number of thresholds. An event is detected at the union of the
intervals of the days in its window.

So the curve is exact at every threshold; no grid is involved. Source of the curve: Bunch et al.,
SPIE 1977;127:124-135; for alerts on time series it is the sensitivity against false alarms per
unit of time. Below the recovery threshold of the protocol the threshold itself takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from usecases.statistics.alerts import Monitoring, explained
from usecases.statistics.sorting import sorted_values

CANDIDATES = 3_000
"""Thresholds at which the curve is evaluated before it is thinned."""


def _aside(function: Callable[[np.ndarray], np.ndarray], values: np.ndarray) -> Future[np.ndarray]:
    """What a function makes of ``values``, in another thread, which sorting lets run."""
    executor = ThreadPoolExecutor(1)
    found = executor.submit(function, values)
    executor.shutdown(wait=False)
    return found


@dataclass(frozen=True)
class Intervals:
    """Half-open intervals (low, high] of thresholds; ``row`` is the place in what was asked."""

    row: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Steps:
    """How many of some half-open intervals hold a threshold; both ends sorted by themselves."""

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, low: np.ndarray, high: np.ndarray) -> Steps:
        highs = _aside(sorted_values, high)
        return cls(sorted_values(low), highs.result())

    def at(self, thresholds: np.ndarray) -> np.ndarray:
        """The number of intervals (low, high] that hold each threshold, int64."""
        below = np.searchsorted(self.high, thresholds), np.searchsorted(self.low, thresholds)
        return (self.high.size - below[0]) - (self.low.size - below[1])


class Starts:
    """At which thresholds an alert starts on which day.

    Parameters
    ----------
    monitoring : Monitoring
    recovery : float or None
        The fixed recovery threshold; None: always the threshold itself.
    """

    def __init__(self, monitoring: Monitoring, recovery: float | None) -> None:
        self.monitoring, self.recovery = monitoring, recovery
        self._below = -np.inf  # the largest number below the recovery threshold
        self._record = monitoring.before
        if recovery is not None:
            self._below = float(np.nextafter(recovery, -np.inf))
            self._record = _records_before(monitoring, recovery)

    def of_rows(self, rows: np.ndarray | None = None) -> Intervals:
        """The intervals of ``rows`` (default: all); a row has none, one or two."""
        monitoring = self.monitoring
        if rows is None:
            score, before, record = monitoring.score, monitoring.before, self._record
        else:
            score, before = monitoring.score[rows], monitoring.before[rows]
            record = self._record[rows]
        if self.recovery is None:
            index = np.flatnonzero(score > before)
            low, high = before[index], score[index]
        else:
            over = np.flatnonzero(score > np.maximum(record, self._below))
            under = np.flatnonzero(np.minimum(score, self._below) > before)
            index = np.concatenate((over, under))
            low = np.concatenate((np.maximum(record[over], self._below), before[under]))
            high = np.concatenate((score[over], np.minimum(score[under], self._below)))
        return Intervals(index, low, high)

    def days_in_alert(self, thresholds: np.ndarray) -> np.ndarray:
        """Monitored days in alert at each of the ascending ``thresholds``, int64."""
        score, lowest = self.monitoring.score, thresholds.min(initial=np.inf)
        at = np.flatnonzero(score >= lowest)
        reach = score[at]
        if self.recovery is not None:
            lasting = np.flatnonzero(score > self._below)
            at = np.concatenate((at[reach <= self._below], lasting))
            highest = np.maximum(score[lasting], self._record[lasting])
            reach = np.concatenate((reach[reach <= self._below], highest))
        passed = np.searchsorted(thresholds, reach, side="right")
        days = self.monitoring.days[at]
        sums = np.bincount(passed, weights=days, minlength=thresholds.size + 1)
        return np.cumsum(sums[:0:-1])[::-1].astype(np.int64)


def _records_before(monitoring: Monitoring, recovery: float) -> np.ndarray:
    """The highest score before each day since the score was last below the recovery threshold.

    Minus infinity where there is none, and on days below it.
    """
    inside = np.flatnonzero(monitoring.score >= recovery)
    highest = monitoring.before[inside]
    begins = highest < recovery
    highest[begins] = -np.inf
    # Running maxima within excursions, by doubling the reach until it covers the longest one.
    position = np.arange(inside.size)
    within = position - np.maximum.accumulate(np.where(begins, position, 0))
    reach, near = 1, position
    while (near := near[within[near] > reach]).size:
        highest[near] = np.maximum(highest[near], highest[near - reach])
        reach *= 2
    record = np.full(monitoring.score.size, -np.inf)
    record[inside] = highest
    return record


@dataclass(frozen=True)
class Windows:
    """The alerts that may start in the window of each event.

    ``event`` ascends; within an event the days do. ``lead`` counts days to the event.
    """

    event: np.ndarray
    lead: np.ndarray
    low: np.ndarray
    high: np.ndarray
    unmonitored: int
    """Events without a score in their window, which no threshold detects."""

    @classmethod
    def of(cls, starts: Starts, events: np.ndarray, window: int, blanking: int) -> Windows:
        """The windows [event - window, event - blanking] of events at ascending places."""
        place = starts.monitoring.place
        first = np.searchsorted(place, events - window)
        counts = np.searchsorted(place, events - blanking, side="right") - first
        event = np.repeat(np.arange(events.size), counts)
        within = np.arange(event.size) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = first[event] + within
        found = starts.of_rows(rows)
        order = np.argsort(found.row, kind="stable")
        at = found.row[order]
        return cls(
            event[at],
            events[event[at]] - place[rows[at]],
            found.low[order],
            found.high[order],
            int(np.count_nonzero(counts == 0)),
        )

    def detected(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The union of each event's intervals: event, low and high of disjoint intervals."""
        if not self.event.size:
            return self.event, self.low, self.high
        order = np.lexsort((self.low, self.event))
        event, low, high = self.event[order], self.low[order], self.high[order]
        # A running maximum within events: the rank of ``high``, lifted above all earlier events.
        values, rank = np.unique(high, return_inverse=True)
        lifted = np.maximum.accumulate(rank + event * values.size)
        reached = values[lifted - event * values.size]
        begins = np.ones(event.size, dtype=bool)
        begins[1:] = (event[1:] != event[:-1]) | (low[1:] > reached[:-1])
        at = np.flatnonzero(begins)
        return event[at], low[at], np.maximum.reduceat(high, at)

    def leads(self, threshold: float) -> np.ndarray:
        """Days from the first alert to the event, of the events detected at a threshold."""
        return self.warned(threshold)[1]

    def warned(self, threshold: float) -> tuple[np.ndarray, np.ndarray]:
        """The events detected at a threshold, and their days from the first alert."""
        active = (self.low < threshold) & (threshold <= self.high)
        event, lead = self.event[active], self.lead[active]
        first = np.ones(event.size, dtype=bool)
        first[1:] = event[1:] != event[:-1]
        return event[first], lead[first]


@dataclass(frozen=True)
class Points:
    """Exact counts at some ascending thresholds, each array of shape (thresholds,)."""

    threshold: np.ndarray
    detected: np.ndarray
    unexplained: np.ndarray
    alerts: np.ndarray


@dataclass(frozen=True)
class Levels:
    """Numbers in several arrays, each ascending by itself."""

    parts: list[np.ndarray]

    def rank(self, thresholds: np.ndarray) -> np.ndarray:
        """How many of them lie below each threshold, int64."""
        return np.sum([np.searchsorted(part, thresholds) for part in self.parts], axis=0)

    def below(self, thresholds: np.ndarray) -> np.ndarray:
        """The largest below each threshold; minus infinity where there is none."""
        found = np.full(np.shape(thresholds), -np.inf)
        for part in self.parts:
            place = np.searchsorted(part, thresholds)
            inside = place > 0
            found[inside] = np.maximum(found[inside], part[place[inside] - 1])
        return found

    def above(self, thresholds: np.ndarray) -> np.ndarray:
        """The smallest at or above each threshold; infinity where there is none."""
        return self._next(thresholds, "left")

    def beyond(self, thresholds: np.ndarray) -> np.ndarray:
        """The smallest above each threshold; infinity where there is none."""
        return self._next(thresholds, "right")

    def _next(self, thresholds: np.ndarray, side: Literal["left", "right"]) -> np.ndarray:
        found = np.full(np.shape(thresholds), np.inf)
        for part in self.parts:
            place = np.searchsorted(part, thresholds, side=side)
            inside = place < part.size
            found[inside] = np.minimum(found[inside], part[place[inside]])
        return found


class FreeResponse:
    """Detected events and unexplained alerts as functions of the threshold.

    Parameters
    ----------
    monitoring : Monitoring
    events : ndarray of int64, shape (events,)
        Places, ascending.
    window, blanking : int
    recovery : float or None
        As for :class:`Starts`.
    """

    def __init__(
        self,
        monitoring: Monitoring,
        events: np.ndarray,
        window: int,
        blanking: int,
        recovery: float | None = None,
    ) -> None:
        self.monitoring, self.events = monitoring, events
        # Wanted later: a sort lets this thread go on.
        self._scores = _aside(sorted_values, monitoring.score) if recovery is not None else None
        self.starts = Starts(monitoring, recovery)
        self.windows = Windows.of(self.starts, events, window, blanking)
        self.intervals = self.starts.of_rows()
        known = explained(monitoring.place, events, window)[self.intervals.row]
        self.is_unexplained = ~known
        low, high = self.intervals.low, self.intervals.high
        self.explained = Steps.of(low[known], high[known])
        self.unexplained = Steps.of(low[~known], high[~known])
        self.detected_intervals = self.windows.detected()
        self.detected = Steps.of(*self.detected_intervals[1:])

    def points(self, thresholds: np.ndarray) -> Points:
        """The counts at ascending thresholds."""
        unexplained = self.unexplained.at(thresholds)
        alerts = unexplained + self.explained.at(thresholds)
        return Points(thresholds, self.detected.at(thresholds), unexplained, alerts)

    def thresholds_within(self, limits: np.ndarray) -> np.ndarray:
        """The lowest threshold from which on upwards there are never more unexplained alerts.

        Parameters
        ----------
        limits : ndarray, shape (limits,)
            The most unexplained alerts.

        Returns
        -------
        ndarray of float64, shape (limits,)
            Scores that occur; NaN where only a threshold above every score keeps the limit.
        """
        highs, worst = self._worst
        # ``worst`` falls as thresholds rise; the last one beyond the limit is passed by.
        beyond = np.searchsorted(-worst, -np.asarray(limits, dtype=np.float64))
        lowest = np.where(beyond > 0, highs[np.maximum(beyond - 1, 0)], -np.inf)
        following = Levels([self.unexplained.high, self.explained.high]).beyond(lowest)
        return np.where(np.isfinite(following), following, np.nan)

    @cached_property
    def levels(self) -> Levels:
        """The scores, and the recovery threshold.

        Thresholds above one of them and up to the next raise the same alerts.
        """
        if self._scores is not None:
            return Levels([self._scores.result(), np.asarray([self.starts.recovery])])
        # Where alerts can start the scores are in order already.
        rest = sorted_values(np.delete(self.monitoring.score, self.intervals.row))
        return Levels([self.unexplained.high, self.explained.high, rest])

    @cached_property
    def _worst(self) -> tuple[np.ndarray, np.ndarray]:
        """Where unexplained alerts start, ascending, and the most of them from there on upwards."""
        low, high = self.unexplained.low, self.unexplained.high
        if not high.size:
            return np.array([-np.inf]), np.array([0])
        first = np.flatnonzero(np.concatenate(([True], high[1:] != high[:-1])))
        highs = high[first]
        counts = (high.size - first) - (low.size - np.searchsorted(low, highs))
        return highs, np.maximum.accumulate(counts[::-1])[::-1]

    def candidates(self) -> np.ndarray:
        """Thresholds that follow every turn of the curve, ascending."""
        worst = self._worst[1]
        levels = np.linspace(0, float(worst[0]), CANDIDATES // 3)
        steps = self.detected.low, self.detected.high, self.unexplained.high, self.explained.high
        picked = [self.thresholds_within(levels)]
        for values in steps:
            every = max(1, values.size // (CANDIDATES // 6))
            picked += [values[::every], values[-1:]]
        found = np.unique(np.concatenate(picked))
        return found[np.isfinite(found)]


def counts_by_patient(
    patient: np.ndarray, low: np.ndarray, high: np.ndarray, thresholds: np.ndarray, patients: int
) -> np.ndarray:
    """How many intervals of each patient hold each of the ascending thresholds.

    Returns
    -------
    ndarray of int64, shape (patients, thresholds)
    """
    near = np.flatnonzero((high >= thresholds[0]) & (low < thresholds[-1]))
    first = np.searchsorted(thresholds, low[near], side="right")
    after = np.searchsorted(thresholds, high[near], side="right")
    held = after > first
    width = thresholds.size + 1
    size = patients * width
    place = patient[near[held]] * width
    steps = np.bincount(place + first[held], minlength=size)
    steps -= np.bincount(place + after[held], minlength=size)
    return np.cumsum(steps.reshape(patients, width), axis=1)[:, :-1]
