"""Comparing models of a yes/no outcome: rows of patients, small counts, odd tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.jobs.child import Refused
from portal.result import Comparison, Difference
from portal.tables import LoadedTable
from tests.usecases.ckd.test_evaluation import QUICK, simulated, with_visits
from usecases.ckd.binary_comparison import compare_binary
from usecases.ckd.evaluation import BinaryProtocol


def compared(cohort: pl.DataFrame, *models: pl.DataFrame, **protocol: Any) -> Comparison:
    return compare_binary(
        {"cohort": LoadedTable(cohort, "c" * 64)},
        [LoadedTable(model, "p" * 64) for model in models],
        BinaryProtocol(**{**QUICK, **protocol}),
    )


def given_at(found: Comparison, measure: str, threshold: float | None = None) -> Difference:
    at = None if threshold is None else {"threshold": threshold}
    return next(one for one in found.differences if (one.measure, one.at) == (measure, at))


def noisy(predictions: pl.DataFrame, noise: float = 0.1, seed: int = 4) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    risk = predictions["risk"].to_numpy() + random.normal(0, noise, predictions.height)
    return predictions.with_columns(pl.Series("risk", np.clip(np.round(risk, 2), 0.01, 0.99)))


def test_patients_with_several_rows_are_drawn_with_all_of_them() -> None:
    cohort, predictions = with_visits()

    found = compared(cohort, predictions, noisy(predictions), smallest_count=1)

    assert found.population["patients"] < found.population["rows"] == cohort.height
    assert "Obuchowski" in given_at(found, "auroc").method
    for name in ("brier", "observed_expected_ratio", "calibration_slope"):
        assert "paired patient-cluster bootstrap" in given_at(found, name).method
    assert "paired patient-cluster bootstrap" in given_at(found, "sensitivity", 0.2).method


def test_rows_of_patients_in_another_order_give_the_same_bytes() -> None:
    cohort, predictions = with_visits()
    other = noisy(predictions)

    one = compared(cohort, predictions, other)
    two = compared(
        cohort.sample(fraction=1, shuffle=True, seed=2),
        predictions.reverse(),
        other.sample(fraction=1, shuffle=True, seed=3),
    )

    assert one.to_json() == two.to_json()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10_000), st.integers(40, 400), st.floats(0.01, 0.3), st.sampled_from([1, 5, 10])
)
def test_what_is_told_of_a_threshold_is_of_nobody_or_of_enough_people(
    seed: int, people: int, noise: float, smallest: int
) -> None:
    cohort, first = simulated(people, seed, sites=())
    second = noisy(first, noise, seed)
    joined = cohort.join(first, on="patient_id").join(second, on="patient_id")
    happened, one, other = (joined[c].to_numpy() for c in ("outcome", "risk", "risk_right"))
    thresholds = (0.2, 0.4)

    found = compared(
        cohort, first, second, smallest_count=smallest, minimum_events=1, thresholds=thresholds
    )

    for threshold in thresholds:
        small = {}
        for name, outcome in (("sensitivity", 1), ("specificity", 0)):
            of = happened == outcome
            cells = np.bincount(2 * (one[of] >= threshold) + (other[of] >= threshold), minlength=4)
            small[name] = bool(np.any((cells > 0) & (cells < smallest)))
            if small[name]:
                assert given_at(found, name, threshold).value is None
        if any(small.values()):
            assert given_at(found, "net_benefit", threshold).value is None
    counts = found.population["events"], found.population["non_events"]
    assert all(count is None or count == 0 or count >= smallest for count in counts)


def test_models_with_few_risks_are_compared_where_each_belongs_to_enough_people() -> None:
    cohort, first = simulated(1_500, sites=())
    three = first.with_columns((pl.col("risk") * 3).floor() / 3 + 0.1)
    one_alone = three.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(0.95).otherwise(pl.col("risk")).alias("risk")
    )

    assert given_at(compared(cohort, first, three), "auroc").value is not None
    found = compared(cohort, first, one_alone)
    assert "no more than 5 different risks" in (given_at(found, "auroc").unavailable or "")
    assert given_at(found, "brier").value is None


def test_the_calibration_of_one_model_may_fail_alone() -> None:
    cohort, first = simulated(1_500, sites=())
    constant = first.with_columns(risk=pl.lit(0.3))

    found = compared(cohort, first, constant)

    assert given_at(found, "calibration_slope").unavailable == "All risks are equal."
    assert given_at(found, "auroc").value is not None


def test_ids_may_be_numbers_here_and_text_there_and_risk_a_column_of_the_cohort() -> None:
    cohort, first = simulated(sites=())
    number = pl.col("patient_id").str.slice(1)
    expected = compared(
        cohort.with_columns(number), first.with_columns(number), noisy(first).with_columns(number)
    )

    found = compared(
        cohort.with_columns(number.cast(pl.Int64), risk=pl.lit("high")),
        first.with_columns(number.cast(pl.Int64)),
        noisy(first).with_columns(number),
    )

    assert found.differences == expected.differences


def test_visits_must_be_told_apart_by_both_tables() -> None:
    cohort, predictions = with_visits()

    with pytest.raises(Refused, match="'visit'"):
        compared(cohort.drop("visit").unique("patient_id"), predictions, predictions)


def test_few_events_are_neither_counted_nor_compared() -> None:
    cohort, first = simulated(300, sites=())
    rare = cohort.with_columns(outcome=(pl.int_range(pl.len()) < 4).cast(pl.Int64))

    found = compared(rare, first, noisy(first))

    assert (found.population["events"], found.population["non_events"]) == (None, None)
    assert {one.unavailable for one in found.differences} == {
        "There are fewer than 10 people with the event; at least 10 are needed."
    }
