"""The curves of heart-failure/alerts, as columns of numbers. No Django."""

from __future__ import annotations

from typing import Any

import numpy as np

from usecases.heart_failure.cohort import Cohort
from usecases.statistics import recurrent_events
from usecases.statistics.alert_cuts import (
    LEADS,
    lead_is_told,
    merged_bins,
    merged_days,
    told_thresholds,
)
from usecases.statistics.alerts import DAYS_PER_YEAR, Totals
from usecases.statistics.free_response import FreeResponse, counts_by_patient
from usecases.statistics.ratios import robust_interval

Columns = dict[str, list[Any]]

TOGETHER = 64
"""Thresholds whose counts by patient are held at once."""

BURDENS = np.concatenate((np.arange(1, 41) / 20, np.arange(11, 31) / 5, np.arange(13, 25) / 2))
"""Unexplained alerts per patient-year for which a threshold is looked up: 0.05 to 12."""


def thresholds_of(
    free: FreeResponse,
    cohort: Cohort,
    totals: Totals,
    threshold: float,
    told: tuple[bool, bool, bool],
    smallest: int,
) -> np.ndarray:
    """The thresholds that curves are drawn at: the protocol's, those of burdens, and others.

    ``told`` says whether detected events, unexplained and explained alerts are told of at the
    protocol's ``threshold``.
    """
    years = int(totals.at_risk.sum()) / DAYS_PER_YEAR
    burdens = free.thresholds_within(BURDENS * years)
    wanted = np.concatenate((burdens[np.isfinite(burdens)], free.candidates()[::-1]))
    rows = free.intervals.row
    return told_thresholds(
        free,
        cohort.event_patient,
        cohort.calendar.patient(free.monitoring.place[rows]),
        cohort.patients,
        (threshold, told),
        wanted,
        smallest,
    )


def free_response_curve(
    free: FreeResponse, cohort: Cohort, days: int, thresholds: np.ndarray
) -> Columns:
    """Sensitivity against unexplained alerts, by falling burden of thresholds.

    Parameters
    ----------
    free : FreeResponse
    cohort : Cohort
    days : int
        Monitored days of everyone.
    thresholds : ndarray
        Of :func:`thresholds_of`.
    """
    points = free.points(thresholds)
    years = days / DAYS_PER_YEAR
    value, lower, upper = _sensitivities(free, cohort, thresholds)
    return {
        "threshold": thresholds.tolist(),
        "unexplained_alert_rate": (points.unexplained / years).tolist(),
        "event_sensitivity": value.tolist(),
        "event_sensitivity_lower": _numbers(lower),
        "event_sensitivity_upper": _numbers(upper),
        "alert_rate": (points.alerts / years).tolist(),
    }


def burden_curve(
    free: FreeResponse,
    cohort: Cohort,
    totals: Totals,
    threshold: float,
    thresholds: np.ndarray,
    smallest: int,
) -> Columns:
    """For each burden the lowest of ``thresholds`` that keeps it, and what follows from it.

    The protocol's ``threshold`` has a row too, with the burden that it makes.
    """
    days = int(totals.at_risk.sum())
    years = days / DAYS_PER_YEAR
    lowest = free.thresholds_within(BURDENS * years)
    # Thresholds between the same two levels raise the same alerts.
    order = free.levels.rank(thresholds)
    levels = free.levels.rank(np.nan_to_num(lowest, nan=np.inf))
    first = np.searchsorted(order, levels)
    kept = first < thresholds.size
    burdens, chosen = BURDENS[kept], first[kept]
    own = np.flatnonzero(thresholds == threshold)
    if own.size:
        made = free.points(thresholds[own]).unexplained / years
        burdens, chosen = np.concatenate((made, burdens)), np.concatenate((own, chosen))
    # Beyond the most that the scores can raise, every burden has the same threshold.
    places, at = np.unique(chosen, return_index=True)
    ascending = thresholds[places]
    columns: Columns = {"burden": burdens[at].tolist(), "threshold": ascending.tolist()}
    _with_interval(columns, "event_sensitivity", _sensitivities(free, cohort, ascending))
    for name, found in _alert_ratios(free, cohort, totals.at_risk, ascending).items():
        _with_interval(columns, name, found)
    warned = [free.windows.warned(float(at)) for at in ascending]
    for name, share in LEADS.items():
        columns[name] = [
            float(np.quantile(lead, share))
            if lead.size and lead_is_told(lead, cohort.event_patient[event], share, smallest)
            else None
            for event, lead in warned
        ]
    columns["time_in_alert"] = (free.starts.days_in_alert(ascending) / days).tolist()
    return columns


def _sensitivities(
    free: FreeResponse, cohort: Cohort, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The share of events detected at each threshold, with its interval."""
    event, low, high = free.detected_intervals
    having, patient = np.unique(cohort.event_patient, return_inverse=True)
    events = np.bincount(patient, minlength=having.size)[:, None]
    found = [
        robust_interval(
            counts_by_patient(patient[event], low, high, part, having.size), events, share=True
        )
        for part in _parts(thresholds)
    ]
    return _joined(found)


def _alert_ratios(
    free: FreeResponse, cohort: Cohort, monitored: np.ndarray, thresholds: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rates of alerts and their predictive value at each threshold, with intervals."""
    intervals, size = free.intervals, cohort.patients
    # Only what starts at or above the lowest threshold counts.
    if thresholds.size:
        used = intervals.high >= thresholds[0]
    else:
        used = np.zeros(intervals.high.size, dtype=bool)
    patient = cohort.calendar.patient(free.monitoring.place[intervals.row[used]])
    low, high, known = intervals.low[used], intervals.high[used], ~free.is_unexplained[used]
    years = (monitored / DAYS_PER_YEAR)[:, None]
    found: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {
        "unexplained_alert_rate": [],
        "alert_rate": [],
        "alert_ppv": [],
    }
    for part in _parts(thresholds):
        alerts = counts_by_patient(patient, low, high, part, size)
        explained = counts_by_patient(patient[known], low[known], high[known], part, size)
        found["unexplained_alert_rate"].append(
            robust_interval(alerts - explained, years, share=False)
        )
        found["alert_rate"].append(robust_interval(alerts, years, share=False))
        found["alert_ppv"].append(robust_interval(explained, alerts, share=True))
    return {name: _joined(parts) for name, parts in found.items()}


def lead_times(totals: Totals, window: int, smallest: int) -> Columns:
    """How many events have their first alert how many days before; bins joined where few."""
    counts = np.bincount(totals.lead, minlength=window + 1)
    starts = merged_bins(totals.lead, totals.lead_patient, window + 1, smallest)
    return {
        "days_from": starts,
        "days_to": [*(start - 1 for start in starts[1:]), window],
        "events": np.add.reduceat(counts, starts).tolist(),
    }


def mean_cumulative_events(cohort: Cohort, smallest: int) -> tuple[Columns, str] | None:
    """The mean number of events by time since the start, while enough patients are followed.

    Between neighbouring days nobody or at least ``smallest`` patients have an event, and as many
    leave follow-up; None where no day is left.
    """
    last = cohort.end - cohort.start
    enough = np.sort(last)[::-1][min(smallest, last.size) - 1]
    at = np.unique(np.linspace(0, int(enough), min(int(enough) + 1, 200)).round().astype(np.int64))
    people = {
        "events": (cohort.event_patient, cohort.event_day),
        # At risk on a day are those who leave on it or later.
        "leaving": (np.arange(cohort.patients), last + 1),
    }
    days = np.asarray(merged_days(at, people, smallest), dtype=np.int64)
    if not days.size:
        return None
    found = recurrent_events.mean_events(
        last, cohort.died, cohort.event_patient, cohort.event_day, days
    )
    columns = {
        "years": (found.day / DAYS_PER_YEAR).tolist(),
        "mean": found.mean.tolist(),
        "lower": _numbers(found.lower),
        "upper": _numbers(found.upper),
        "at_risk": found.at_risk.tolist(),
    }
    return columns, found.method


def _parts(thresholds: np.ndarray) -> list[np.ndarray]:
    return [thresholds[start : start + TOGETHER] for start in range(0, thresholds.size, TOGETHER)]


def _joined(
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not found:
        return np.empty(0), np.empty(0), np.empty(0)
    value, lower, upper = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return value, lower, upper


def _with_interval(
    columns: Columns, name: str, found: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    for suffix, values in zip(("", "_lower", "_upper"), found, strict=True):
        columns[f"{name}{suffix}"] = _numbers(values)


def _numbers(values: np.ndarray) -> list[float | None]:
    """Numbers as JSON has them: null where there is none."""
    return [float(value) if np.isfinite(value) else None for value in values]
