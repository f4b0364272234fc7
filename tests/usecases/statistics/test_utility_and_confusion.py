"""Net benefit and the proportions at a threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from dcurves import dca
from sklearn.metrics import confusion_matrix
from statsmodels.stats.proportion import proportion_confint

from usecases.statistics import confusion, utility
from usecases.statistics.quantity import wilson_quantity
from usecases.statistics.risks import RiskTable


def with_ties(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    risk = np.round(random.beta(2, 5, 600), 3)
    return (random.random(600) < risk).astype(int), risk


def test_net_benefit_agrees_with_dcurves_at_every_threshold() -> None:
    outcome, risk = with_ties(1)
    frame = pd.DataFrame({"outcome": outcome, "risk": risk})
    curves = dca(data=frame, outcome="outcome", modelnames=["risk"], thresholds=utility.GRID)
    table = RiskTable.of(outcome, risk)

    for model, value in (
        ("risk", lambda at: utility.net_benefit(table, at).value),
        ("all", lambda at: utility.net_benefit_treat_all(table, at)),
    ):
        expected = curves.loc[curves["model"] == model, "net_benefit"].to_numpy()
        found = [value(float(at)) for at in utility.GRID]
        assert found == pytest.approx(expected.tolist(), abs=1e-12)


def test_a_decision_curve_is_net_benefit_at_each_threshold() -> None:
    outcome, risk = with_ties(2)
    table = RiskTable.of(outcome, risk)
    expected = [utility.net_benefit(table, float(at)) for at in utility.GRID]
    assert utility.decision_curve(outcome, risk) == expected


def test_net_benefit_counts_a_risk_equal_to_the_threshold() -> None:
    table = RiskTable.of(np.array([1, 0, 0, 0]), np.array([0.2, 0.2, 0.1, 0.1]))

    assert utility.net_benefit(table, 0.2).value == pytest.approx(1 / 4 - 1 / 4 * 0.25)


def test_the_standard_error_of_net_benefit_is_that_of_a_mean_over_people() -> None:
    outcome, risk = with_ties(2)

    found = utility.net_benefit(RiskTable.of(outcome, risk), 0.3)

    gains = np.where(risk >= 0.3, np.where(outcome == 1, 1, -0.3 / 0.7), 0)
    assert found.value == pytest.approx(gains.mean(), abs=1e-14)
    # (n - 1) against n in the variance
    assert found.standard_error == pytest.approx(np.std(gains, ddof=1) / np.sqrt(600), rel=1e-9)


def test_confusion_counts_agree_with_scikit_learn() -> None:
    outcome, risk = with_ties(3)
    thresholds = np.array([0.1, 0.25, 0.5])

    found = confusion.confusions(RiskTable.of(outcome, risk), thresholds)

    for threshold, at in zip(thresholds, found, strict=True):
        (tn, fp), (fn, tp) = confusion_matrix(outcome, risk >= threshold)
        assert at == confusion.Confusion(tp, fp, fn, tn)
        assert at.proportion("ppv").value == pytest.approx(tp / (tp + fp))
        assert at.proportion("npv").value == pytest.approx(tn / (tn + fn))


@pytest.mark.parametrize(("count", "total"), [(0, 12), (12, 12), (3, 40), (999, 1_000)])
def test_wilson_intervals_agree_with_statsmodels(count: int, total: int) -> None:
    found = wilson_quantity(count, total)

    expected = proportion_confint(count, total, method="wilson")
    assert (found.lower, found.upper) == pytest.approx(expected, abs=1e-12)


def test_a_proportion_of_nobody_gives_a_reason() -> None:
    assert wilson_quantity(0, 0).unavailable == "Nobody to take the proportion of."
