"""All thresholds at once: the same counts as evaluating each threshold by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.usecases.statistics.test_alerts import laid_out, simulated
from usecases.statistics import alerts
from usecases.statistics.alert_cuts import told_thresholds
from usecases.statistics.alerts import Calendar, Monitoring
from usecases.statistics.free_response import FreeResponse, counts_by_patient

THRESHOLDS = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0])
SETTINGS = [(None, 30, 0), (None, 10, 2), (3.0, 30, 0), (2.5, 7, 1), (0.0, 30, 0), (9.0, 30, 0)]


def both(
    seed: int, recovery: float | None, window: int, blanking: int
) -> tuple[FreeResponse, Calendar, np.ndarray, np.ndarray, Monitoring]:
    calendar, days, events, monitoring = laid_out(simulated(seed), 120, window)
    free = FreeResponse(monitoring, events, window, blanking, recovery)
    return free, calendar, days, events, monitoring


def one_by_one(
    calendar: Calendar,
    days: np.ndarray,
    events: np.ndarray,
    monitoring: Monitoring,
    recovery: float | None,
    window: int,
    blanking: int,
) -> list[alerts.Totals]:
    """Each threshold by itself; the recovery threshold is never above it."""
    return [
        alerts.totals_of_scores(
            calendar,
            days,
            events,
            monitoring,
            threshold,
            threshold if recovery is None else min(recovery, threshold),
            window,
            blanking,
        )[1]
        for threshold in THRESHOLDS.tolist()
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("recovery", "window", "blanking"), SETTINGS)
def test_every_threshold_counts_as_by_itself(
    seed: int, recovery: float | None, window: int, blanking: int
) -> None:
    free, *rest = both(seed, recovery, window, blanking)
    expected = one_by_one(*rest, recovery, window, blanking)

    points = free.points(THRESHOLDS)

    assert points.alerts.tolist() == [one.alerts.sum() for one in expected]
    assert points.unexplained.tolist() == [one.unexplained.sum() for one in expected]
    assert points.detected.tolist() == [one.detected.sum() for one in expected]
    assert free.starts.days_in_alert(THRESHOLDS).tolist() == [
        one.in_alert.sum() for one in expected if one.in_alert is not None
    ]
    for threshold, one in zip(THRESHOLDS.tolist(), expected, strict=True):
        assert free.windows.leads(threshold).tolist() == one.lead.tolist()


@pytest.mark.parametrize(("recovery", "window", "blanking"), SETTINGS)
def test_each_patient_counts_as_by_itself(
    recovery: float | None, window: int, blanking: int
) -> None:
    free, calendar, days, events, monitoring = both(11, recovery, window, blanking)
    expected = one_by_one(calendar, days, events, monitoring, recovery, window, blanking)

    patient = calendar.patient(monitoring.place[free.intervals.row])
    found = counts_by_patient(
        patient, free.intervals.low, free.intervals.high, THRESHOLDS, days.size
    )
    event, low, high = free.detected_intervals
    detected = counts_by_patient(calendar.patient(events)[event], low, high, THRESHOLDS, days.size)

    assert found.T.tolist() == [one.alerts.tolist() for one in expected]
    assert detected.T.tolist() == [one.detected.tolist() for one in expected]


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    limits=st.lists(st.integers(0, 60), min_size=1, max_size=5),
    recovery=st.sampled_from([None, 2.0, 4.0]),
)
def test_a_burden_is_kept_from_its_threshold_on_and_from_no_lower_score_on(
    seed: int, limits: list[int], recovery: float | None
) -> None:
    free, *_rest = both(seed, recovery, 30, 0)
    scores = np.unique(free.monitoring.score)
    unexplained = free.points(scores).unexplained

    found = free.thresholds_within(np.array(limits))

    for limit, threshold in zip(limits, found.tolist(), strict=True):
        keeps = [
            score
            for index, score in enumerate(scores.tolist())
            if unexplained[index:].max() <= limit
        ]
        at = free.points(np.array([threshold])) if np.isfinite(threshold) else None
        if not keeps:
            assert at is None
        elif at is not None:
            # The scores between the two start no alert, so both say the same.
            lowest = free.points(np.array([keeps[0]]))
            assert threshold >= keeps[0]
            assert (at.unexplained >= lowest.unexplained).all()
            assert (at.detected >= lowest.detected).all()
            assert at.unexplained[0] <= limit


def test_all_scores_equal_make_one_step() -> None:
    patients = [(dict.fromkeys(range(0, 50), 3.0), [40]) for _ in range(4)]
    _calendar, _days, events, monitoring = laid_out(patients, 60, 30)

    free = FreeResponse(monitoring, events, 30, 0)
    points = free.points(np.array([2.9, 3.0, 3.1]))

    # Everyone is in alert from the first day on, 40 days before the event.
    assert points.alerts.tolist() == [4, 4, 0]
    assert points.unexplained.tolist() == [4, 4, 0]
    assert points.detected.tolist() == [0, 0, 0]
    assert free.thresholds_within(np.array([3, 4])).tolist()[1] == 3.0
    assert np.isnan(free.thresholds_within(np.array([3.0]))[0])


def test_without_events_every_alert_is_unexplained() -> None:
    patients = [(scores, []) for scores, _events in simulated(2)]
    _calendar, _days, events, monitoring = laid_out(patients, 120, 30)

    points = FreeResponse(monitoring, events, 30, 0).points(THRESHOLDS)

    assert points.unexplained.tolist() == points.alerts.tolist()
    assert not points.detected.any()


@pytest.mark.parametrize("recovery", [None, 3.0, 2.5])
@pytest.mark.parametrize("smallest", [1, 2])
def test_the_thresholds_of_curves_count_other_patients_and_are_no_scores(
    recovery: float | None, smallest: int
) -> None:
    free, calendar, days, _events, monitoring = both(5, recovery, 30, 0)
    patients = days.size
    event_patient = calendar.patient(free.events)
    row_patient = calendar.patient(monitoring.place[free.intervals.row])
    wanted = free.candidates()[::-1]

    told = told_thresholds(
        free, event_patient, row_patient, patients, (5.0, (True, True, True)), wanted, smallest
    )

    assert told.size >= (5 if smallest == 1 else 2)
    assert not set(told.tolist()) & (set(monitoring.score.tolist()) - {5.0})
    event, low, high = free.detected_intervals
    counts = counts_by_patient(event_patient[event], low, high, told, patients)
    assert counts.sum(axis=0).tolist() == free.points(told).detected.tolist()
    for one in range(told.size):
        for other in range(one):
            differ = np.count_nonzero(counts[:, one] != counts[:, other])
            if counts[:, one].sum() != counts[:, other].sum():
                assert differ >= smallest
