"""Calibration: the glm coefficients, observed / expected, Brier, and the smoothed curve."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special
from sklearn.metrics import brier_score_loss

from usecases.statistics import calibration
from usecases.statistics.regression import fit_logistic, fit_logistic_rows
from usecases.statistics.risks import RiskTable, off_the_edge
from usecases.statistics.smoothing import Smoother, calibration_errors


def with_ties(seed: int, people: int = 800) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    risk = np.clip(np.round(random.beta(1.2, 4, people), 2), 0.01, 0.99)
    return (random.random(people) < risk * 0.8 + 0.05).astype(int), risk


@pytest.mark.parametrize("seed", range(4))
def test_intercept_slope_and_in_the_large_agree_with_statsmodels(seed: int) -> None:
    outcome, risk = with_ties(seed)
    table = RiskTable.of(outcome, risk)
    logit = special.logit(risk)

    intercept, slope = calibration.calibration_line(table)
    large = calibration.calibration_in_the_large(table)

    binomial = sm.families.Binomial()
    line = sm.GLM(outcome, sm.add_constant(logit), family=binomial).fit(tol=1e-12)
    offset = sm.GLM(outcome, np.ones_like(risk), family=binomial, offset=logit).fit(tol=1e-12)
    assert [intercept.value, slope.value] == pytest.approx(line.params, abs=1e-7)
    assert [intercept.standard_error, slope.standard_error] == pytest.approx(line.bse, abs=1e-5)
    assert [slope.lower, slope.upper] == pytest.approx(line.conf_int()[1], abs=2e-5)
    assert large.value == pytest.approx(offset.params[0], abs=1e-7)
    assert large.standard_error == pytest.approx(offset.bse[0], abs=1e-5)


def test_observed_expected_ratio_of_a_case_computed_by_hand() -> None:
    table = RiskTable.of(np.array([1, 0, 0, 1]), np.array([0.5, 0.25, 0.25, 0.6]))

    found = calibration.observed_expected_ratio(table)

    assert found.value == pytest.approx(2 / 1.6)
    error = np.sqrt((1 - 0.5) / 2)
    assert found.lower == pytest.approx(2 / 1.6 * np.exp(-1.959963984540054 * error))
    assert found.upper == pytest.approx(2 / 1.6 * np.exp(1.959963984540054 * error))


def test_brier_and_scaled_brier_agree_with_scikit_learn_and_plain_formulas() -> None:
    outcome, risk = with_ties(9)
    table = RiskTable.of(outcome, risk)

    score, scaled = calibration.brier(table), calibration.scaled_brier(table)

    errors = (risk - outcome) ** 2
    share = outcome.mean()
    assert score.value == pytest.approx(brier_score_loss(outcome, risk), abs=1e-14)
    assert score.standard_error == pytest.approx(np.std(errors, ddof=1) / np.sqrt(800), rel=1e-12)
    assert scaled.value == pytest.approx(1 - errors.mean() / (share * (1 - share)), abs=1e-14)


def test_the_scaled_brier_interval_agrees_with_a_bootstrap_of_people() -> None:
    outcome, risk = with_ties(2)
    found = calibration.scaled_brier(RiskTable.of(outcome, risk))
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(800):
        people = random.integers(800, size=800)
        share = outcome[people].mean()
        drawn.append(1 - ((risk - outcome)[people] ** 2).mean() / (share * (1 - share)))

    assert found.standard_error == pytest.approx(np.std(drawn, ddof=1), rel=0.12)


def test_risks_of_0_and_1_move_and_no_other_risk_does() -> None:
    moved = off_the_edge(np.array([0.0, 1e-9, 0.3, 1.0]))

    assert moved.tolist() == [1e-9, 1e-9, 0.3, 1 - 1e-6]
    assert off_the_edge(np.array([0.0, 1.0])).tolist() == [1e-6, 1 - 1e-6]


def test_separated_outcomes_have_no_slope_and_say_why() -> None:
    table = RiskTable.of(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4]))

    intercept, slope = calibration.calibration_line(table)

    assert intercept.value is slope.value is None
    assert slope.unavailable is not None
    assert "separates" in slope.unavailable


def test_equal_risks_have_no_slope_and_say_why() -> None:
    table = RiskTable.of(np.array([0, 1, 1, 0]), np.full(4, 0.4))

    assert calibration.calibration_line(table)[1].unavailable == "All risks are equal."
    assert Smoother.fit(table) == "All risks are equal."


def test_a_risk_of_0_that_stands_for_its_neighbour_leaves_nothing_to_smooth() -> None:
    table = RiskTable.of(np.array([0, 1]), np.array([0.0, 1e-9]))

    assert Smoother.fit(table) == "All risks are equal."
    assert calibration.calibration_line(table)[1].unavailable == "All risks are equal."


def test_many_fits_at_once_are_the_fits_one_by_one() -> None:
    random = np.random.default_rng(5)
    design = np.column_stack((np.ones(30), np.linspace(-2, 2, 30)))
    events = random.integers(1, 20, (6, 30))
    others = random.integers(1, 20, (6, 30))

    together = fit_logistic_rows(design, events, others)

    for row in range(6):
        alone = fit_logistic(design, events[row], others[row])
        assert alone is not None
        assert together[row] == pytest.approx(alone, abs=1e-9)
        model = sm.GLM(
            np.column_stack((events[row], others[row])), design, family=sm.families.Binomial()
        )
        assert alone == pytest.approx(model.fit(tol=1e-13).params, abs=1e-8)


def test_a_fit_without_a_maximum_is_not_given() -> None:
    design = np.column_stack((np.ones(4), np.arange(4.0)))

    assert fit_logistic(design, np.array([0, 0, 5, 5]), np.array([5, 5, 0, 0])) is None


def test_the_smoother_is_the_spline_regression_of_an_independent_implementation() -> None:
    outcome, risk = with_ties(11, people=3_000)
    table = RiskTable.of(outcome, risk)
    smoother = Smoother.fit(table)
    assert isinstance(smoother, Smoother)
    assert smoother.knots.size == 5

    # Harrell's basis, written out row by row.
    logit, knots = special.logit(risk), smoother.knots
    columns = [np.ones_like(logit), logit]
    for knot in knots[:3]:
        cubes = [np.maximum(logit - k, 0) ** 3 for k in (knot, knots[3], knots[4])]
        columns.append(
            cubes[0]
            - cubes[1] * (knots[4] - knot) / (knots[4] - knots[3])
            + cubes[2] * (knots[3] - knot) / (knots[4] - knots[3])
        )
    model = sm.GLM(outcome, np.column_stack(columns), family=sm.families.Binomial())
    expected = model.fit(tol=1e-13).fittedvalues

    assert smoother.observed(logit) == pytest.approx(expected, abs=1e-7)
    errors = calibration_errors(
        np.abs(smoother.observed(table.linear_predictor) - table.risk), table.people
    )
    distance = np.abs(expected - risk)
    assert errors == pytest.approx(
        [distance.mean(), *np.quantile(distance, (0.5, 0.9)), distance.max()], abs=1e-7
    )


def test_calibration_errors_weigh_people() -> None:
    distance = np.array([0.3, 0.1, 0.2, 0.9])
    people = np.array([1, 3, 2, 0])

    found = calibration_errors(distance, people)

    everyone = np.repeat(distance, people)
    assert found == pytest.approx(
        [everyone.mean(), *np.quantile(everyone, (0.5, 0.9)), everyone.max()]
    )
