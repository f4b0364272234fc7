"""The mean number of events of a patient by some time, where death ends it all.

Days are whole numbers, counted from the start of each patient's follow-up; a patient is at risk
up to and including the last day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usecases.statistics.quantity import Z95

GHOSH_LIN = "Ghosh-Lin, death as terminal event; robust interval on the logarithmic scale"
WITHOUT_DEATHS = (
    "Nelson-Aalen mean of recurrent events, no deaths given; robust interval on the "
    "logarithmic scale"
)


@dataclass(frozen=True)
class MeanEvents:
    """The mean cumulative number of events at some days.

    Attributes
    ----------
    day : ndarray of int64, shape (days,)
    mean, standard_error, lower, upper : ndarray of float64, shape (days,)
        The interval is NaN before the first event.
    at_risk : ndarray of int64, shape (days,)
        Patients under observation on the day.
    method : str
    """

    day: np.ndarray
    mean: np.ndarray
    standard_error: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    at_risk: np.ndarray
    method: str


def mean_events(
    last: np.ndarray, died: np.ndarray, patient: np.ndarray, day: np.ndarray, at: np.ndarray
) -> MeanEvents:
    """The mean number of events of a patient by each of the days ``at``.

    Parameters
    ----------
    last : ndarray of int64, shape (patients,)
        Last day of follow-up, >= 0.
    died : ndarray of bool, shape (patients,)
        Whether the patient died on that day.
    patient, day : ndarray of int64, shape (events,)
        Whose event (numbered from 0), and when; not after the patient's last day.
    at : ndarray of int64, shape (days,)
        Ascending, not after the last day of everyone.

    Returns
    -------
    MeanEvents

    Raises
    ------
    ValueError
        If there is no patient, or an event lies outside the patient's follow-up.

    Notes
    -----
    The estimator adds up S(u-) dN(u) / Y(u), S being the Kaplan-Meier survival: Ghosh & Lin,
    Biometrics 2000;56:554-562; ``recurrentMarginal`` of the R package mets. The standard error is
    that of its influence function, taken on the discrete days, so that without censoring the
    mean is the plain average and the variance that of the plain counts, divided by the number
    of patients. Without deaths it is the mean function of Lawless & Nadeau, Technometrics
    1995;37:158-168.
    """
    size = last.size
    if not size:
        raise ValueError("There is no patient.")
    if day.size and (day.min() < 0 or np.any(day > last[patient])):
        raise ValueError("Every event must lie within the patient's follow-up.")
    days = int(last.max()) + 1
    at_risk = size - np.concatenate(([0], np.cumsum(np.bincount(last, minlength=days))))[:-1]
    rate = np.bincount(day, minlength=days) / at_risk
    hazard = np.bincount(last[died], minlength=days) / at_risk
    before = np.concatenate(([1.0], np.cumprod(1 - hazard)[:-1]))
    mean = np.cumsum(before * rate)

    # Each patient's influence is own(t) - mean(t) * death(t) + moved(t), all sums over days to t.
    jump = before / at_risk
    compensated = np.cumsum(jump * rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        death = np.where(hazard < 1, 1 / (at_risk * (1 - hazard)), 0.0)
    deaths = np.cumsum(death * hazard)
    moved = np.cumsum(death * hazard * mean)
    order = np.argsort(day, kind="stable")
    patient, day = patient[order], day[order]
    own = np.zeros(size)
    errors, done = [], 0
    for time in at:
        until = int(np.searchsorted(day, time, side="right"))
        new = slice(done, until)
        own += np.bincount(patient[new], weights=jump[day[new]], minlength=size)
        done = until
        stop = np.minimum(last, time)
        influence = own - compensated[stop] + mean[time] * deaths[stop] - moved[stop]
        gone = np.flatnonzero(died & (last <= time))
        influence[gone] -= death[last[gone]] * (mean[time] - mean[last[gone]])
        errors.append(float(np.sqrt(np.sum(influence**2))))
    value, error = mean[at], np.array(errors)
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.exp(Z95 * error / value)
        bad = (value <= 0) | (error <= 0)
        lower, upper = np.where(bad, np.nan, value / width), np.where(bad, np.nan, value * width)
    method = GHOSH_LIN if died.any() else WITHOUT_DEATHS
    return MeanEvents(at, value, error, lower, upper, at_risk[at], method)
