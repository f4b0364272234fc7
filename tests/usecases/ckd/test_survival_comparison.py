"""Comparing models of a risk by a horizon: known answers and small counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.result import Comparison, Difference
from portal.tables import LoadedTable, read_table
from tests.usecases.ckd.test_survival_evaluation import simulated
from usecases.ckd.survival_comparison import compare_survival
from usecases.ckd.survival_evaluation import SurvivalProtocol
from usecases.ckd.tables import COHORT_SURVIVAL, PREDICTIONS_SURVIVAL
from usecases.statistics.survival import EVENT, FollowUp


def compared(cohort: pl.DataFrame, *models: pl.DataFrame, **protocol: Any) -> Comparison:
    return compare_survival(
        {"cohort": LoadedTable(cohort, "c" * 64)},
        [LoadedTable(model, "p" * 64) for model in models],
        SurvivalProtocol(**protocol),
    )


def given_at(found: Comparison, measure: str, threshold: float | None = None) -> Difference:
    at = None if threshold is None else {"threshold": threshold}
    return next(one for one in found.differences if (one.measure, one.at) == (measure, at))


def noisy(predictions: pl.DataFrame, noise: float, seed: int = 4) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    order = predictions.sort("patient_id")
    risk = order["risk"].to_numpy() + random.normal(0, noise, order.height)
    return order.with_columns(pl.Series("risk", np.clip(np.round(risk, 2), 0.01, 0.99)))


def test_two_baselines_of_one_equation_rank_alike(reference_data: Path) -> None:
    """The Kidney Failure Risk Equation in Leicestershire, with two baselines: ranks are equal."""
    folder = reference_data / "ckd-survival" / "leicester"
    tables = {"cohort": read_table(folder / "cohort.parquet", COHORT_SURVIVAL)}
    models = [
        read_table(folder / f"predictions_kfre_{name}.parquet", PREDICTIONS_SURVIVAL)
        for name in ("uk", "non_north_american")
    ]

    found = compare_survival(tables, models, SurvivalProtocol())

    for name in ("auc", "harrell_c", "uno_c"):
        one = given_at(found, name)
        assert one.value == pytest.approx(0, abs=1e-6)
    means = [model.frame["risk"].mean() for model in models]
    ratio = given_at(found, "observed_expected_ratio")
    assert ratio.value == pytest.approx(0.0127210561 * (1 / means[1] - 1 / means[0]), rel=1e-6)
    assert ratio.upper is not None
    assert ratio.upper < 0
    follow = tables["cohort"].frame.filter(pl.col("time") <= 5)
    assert found.population["events"] == (follow["event"] == EVENT).sum()


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 10_000), st.integers(80, 600), st.floats(0.01, 0.2), st.sampled_from([1, 5, 10])
)
def test_what_is_told_of_a_threshold_is_of_nobody_or_of_enough_people(
    seed: int, people: int, noise: float, smallest: int
) -> None:
    cohort, first = simulated(people, seed, sites=False)
    second = noisy(first, noise, seed)
    joined = cohort.join(first, on="patient_id").join(second, on="patient_id")
    one, other = joined["risk"].to_numpy(), joined["risk_right"].to_numpy()
    follow = FollowUp.of(joined["time"].to_numpy(), joined["event"].to_numpy(), one, 5.0)
    happened = np.zeros(joined.height, dtype=bool)
    happened[follow.order] = follow.event == EVENT
    thresholds = (0.1, 0.25)

    found = compared(
        cohort, first, second, smallest_count=smallest, minimum_events=1, thresholds=thresholds
    )

    for threshold in thresholds:
        for of in (happened, ~happened):
            cells = np.bincount(2 * (one[of] > threshold) + (other[of] > threshold), minlength=4)
            if np.any((cells > 0) & (cells < smallest)):
                assert given_at(found, "net_benefit", threshold).value is None
    events = found.population["events"]
    assert events is None or events == 0 or events >= smallest


def test_a_gain_in_calibration_is_no_gain_in_ranking() -> None:
    cohort, first = simulated(2_000)
    shrunk = first.with_columns(risk=pl.col("risk") / 3 + 0.02)

    found = compared(cohort, shrunk, first, thresholds=(0.2,))

    assert given_at(found, "harrell_c").value == 0.0
    brier = given_at(found, "brier")
    assert brier.upper is not None
    assert brier.upper < 0


def test_few_risks_of_one_model_alone_withhold_its_differences() -> None:
    cohort, first = simulated(1_200)
    few = first.with_columns(risk=pl.when(pl.int_range(pl.len()) < 3).then(0.9).otherwise(0.2))

    found = compared(cohort, first, few, noisy(first, 0.05))

    for one in found.differences:
        if one.second == 1:
            assert "different risks" in (one.unavailable or "")
    assert given_at(found, "auc").second == 1
    assert any(one.value is not None for one in found.differences if one.second == 2)
