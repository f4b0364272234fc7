"""Alerts on daily scores, the events they come before, and what each patient adds to the totals.

A day is a whole number. Where patients are told apart by place (:class:`Calendar`), days of
different patients are so far apart that no window reaches from one to the next; so one sorted
array of places holds the days of everyone, and every question is a search in it.

Definitions. An alert starts on the first day with score >= threshold while not in alert. It ends
on the first monitored day with score < recovery, or where more than :data:`LONGEST_GAP` days in a
row have no score. An event on day d is detected when an alert starts in
[d - window, d - blanking]; an alert that starts on day a is explained when an event lies in
[a, a + window]. On series without gaps and with one window on both sides these are the event-based
scores of Dan et al., "SzCORE", Epilepsia 2024, with the tolerance before the event only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

DAYS_PER_YEAR = 365.25

LONGEST_GAP = 7
"""Days in a row without a score that are bridged; after more, monitoring starts anew."""


@dataclass(frozen=True)
class Calendar:
    """Places of the days of every patient, patient by patient, on one line.

    Attributes
    ----------
    first : int
        The first day of anyone.
    span : int
        From one patient's days to the next one's; more than the longest window beyond the days.
    """

    first: int
    span: int

    @classmethod
    def of(cls, start: np.ndarray, end: np.ndarray, window: int) -> Calendar:
        """A calendar of follow-up from ``start`` to ``end`` (days, shape (patients,))."""
        first = int(start.min())
        return cls(first, int(end.max()) - first + 2 * (window + LONGEST_GAP) + 2)

    def place(self, patient: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Where a day of a patient (numbered from 0) lies, int64."""
        return np.asarray(patient, np.int64) * self.span + (np.asarray(day, np.int64) - self.first)

    def patient(self, place: np.ndarray) -> np.ndarray:
        """Whose day it is."""
        return place // self.span


@dataclass(frozen=True)
class Monitoring:
    """Daily scores within follow-up.

    Attributes
    ----------
    place : ndarray of int64, shape (rows,)
        Strictly ascending.
    score : ndarray of float64, shape (rows,)
    opens : ndarray of bool, shape (rows,)
        Days that open a stretch: the first of a patient, or after a gap that is not bridged.
    days : ndarray of int32, shape (rows,)
        Monitored days that the score stands for: until the next score of its stretch, or one;
        none on the day that follow-up ends, for time at risk ends with it.
    """

    place: np.ndarray
    score: np.ndarray
    opens: np.ndarray
    days: np.ndarray

    @classmethod
    def of(cls, place: np.ndarray, score: np.ndarray, ends: np.ndarray) -> Monitoring:
        """Stretches of scores.

        Parameters
        ----------
        place, score : ndarray, shape (rows,)
            In the order of ``place``, one score a day.
        ends : ndarray of int64, shape (patients,)
            Places of the last day of follow-up of each patient.

        Raises
        ------
        ValueError
            If two scores have the same place, or the places are not in order.
        """
        step = np.diff(place)
        if step.size and step.min() <= 0:
            raise ValueError("Scores must come in order, one a day of a patient.")
        opens = np.ones(place.size, dtype=bool)
        opens[1:] = step > LONGEST_GAP + 1
        days = np.ones(place.size, dtype=np.int32)
        np.copyto(days[:-1], step, where=~opens[1:], casting="same_kind")
        at = np.searchsorted(place, ends)
        at = at[(at < place.size)]
        days[at[np.isin(place[at], ends)]] = 0
        return cls(place, score, opens, days)

    @cached_property
    def before(self) -> np.ndarray:
        """The score of the day before in the same stretch; minus infinity where there is none."""
        before = np.empty_like(self.score)
        before[1:] = self.score[:-1]
        before[self.opens] = -np.inf
        return before

    def in_alert(self, threshold: float, recovery: float) -> np.ndarray:
        """Which days are in alert, bool of shape (rows,)."""
        above = self.score >= threshold
        if recovery >= threshold:
            return above
        # A day on which the score lies between the two is as the last day on which it did not.
        undecided = np.flatnonzero(~(above | (self.score < recovery) | self.opens))
        first = np.flatnonzero(np.diff(undecided, prepend=-1) != 1)
        lengths = np.diff(first, append=undecided.size)
        above[undecided] = np.repeat(above[undecided[first] - 1], lengths)
        return above

    def starts(self, in_alert: np.ndarray) -> np.ndarray:
        """Rows on which an alert starts, ascending."""
        starts = in_alert.copy()
        starts[1:] &= ~in_alert[:-1] | self.opens[1:]
        return np.flatnonzero(starts)


def lead_times(events: np.ndarray, alerts: np.ndarray, window: int, blanking: int) -> np.ndarray:
    """Days from the first alert in the window of each event to the event; -1 without one.

    Parameters
    ----------
    events, alerts : ndarray of int64
        Places, ascending.
    window, blanking : int
        The window is [event - window, event - blanking].
    """
    if not alerts.size:
        return np.full(events.size, -1, dtype=np.int64)
    first = alerts[np.minimum(np.searchsorted(alerts, events - window), alerts.size - 1)]
    lead = events - first
    return np.where((lead >= blanking) & (lead <= window), lead, -1)


def explained(alerts: np.ndarray, events: np.ndarray, window: int) -> np.ndarray:
    """Whether an event lies in [alert, alert + window], for each alert, in ascending order."""
    steps = np.zeros(alerts.size + 1, dtype=np.int32)
    np.add.at(steps, np.searchsorted(alerts, events - window), 1)
    np.add.at(steps, np.searchsorted(alerts, events, side="right"), -1)
    return np.cumsum(steps[:-1], dtype=np.int32) > 0


@dataclass(frozen=True)
class Totals:
    """What each patient adds to the totals; whole numbers, so that sums are exact in any order.

    Attributes
    ----------
    days : ndarray of int64, shape (patients,)
        Of follow-up.
    monitored : ndarray of int64, shape (patients,), or None
        Monitored days; None where alerts were reported and no scores.
    events, detected, alerts, unexplained : ndarray of int64, shape (patients,)
    in_alert : ndarray of int64, shape (patients,), or None
        Monitored days in alert.
    lead : ndarray of int64, shape (detected events,)
        Days from the first alert in the window to the event.
    lead_patient : ndarray of int64, shape (detected events,)
        Whose event it is.
    """

    days: np.ndarray
    monitored: np.ndarray | None
    events: np.ndarray
    detected: np.ndarray
    alerts: np.ndarray
    unexplained: np.ndarray
    in_alert: np.ndarray | None
    lead: np.ndarray
    lead_patient: np.ndarray

    @property
    def patients(self) -> int:
        return self.days.size

    @property
    def at_risk(self) -> np.ndarray:
        """The days that alerts are counted in: the monitored ones where they are known."""
        return self.days if self.monitored is None else self.monitored

    def among(self, mask: np.ndarray) -> Totals:
        """Those of the patients in ``mask``, numbered anew."""
        number = np.cumsum(mask) - 1
        kept = mask[self.lead_patient]
        return Totals(
            days=self.days[mask],
            monitored=None if self.monitored is None else self.monitored[mask],
            events=self.events[mask],
            detected=self.detected[mask],
            alerts=self.alerts[mask],
            unexplained=self.unexplained[mask],
            in_alert=None if self.in_alert is None else self.in_alert[mask],
            lead=self.lead[kept],
            lead_patient=number[self.lead_patient[kept]],
        )


def totals_of_alerts(
    calendar: Calendar,
    days: np.ndarray,
    events: np.ndarray,
    alerts: np.ndarray,
    window: int,
    blanking: int,
) -> Totals:
    """The totals of alerts that are given by the day on which they started.

    Parameters
    ----------
    calendar : Calendar
    days : ndarray of int64, shape (patients,)
        Of follow-up.
    events, alerts : ndarray of int64
        Places, ascending.
    window, blanking : int
    """
    size = days.size

    def count(places: np.ndarray) -> np.ndarray:
        return np.bincount(calendar.patient(places), minlength=size).astype(np.int64)

    lead = lead_times(events, alerts, window, blanking)
    found = lead >= 0
    return Totals(
        days=days.astype(np.int64),
        monitored=None,
        events=count(events),
        detected=count(events[found]),
        alerts=count(alerts),
        unexplained=count(alerts[~explained(alerts, events, window)]),
        in_alert=None,
        lead=lead[found],
        lead_patient=calendar.patient(events[found]),
    )


def totals_of_scores(
    calendar: Calendar,
    days: np.ndarray,
    events: np.ndarray,
    monitoring: Monitoring,
    threshold: float,
    recovery: float,
    window: int,
    blanking: int,
) -> tuple[np.ndarray, Totals]:
    """The places of the alerts that scores raise at a threshold, and their totals."""
    in_alert = monitoring.in_alert(threshold, recovery)
    alerts = monitoring.place[monitoring.starts(in_alert)]
    found = totals_of_alerts(calendar, days, events, alerts, window, blanking)
    bounds = np.searchsorted(monitoring.place, np.arange(days.size + 1) * calendar.span)
    return alerts, replace(
        found,
        monitored=_sums(monitoring.days, bounds),
        in_alert=_sums(monitoring.days * in_alert, bounds),
    )


def _sums(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Sums between neighbouring bounds."""
    filled = bounds[1:] > bounds[:-1]
    sums = np.zeros(filled.size, dtype=np.int64)
    if filled.any():
        sums[filled] = np.add.reduceat(values, bounds[:-1][filled], dtype=np.int64)
    return sums
