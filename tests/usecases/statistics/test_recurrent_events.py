"""The mean number of events, where it is known otherwise."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from usecases.statistics.recurrent_events import GHOSH_LIN, WITHOUT_DEATHS, mean_events

AT = np.array([0, 3, 10, 30, 59])


def simulated(seed: int, patients: int = 150) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Last days, and patient and day of events, with ties."""
    random = np.random.default_rng(seed)
    last = random.integers(5, 60, patients)
    last[0] = 59
    patient = np.repeat(np.arange(patients), random.poisson(1.5, patients))
    return last, patient, random.integers(0, last[patient] + 1)


def test_by_hand() -> None:
    """Four patients: deaths on days 2 and 5, censored on days 3 and 9."""
    last, died = np.array([2, 3, 5, 9]), np.array([True, False, True, False])

    found = mean_events(
        last, died, np.array([0, 1, 2, 3, 3]), np.array([1, 3, 5, 5, 8]), np.array([1, 3, 5, 9])
    )

    first = 1 / 4
    second = first + 3 / 4 * 1 / 3  # three of four survived day 2; three are at risk on day 3
    third = second + 3 / 4 * 2 / 2
    fourth = third + 3 / 4 * 1 / 2 * 1 / 1
    assert found.mean.tolist() == pytest.approx([first, second, third, fourth], abs=1e-15)
    assert found.at_risk.tolist() == [4, 3, 2, 1]
    assert found.method == GHOSH_LIN


def test_without_censoring_it_is_the_plain_average() -> None:
    last, patient, day = simulated(1)

    found = mean_events(last, np.ones(last.size, dtype=bool), patient, day, AT)

    for index, time in enumerate(AT):
        counts = np.bincount(patient[day <= time], minlength=last.size)
        assert found.mean[index] == pytest.approx(counts.mean(), abs=1e-14)
        plain = counts.std() / np.sqrt(last.size)
        assert found.standard_error[index] == pytest.approx(plain, abs=1e-14)


def test_the_standard_error_is_close_to_the_jackknife() -> None:
    last, patient, day = simulated(2, 300)
    died = np.random.default_rng(7).random(last.size) < 0.5
    found = mean_events(last, died, patient, day, AT[1:4])

    left_out = []
    for one in range(last.size):
        keep = np.arange(last.size) != one
        number = np.cumsum(keep) - 1
        kept = keep[patient]
        part = mean_events(last[keep], died[keep], number[patient[kept]], day[kept], AT[1:4])
        left_out.append(part.mean)
    spread = np.array(left_out)
    size = last.size
    jackknife = np.sqrt((size - 1) / size * ((spread - spread.mean(axis=0)) ** 2).sum(axis=0))
    assert found.standard_error == pytest.approx(jackknife, rel=0.01)


def test_first_events_without_death_have_the_cumulative_hazard_of_lifelines() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifelines import NelsonAalenFitter

        random = np.random.default_rng(4)
        time, seen = random.integers(1, 60, 200), random.random(200) < 0.6
        fitted = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(time, seen)
        expected = fitted.cumulative_hazard_at_times([10, 30, 50]).to_numpy()
    # Follow-up ends with the event, so everyone at risk has had none.
    at = np.array([10, 30, 50])
    found = mean_events(time, np.zeros(200, dtype=bool), np.flatnonzero(seen), time[seen], at)

    assert found.mean == pytest.approx(expected, abs=1e-12)
    assert found.method == WITHOUT_DEATHS


def test_the_order_of_events_and_patients_does_not_matter() -> None:
    last, patient, day = simulated(3)
    died = np.arange(last.size) % 3 == 0
    order = np.random.default_rng(1).permutation(last.size)
    place = np.argsort(order)

    one = mean_events(last, died, patient, day, AT)
    other = mean_events(last[order], died[order], place[patient][::-1], day[::-1], AT)

    assert one.mean.tolist() == other.mean.tolist()
    assert one.standard_error == pytest.approx(other.standard_error, rel=1e-12)


def test_deaths_taken_for_censoring_raise_the_mean() -> None:
    last, patient, day = simulated(5)
    died = np.random.default_rng(2).random(last.size) < 0.5

    with_deaths = mean_events(last, died, patient, day, AT)
    without = mean_events(last, np.zeros_like(died), patient, day, AT)

    assert with_deaths.mean[-1] < without.mean[-1]


def test_before_the_first_event_there_is_no_interval() -> None:
    found = mean_events(
        np.array([9, 9]), np.array([False, True]), np.array([0]), np.array([5]), np.array([4, 6])
    )

    assert found.mean.tolist() == [0.0, 0.5]
    assert np.isnan(found.lower).tolist() == [True, False]


def test_an_event_after_follow_up_is_an_error() -> None:
    with pytest.raises(ValueError, match="within the patient's follow-up"):
        mean_events(np.array([5]), np.array([False]), np.array([0]), np.array([6]), np.array([5]))
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(ValueError, match="no patient"):
        mean_events(none, none.astype(bool), none, none, np.array([0]))
