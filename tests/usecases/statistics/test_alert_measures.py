"""Measures of alerts from the totals of patients, and their intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from usecases.statistics import alert_measures
from usecases.statistics.alert_measures import NAMES, Settings, measure
from usecases.statistics.alerts import DAYS_PER_YEAR, Totals
from usecases.statistics.ratios import exact_poisson, patient_draws, robust_interval

SETTINGS = Settings(minimum_events=10, smallest_count=10, replicates=400, seed=1)


def totals(
    patients: int = 60,
    seed: int = 1,
    *,
    events: int | None = None,
    detected: int | None = None,
    alerts: int | None = None,
    unexplained: int | None = None,
) -> Totals:
    """Some totals; a number stands for the same in every patient."""
    random = np.random.default_rng(seed)

    def given(number: int | None, most: np.ndarray) -> np.ndarray:
        return random.binomial(most, 0.6) if number is None else np.full(patients, number)

    events_of = given(events, np.full(patients, 4))
    detected_of = np.minimum(given(detected, events_of), events_of)
    alerts_of = given(alerts, np.full(patients, 6))
    days = random.integers(200, 900, patients)
    return Totals(
        days=days,
        monitored=days - 10,
        events=events_of,
        detected=detected_of,
        alerts=alerts_of,
        unexplained=np.minimum(given(unexplained, alerts_of), alerts_of),
        in_alert=alerts_of * 3,
        lead=random.integers(0, 31, int(detected_of.sum())),
        lead_patient=np.repeat(np.arange(patients), detected_of),
    )


def test_values_are_ratios_of_totals() -> None:
    given = totals()
    assert given.monitored is not None
    monitored = given.monitored.sum() / DAYS_PER_YEAR

    found = measure(given, SETTINGS)

    assert found["event_sensitivity"].value == given.detected.sum() / given.events.sum()
    assert found["unexplained_alert_rate"].value == pytest.approx(
        given.unexplained.sum() / monitored
    )
    assert found["alert_rate"].value == pytest.approx(given.alerts.sum() / monitored)
    assert found["alert_ppv"].value == 1 - given.unexplained.sum() / given.alerts.sum()
    assert found["event_rate"].value == pytest.approx(
        given.events.sum() / given.days.sum() * DAYS_PER_YEAR
    )
    assert found["lead_time_median"].value == np.median(given.lead)
    for name in NAMES:
        quantity = found[name]
        assert quantity.lower is not None
        assert quantity.value is not None
        assert quantity.upper is not None
        assert quantity.lower <= quantity.value <= quantity.upper


def test_the_bootstrap_draws_whole_patients() -> None:
    """A plain bootstrap with the same draws, patient by patient."""
    given = totals(30)
    found = measure(given, SETTINGS)

    rates, medians = [], []
    for times in patient_draws(30, SETTINGS.replicates, SETTINGS.seed):
        drawn = np.repeat(np.arange(30), times)
        rates.append(given.events[drawn].sum() / given.days[drawn].sum() * DAYS_PER_YEAR)
        leads = [given.lead[given.lead_patient == patient] for patient in drawn]
        medians.append(np.median(np.concatenate(leads)))

    ends = np.quantile(rates, (0.025, 0.975))
    assert (found["event_rate"].lower, found["event_rate"].upper) == pytest.approx(ends)
    ends = np.quantile(medians, (0.025, 0.975))
    assert (found["lead_time_median"].lower, found["lead_time_median"].upper) == pytest.approx(ends)


def test_quantiles_of_counts_are_those_of_numpy() -> None:
    random = np.random.default_rng(3)
    counts = random.integers(0, 4, (200, 12))
    counts[0] = 0
    for share in (0.25, 0.5, 0.75):
        found = alert_measures._quantiles(counts.astype(float), share)
        assert np.isnan(found[0])
        expected = [np.quantile(np.repeat(np.arange(12), row), share) for row in counts[1:]]
        assert found[1:] == pytest.approx(expected)


def test_patients_with_many_events_make_intervals_wider_than_poisson() -> None:
    random = np.random.default_rng(5)
    given = totals(300)
    many = Totals(**{**given.__dict__, "events": random.negative_binomial(0.5, 0.15, 300)})

    found = measure(many, SETTINGS)["event_rate"]

    lower, upper = exact_poisson(int(many.events.sum()), many.days.sum() / DAYS_PER_YEAR)
    assert found.lower is not None
    assert found.upper is not None
    assert found.upper - found.lower > 1.5 * (upper - lower)


def test_linearised_intervals_agree_with_cluster_robust_regression() -> None:
    """Poisson regression with an offset and HC0 errors by patient, on the logarithmic scale."""
    given = totals(80)
    years = given.days / DAYS_PER_YEAR
    fitted = sm.GLM(
        given.events, np.ones(80), family=sm.families.Poisson(), offset=np.log(years)
    ).fit(cov_type="HC0")

    value, lower, upper = robust_interval(given.events[:, None], years[:, None], share=False)

    assert value[0] == pytest.approx(np.exp(fitted.params[0]))
    width = 1.959963985 * fitted.bse[0] * np.sqrt(80 / 79)
    assert np.log(upper[0] / value[0]) == pytest.approx(width, rel=1e-6)
    assert np.log(value[0] / lower[0]) == pytest.approx(width, rel=1e-6)


def test_a_linearised_share_stays_within_0_and_1_and_has_no_interval_at_its_ends() -> None:
    above = np.array([[0, 1, 2], [0, 0, 1], [0, 1, 1]])
    below = np.array([[2], [1], [1]])

    value, lower, upper = robust_interval(above, below, share=True)

    assert value.tolist() == [0.0, 0.5, 1.0]
    assert np.isnan(lower).tolist() == [True, False, True]
    assert 0 < lower[1] < 0.5 < upper[1] < 1


def test_nothing_found_has_an_exact_upper_end() -> None:
    open_ = replace(SETTINGS, smallest_count=1)
    found = measure(totals(60, detected=0, alerts=0, unexplained=0), open_)

    rate = found["unexplained_alert_rate"]
    years = (totals(60, detected=0, alerts=0, unexplained=0).days - 10).sum() / DAYS_PER_YEAR
    assert (rate.value, rate.lower) == (0.0, 0.0)
    assert rate.upper == pytest.approx(-np.log(0.025) / years)
    assert "Poisson" in rate.method
    sensitivity = found["event_sensitivity"]
    assert (sensitivity.value, sensitivity.lower) == (0.0, 0.0)
    assert sensitivity.upper is not None
    assert 0.03 < sensitivity.upper < 0.08
    assert found["alert_ppv"].unavailable == "There are no alerts; at least 10 are needed."
    assert found["lead_time_median"].unavailable is not None


def test_everything_found_has_an_exact_lower_end() -> None:
    found = measure(totals(60, events=2, detected=2, unexplained=0), SETTINGS)

    assert found["event_sensitivity"].upper == 1.0
    assert found["event_sensitivity"].lower == pytest.approx(0.025 ** (1 / 60))
    assert found["alert_ppv"].value == 1.0


@pytest.mark.parametrize(
    ("given", "name", "reason"),
    [
        (totals(60, events=0), "event_sensitivity", "There are no events"),
        (totals(60, events=0), "event_rate", "There are no events"),
        (totals(9), "alert_rate", "There are fewer than 10 patients."),
        (totals(1), "event_rate", "There are fewer than 10 patients."),
        (totals(60, detected=0), "lead_time_q25", "There are no events with an alert before"),
    ],
)
def test_a_measure_without_a_value_says_why(given: Totals, name: str, reason: str) -> None:
    unavailable = measure(given, SETTINGS)[name].unavailable

    assert unavailable is not None
    assert unavailable.startswith(reason)


def test_without_monitored_time_there_is_no_rate_of_alerts() -> None:
    given = totals(60, alerts=0)
    unwatched = Totals(**{**given.__dict__, "monitored": np.zeros(60, dtype=np.int64)})

    found = measure(unwatched, SETTINGS)

    assert found["alert_rate"].unavailable == "There is no monitored time."
    assert found["event_rate"].value is not None


def test_an_added_patient_without_events_or_alerts_lowers_rates_and_leaves_shares() -> None:
    given = totals(40)
    fields = dict(given.__dict__)
    for name in ("events", "detected", "alerts", "unexplained", "in_alert"):
        fields[name] = np.append(fields[name], 0)
    for name in ("days", "monitored"):
        fields[name] = np.append(fields[name], 365)

    one, other = measure(given, SETTINGS), measure(Totals(**fields), SETTINGS)

    for name in ("event_sensitivity", "alert_ppv", "lead_time_median"):
        assert one[name].value == other[name].value
    for name in ("alert_rate", "unexplained_alert_rate", "event_rate"):
        before, after = one[name].value, other[name].value
        assert before is not None
        assert after is not None
        assert after < before
