"""Alerts on daily scores: by hand, beside a plain implementation, and beside timescoring."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usecases.statistics import alerts
from usecases.statistics.alerts import Calendar, Monitoring, Totals

WINDOW = 30


@dataclass
class Plain:
    """Counts of one patient, found day by day as the definitions are written."""

    starts: list[int] = field(default_factory=list)
    days_in_alert: int = 0
    monitored: int = 0
    leads: list[int] = field(default_factory=list)
    unexplained: int = 0


def plain(
    scores: dict[int, float],
    events: list[int],
    end: int,
    threshold: float,
    recovery: float,
    window: int,
    blanking: int,
) -> Plain:
    found = Plain()
    days = sorted(scores)
    in_alert = False
    for index, day in enumerate(days):
        gap = index > 0 and day - days[index - 1] - 1 > alerts.LONGEST_GAP
        if gap:
            in_alert = False
        if in_alert and scores[day] < recovery:
            in_alert = False
        if not in_alert and scores[day] >= threshold:
            in_alert = True
            found.starts.append(day)
        following = days[index + 1] if index + 1 < len(days) else None
        bridged = following is not None and following - day - 1 <= alerts.LONGEST_GAP
        stands_for = following - day if bridged and following is not None else 1
        stands_for = min(stands_for, end - day)
        found.monitored += stands_for
        found.days_in_alert += stands_for * in_alert
    for event in sorted(events):
        early = [start for start in found.starts if event - window <= start <= event - blanking]
        if early:
            found.leads.append(event - early[0])
    found.unexplained = sum(
        not any(start <= event <= start + window for event in events) for start in found.starts
    )
    return found


def laid_out(
    patients: list[tuple[dict[int, float], list[int]]], end: int, window: int
) -> tuple[Calendar, np.ndarray, np.ndarray, Monitoring]:
    """Calendar, days of follow-up, events and monitoring of patients followed from day 0."""
    size = len(patients)
    ends = np.full(size, end)
    calendar = Calendar.of(np.zeros(size, dtype=np.int64), ends, window)
    rows = [
        (number, day, score)
        for number, (scores, _events) in enumerate(patients)
        for day, score in sorted(scores.items())
    ]
    number, day, score = (np.array(values) for values in zip(*rows, strict=True))
    events = np.array(
        [(number, day) for number, (_scores, days) in enumerate(patients) for day in sorted(days)],
        dtype=np.int64,
    ).reshape(-1, 2)
    monitoring = Monitoring.of(
        calendar.place(number, day),
        score.astype(np.float64),
        calendar.place(np.arange(size), ends),
    )
    return calendar, ends, calendar.place(events[:, 0], events[:, 1]), monitoring


def simulated(
    seed: int, patients: int = 20, end: int = 120
) -> list[tuple[dict[int, float], list[int]]]:
    """Series with ties, missing days and long gaps, and events that may fall on one day."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(patients):
        keep = random.random(end + 1) < 0.7
        keep &= ~np.repeat(random.random(end // 10 + 1) < 0.2, 10)[: end + 1]
        keep[int(random.integers(end))] = True
        scores = {int(day): float(random.integers(0, 8)) for day in np.flatnonzero(keep)}
        events = random.integers(0, end + 1, size=random.integers(0, 5)).tolist()
        found.append((scores, events))
    return found


def compare(totals: Totals, expected: list[Plain], events: list[list[int]]) -> None:
    assert totals.alerts.tolist() == [len(one.starts) for one in expected]
    assert totals.unexplained.tolist() == [one.unexplained for one in expected]
    assert totals.detected.tolist() == [len(one.leads) for one in expected]
    assert totals.events.tolist() == [len(days) for days in events]
    assert totals.lead.tolist() == [lead for one in expected for lead in one.leads]
    assert totals.monitored is not None
    assert totals.in_alert is not None
    assert totals.monitored.tolist() == [one.monitored for one in expected]
    assert totals.in_alert.tolist() == [one.days_in_alert for one in expected]


def test_an_alert_by_hand() -> None:
    scores = {0: 1.0, 1: 5.0, 2: 4.0, 3: 2.0, 4: 5.0, 20: 5.0, 21: 1.0}
    calendar, days, events, monitoring = laid_out([(scores, [2, 31, 80])], 100, WINDOW)

    places, totals = alerts.totals_of_scores(
        calendar, days, events, monitoring, 5.0, 4.0, WINDOW, 0
    )

    # Day 1 starts an alert that day 2, at the recovery threshold, does not end; day 3 does.
    # After 15 days without data monitoring starts anew on day 20, with a new alert.
    assert places.tolist() == [1, 4, 20]
    assert totals.detected.tolist() == [2]
    assert totals.lead.tolist() == [1, 30]  # day 31 - 30 is day 1: the first alert counts
    assert totals.unexplained.tolist() == [0]
    assert totals.monitored is not None
    assert totals.monitored.tolist() == [4 + 1 + 1 + 1]
    assert totals.in_alert is not None
    assert totals.in_alert.tolist() == [2 + 1 + 1]


def test_blanking_takes_the_last_days_from_detection_and_not_from_explanation() -> None:
    calendar = Calendar.of(np.array([0]), np.array([100]), WINDOW)

    totals = alerts.totals_of_alerts(
        calendar, np.array([100]), np.array([50]), np.array([48, 60]), WINDOW, 3
    )

    assert totals.detected.tolist() == [0]
    assert totals.unexplained.tolist() == [1]  # the one after the event


@pytest.mark.parametrize(("gap", "starts"), [(7, [0]), (8, [0, 9])])
def test_seven_days_without_data_are_bridged_and_eight_are_not(gap: int, starts: list[int]) -> None:
    _calendar, _days, _events, monitoring = laid_out([({0: 9.0, gap + 1: 9.0}, [])], 50, WINDOW)

    found = monitoring.starts(monitoring.in_alert(5.0, 5.0))

    assert monitoring.place[found].tolist() == starts
    assert monitoring.days.tolist() == ([8, 1] if gap == 7 else [1, 1])


def test_monitored_time_is_never_longer_than_follow_up() -> None:
    scores = dict.fromkeys(range(11), 1.0)  # a score each day from the first to the last
    calendar, days, events, monitoring = laid_out([(scores, [])], 10, WINDOW)

    _places, totals = alerts.totals_of_scores(
        calendar, days, events, monitoring, 1.0, 1.0, WINDOW, 0
    )

    assert totals.monitored is not None
    assert totals.monitored.tolist() == totals.days.tolist() == [10]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("threshold", "recovery", "window", "blanking"),
    [(5.0, 5.0, 30, 0), (6.0, 3.0, 20, 2), (4.0, 1.0, 3, 1), (9.0, 9.0, 30, 0), (0.0, 0.0, 30, 0)],
)
def test_totals_are_those_of_a_plain_implementation(
    seed: int, threshold: float, recovery: float, window: int, blanking: int
) -> None:
    patients, end = simulated(seed), 120
    calendar, days, events, monitoring = laid_out(patients, end, window)

    places, totals = alerts.totals_of_scores(
        calendar, days, events, monitoring, threshold, recovery, window, blanking
    )

    expected = [
        plain(scores, given, end, threshold, recovery, window, blanking)
        for scores, given in patients
    ]
    compare(totals, expected, [given for _scores, given in patients])
    assert places.tolist() == [
        calendar.span * number + start
        for number, one in enumerate(expected)
        for start in one.starts
    ]


@pytest.mark.parametrize("seed", range(4))
def test_counts_of_given_alerts_agree_with_timescoring(seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from timescoring.annotations import Annotation
        from timescoring.scoring import EventScoring
    random, days, window = np.random.default_rng(seed), 400, 14
    starts = np.flatnonzero(random.random(days) < 0.03)
    events = np.flatnonzero(random.random(days) < 0.02)

    def annotated(at: np.ndarray) -> object:
        """A fifth of a day at noon, so that neighbours do not touch."""
        return Annotation([(day + 0.4, day + 0.6) for day in at.tolist()], 10, 10 * days)

    scored = EventScoring(
        annotated(events),
        annotated(starts),
        EventScoring.Parameters(
            toleranceStart=window, toleranceEnd=0, minOverlap=0, minDurationBetweenEvents=0
        ),
    )
    calendar = Calendar.of(np.array([0]), np.array([days]), window)
    totals = alerts.totals_of_alerts(calendar, np.array([days]), events, starts, window, 0)

    assert totals.detected.sum() == scored.tp
    assert totals.unexplained.sum() == scored.fp
    assert totals.events.sum() == scored.refTrue


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shift=st.integers(-4000, 4000))
def test_counts_add_up_and_do_not_depend_on_the_date(seed: int, shift: int) -> None:
    patients, end = simulated(seed, patients=5, end=60), 60
    calendar, days, events, monitoring = laid_out(patients, end, WINDOW)
    _places, totals = alerts.totals_of_scores(
        calendar, days, events, monitoring, 5.0, 4.0, WINDOW, 0
    )

    zero = np.zeros(days.size, dtype=np.int64)
    moved = Calendar.of(zero + shift, days + shift, WINDOW)
    number = calendar.patient(monitoring.place)
    day = monitoring.place - number * calendar.span + shift
    again = Monitoring.of(
        moved.place(number, day), monitoring.score, moved.place(np.arange(days.size), days + shift)
    )
    _places, other = alerts.totals_of_scores(moved, days, events, again, 5.0, 4.0, WINDOW, 0)

    assert np.all(totals.detected <= totals.events)
    assert np.all(totals.unexplained <= totals.alerts)
    assert totals.lead.size == totals.detected.sum()
    assert totals.monitored is not None
    assert totals.in_alert is not None
    assert np.all(totals.in_alert <= totals.monitored)
    assert np.all(totals.monitored <= totals.days)
    for name in ("alerts", "unexplained", "events", "detected", "lead", "monitored", "in_alert"):
        assert np.array_equal(getattr(totals, name), getattr(other, name))


def test_some_patients_have_their_own_totals() -> None:
    patients = simulated(3)
    calendar, days, events, monitoring = laid_out(patients, 120, WINDOW)
    _places, totals = alerts.totals_of_scores(
        calendar, days, events, monitoring, 5.0, 5.0, WINDOW, 0
    )
    mask = np.arange(days.size) % 3 == 1

    part = totals.among(mask)
    rest = totals.among(~mask)

    assert part.patients + rest.patients == totals.patients
    assert part.detected.tolist() == totals.detected[mask].tolist()
    assert np.bincount(part.lead_patient, minlength=part.patients).tolist() == (
        part.detected.tolist()
    )
    assert sorted([*part.lead, *rest.lead]) == sorted(totals.lead)


def test_two_scores_on_one_day_are_an_error() -> None:
    with pytest.raises(ValueError, match="one a day"):
        Monitoring.of(np.array([3, 3]), np.array([1.0, 2.0]), np.array([10]))


def test_no_alerts_and_no_events() -> None:
    none = np.empty(0, dtype=np.int64)
    calendar = Calendar.of(np.array([0]), np.array([100]), WINDOW)

    without_alerts = alerts.totals_of_alerts(
        calendar, np.array([100]), np.array([5]), none, WINDOW, 0
    )
    without_events = alerts.totals_of_alerts(
        calendar, np.array([100]), none, np.array([5]), WINDOW, 0
    )

    assert (without_alerts.detected.sum(), without_alerts.alerts.sum()) == (0, 0)
    assert (without_events.unexplained.sum(), without_events.events.sum()) == (1, 0)
