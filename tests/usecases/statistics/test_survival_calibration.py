"""Observed / expected, calibration line, smoothed errors and updates under censoring."""

from __future__ import annotations

import math

import numpy as np
import pytest

from usecases.statistics import calibration as yes_no
from usecases.statistics.risks import RiskTable
from usecases.statistics.smoothing import Smoother, calibration_errors
from usecases.statistics.survival import FollowUp
from usecases.statistics.survival_calibration import (
    Calibration,
    expected_risk,
    observed_expected_ratio,
    smooth_errors,
)
from usecases.statistics.survival_updating import UPDATES, cross_validated


def simulated(
    people: int = 4_000, seed: int = 1, *, shift: float = 0.0, slope: float = 1.0
) -> FollowUp:
    """Risks whose complementary log-log is off by ``shift`` and ``slope``."""
    random = np.random.default_rng(seed)
    right = random.normal(-2, 0.9, people)
    time = random.exponential(5 / np.exp(right))
    censored = random.uniform(1, 12, people)
    risk = -np.expm1(-np.exp((right - shift) / slope))
    return FollowUp.of(np.minimum(time, censored), (time < censored).astype(int), risk, 5.0)


def followed_up(people: int = 800) -> tuple[FollowUp, RiskTable]:
    """Nobody is censored, so that every measure is one of a yes/no outcome too."""
    random = np.random.default_rng(2)
    risk = np.round(random.uniform(0.02, 0.9, people), 2)
    outcome = (random.random(people) < risk**1.2).astype(int)
    follow = FollowUp.of(np.where(outcome, 2.0, 9.0), outcome, risk, 5.0)
    return follow, RiskTable.of(outcome, risk)


def test_observed_over_expected_of_a_case_computed_by_hand() -> None:
    follow = FollowUp.of(np.array([1.0, 2, 9, 9]), np.array([1, 1, 0, 0]), np.full(4, 0.4), 5.0)

    found = observed_expected_ratio(follow)

    assert found.value == pytest.approx(0.5 / 0.4)
    # 1 / root of 2 events is wider than the error of the observed risk over it, 0.25 / 0.5.
    assert found.upper == pytest.approx(1.25 * math.exp(1.959963985 / math.sqrt(2)))


def test_the_error_of_the_observed_risk_is_used_where_most_are_lost() -> None:
    random = np.random.default_rng(4)
    time, censored = random.exponential(20, 2_000), random.exponential(0.7, 2_000)
    follow = FollowUp.of(
        np.minimum(time, censored), (time < censored).astype(int), np.full(2_000, 0.2), 4.0
    )

    found = observed_expected_ratio(follow)

    relative = follow.incidence.standard_error / follow.incidence.value
    assert relative > 1 / math.sqrt(follow.total_events)
    assert found.standard_error == pytest.approx(found.value * relative)


def test_expected_risk_is_the_mean() -> None:
    follow, _table = followed_up()

    assert expected_risk(follow).value == pytest.approx(follow.risk.mean())


def test_risks_that_are_right_have_no_intercept_and_a_slope_of_one() -> None:
    found = Calibration.of(simulated(20_000))

    for quantity, right in ((found.intercept(), 0), (found.slope(), 1)):
        assert quantity.lower < right < quantity.upper


def test_risks_that_are_off_show_by_how_much() -> None:
    found = Calibration.of(simulated(20_000, shift=-0.5))
    spread = Calibration.of(simulated(20_000, slope=1.4))

    assert found.intercept().value == pytest.approx(-0.5, abs=0.1)
    assert spread.slope().value == pytest.approx(1.4, abs=0.12)


def test_with_everybody_followed_the_smoothed_curve_is_that_of_a_yes_no_outcome() -> None:
    follow, table = followed_up()

    errors = smooth_errors(Calibration.of(follow), 200, 1).quantities

    smoother = Smoother.fit(table)
    assert isinstance(smoother, Smoother)
    distance = np.abs(smoother.observed(table.linear_predictor) - table.risk)
    values = calibration_errors(distance, table.people)
    for index, name in enumerate(("ici", "e50", "e90")):
        assert errors[name].value == pytest.approx(values[index], abs=1e-9)
        assert errors[name].lower < errors[name].value < errors[name].upper
        assert "spline" in errors[name].method


def test_the_ratio_agrees_with_that_of_a_yes_no_outcome() -> None:
    follow, table = followed_up()

    assert observed_expected_ratio(follow).value == pytest.approx(
        yes_no.observed_expected_ratio(table).value
    )


def test_the_bootstrap_of_groups_agrees_with_one_of_persons() -> None:
    follow = simulated(1_500)
    found = smooth_errors(Calibration.of(follow), 400, 3)
    random = np.random.default_rng(5)
    drawn = []
    for _ in range(60):
        chosen = np.sort(random.integers(follow.people, size=follow.people))
        part = FollowUp.of(
            follow.time[chosen], follow.event[chosen], follow.risk[chosen], follow.horizon
        )
        one = Calibration.of(part)
        assert isinstance(one.smoother, Smoother)
        drawn.append(one.smoother.observed(np.array([-3.0, -2.0, -1.0])))
    smoother = found.smoother
    assert smoother is not None
    assert found.coefficients is not None
    ours = smoother.observed_rows(smoother.design(np.array([-3.0, -2.0, -1.0])), found.coefficients)

    assert np.std(ours, axis=0) == pytest.approx(np.std(drawn, axis=0), rel=0.35)


def test_another_seed_moves_the_interval_only() -> None:
    calibration = Calibration.of(simulated(500))

    one, same, other = (
        smooth_errors(calibration, 100, seed).quantities["ici"] for seed in (1, 1, 2)
    )

    assert one == same
    assert one.value == other.value
    assert one.lower != other.lower


def test_equal_risks_have_no_slope_and_no_curve() -> None:
    follow = FollowUp.of(np.arange(1.0, 41), np.arange(40) % 2, np.full(40, 0.3), 30.0)
    calibration = Calibration.of(follow)

    assert calibration.slope().unavailable == "All risks are equal."
    assert "equal" in (smooth_errors(calibration, 100, 1).quantities["ici"].unavailable or "")
    assert calibration.intercept().value is not None


def test_updates_set_right_what_is_wrong() -> None:
    follow = simulated(6_000, shift=2.0, slope=1.5)

    updated = {name: one.follow for name, one in cross_validated(follow, 1).items()}

    baseline, both = updated["recalibrated_baseline"], updated["recalibrated_slope"]
    assert baseline is not None
    assert both is not None
    assert observed_expected_ratio(follow).value > 1.3
    for one in (baseline, both):
        assert observed_expected_ratio(one).value == pytest.approx(1, abs=0.01)
    before, after = (Calibration.of(one).slope() for one in (baseline, both))
    assert before.lower > 1.1
    assert after.lower < 1 < after.upper


def test_what_happened_to_a_person_does_not_touch_that_persons_updated_risk() -> None:
    random = np.random.default_rng(6)
    follow = simulated(400)
    # The same people in the same order of time, one of whom has the event instead of not.
    person = int(random.choice(np.flatnonzero((follow.event == 0) & (follow.time < 5))))
    event = follow.event.copy()
    event[person] = 1
    changed = FollowUp.of(follow.time, event, follow.risk, 5.0)
    assert np.array_equal(changed.risk, follow.risk)

    for name in UPDATES:
        one, other = (cross_validated(who, 7)[name].follow for who in (follow, changed))
        assert one is not None
        assert other is not None
        assert one.risk[person] == other.risk[person]
        assert not np.array_equal(one.risk, other.risk)


def test_updates_keep_risks_of_0_and_1() -> None:
    follow = simulated(300)
    risk = follow.risk.copy()
    risk[:2] = 0, 1
    edged = FollowUp.of(follow.time, follow.event, risk, 5.0)

    for update in cross_validated(edged, 1).values():
        assert update.follow is not None
        same = (edged.risk == 0) | (edged.risk == 1)
        assert np.array_equal(update.follow.risk[same], edged.risk[same])


def test_an_update_that_cannot_be_fitted_gives_a_reason() -> None:
    follow = FollowUp.of(np.arange(1.0, 41), np.arange(40) % 2, np.full(40, 0.3), 30.0)
    alone = FollowUp.of(np.arange(1.0, 41), np.arange(40) == 3, np.linspace(0.1, 0.9, 40), 30.0)

    equal = cross_validated(follow, 1)
    assert equal["recalibrated_baseline"].follow is not None
    assert "could not be fitted" in (equal["recalibrated_slope"].reason or "")
    assert "no event" in (cross_validated(alone, 1)["recalibrated_slope"].reason or "")
