"""AUROC with DeLong's interval, and average precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from usecases.statistics import discrimination
from usecases.statistics.risks import RiskTable


def with_ties(seed: int, people: int = 400) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    risk = np.round(random.random(people), 2)
    return (random.random(people) < risk).astype(int), risk


def delong_by_definition(outcome: np.ndarray, risk: np.ndarray) -> tuple[float, float]:
    """The area and its standard error from all pairs, as the paper writes them."""
    events, others = risk[outcome == 1], risk[outcome == 0]
    pairs = (events[:, None] > others) + 0.5 * (events[:, None] == others)
    variance = np.var(pairs.mean(1), ddof=1) / events.size + np.var(pairs.mean(0), ddof=1) / (
        others.size
    )
    return float(pairs.mean()), float(np.sqrt(variance))


def test_auroc_of_a_case_computed_by_hand() -> None:
    # Events 0.8, 0.4; others 0.1, 0.4, 0.5. Pairs won: 3 and 1.5 of 6.
    found = discrimination.auroc(np.array([1, 1, 0, 0, 0]), np.array([0.8, 0.4, 0.1, 0.4, 0.5]))

    assert found.value == 0.75
    # V10 = (1, 1/2), variance 1/8; V01 = (1, 3/4, 1/2), variance 1/16.
    assert found.standard_error == pytest.approx(np.sqrt(1 / 16 + 1 / 48), abs=1e-15)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("prevalence_flipped", [False, True])
def test_auroc_agrees_with_scikit_learn_and_the_definition(
    seed: int, prevalence_flipped: bool
) -> None:
    outcome, risk = with_ties(seed)
    if prevalence_flipped:  # events become the larger half
        outcome = np.where(np.arange(outcome.size) % 3 == 0, outcome, 1)

    found = discrimination.auroc(outcome, risk)

    value, error = delong_by_definition(outcome, risk)
    assert found.value == pytest.approx(roc_auc_score(outcome, risk), abs=1e-14)
    assert found.value == pytest.approx(value, abs=1e-14)
    assert found.standard_error == pytest.approx(error, rel=1e-12)


def test_the_table_gives_the_same_auroc_as_the_rows() -> None:
    outcome, risk = with_ties(7)

    from_rows = discrimination.auroc(outcome, risk)
    from_table = discrimination.auroc_of_table(RiskTable.of(outcome, risk))

    assert from_table.value == from_rows.value
    assert from_table.standard_error == pytest.approx(from_rows.standard_error, rel=1e-12)


def test_two_threads_give_the_same_auroc_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, risk = with_ties(3, people=5_000)
    alone = discrimination.auroc(outcome, risk)
    monkeypatch.setattr(discrimination, "_ONE_THREAD", 10)
    monkeypatch.setattr(discrimination.os, "cpu_count", lambda: 2)

    assert discrimination.auroc(outcome, risk) == alone


def test_auroc_accepts_scores_of_any_scale() -> None:
    outcome, risk = with_ties(4)

    assert discrimination.auroc(outcome, 100 * risk - 70).value == pytest.approx(
        roc_auc_score(outcome, risk), abs=1e-14
    )


def test_auroc_of_one_outcome_gives_a_reason() -> None:
    found = discrimination.auroc(np.array([1, 1]), np.array([0.2, 0.3]))

    assert found.value is None
    assert found.unavailable == "All people have the same outcome."


def test_auroc_of_equal_scores_is_a_half_without_an_interval() -> None:
    found = discrimination.auroc(np.array([1, 0, 1, 0]), np.full(4, 0.3))

    assert (found.value, found.lower) == (0.5, None)
    assert "no interval" in found.method


def test_auroc_refuses_scores_that_are_not_numbers() -> None:
    with pytest.raises(ValueError, match="not a number"):
        discrimination.auroc(np.array([1, 0, 1]), np.array([0.1, np.nan, 0.2]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 16)), min_size=4, max_size=60),
    st.randoms(use_true_random=False),
)
def test_auroc_turns_round_with_the_risks_and_ignores_the_order(
    rows: list[tuple[bool, int]], random: object
) -> None:
    rows = [(True, 3), (False, 5), *rows]
    outcome = np.array([row[0] for row in rows])
    risk = np.array([row[1] for row in rows]) / 16
    found = discrimination.auroc(outcome, risk)
    assert found.value is not None

    turned = discrimination.auroc(outcome, 1 - risk)
    random.shuffle(rows)  # type: ignore[attr-defined]
    shuffled = discrimination.auroc(
        np.array([row[0] for row in rows]), np.array([row[1] for row in rows]) / 16
    )

    assert turned.value == pytest.approx(1 - found.value, abs=1e-15)
    if found.standard_error is not None:
        assert turned.standard_error == pytest.approx(found.standard_error, rel=1e-9)
    assert shuffled == found


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_agrees_with_scikit_learn(seed: int) -> None:
    outcome, risk = with_ties(seed)
    table = RiskTable.of(outcome, risk)

    found = discrimination.average_precision_of_counts(table.events, table.non_events)

    assert float(found) == pytest.approx(average_precision_score(outcome, risk), abs=1e-14)


def test_average_precision_of_a_case_computed_by_hand() -> None:
    # From the top: event (1/1), other, event (2/3); recall rises by a half twice.
    table = RiskTable.of(np.array([1, 0, 1]), np.array([0.9, 0.6, 0.3]))

    found = discrimination.average_precision_of_counts(table.events, table.non_events)

    assert float(found) == pytest.approx((1 + 2 / 3) / 2, abs=1e-15)


def test_rows_of_counts_give_the_auroc_of_each() -> None:
    tables = [RiskTable.of(*with_ties(seed, people=3_000)) for seed in range(3)]
    same = [table for table in tables if table.risk.size == tables[0].risk.size]
    events = np.stack([table.events for table in same])
    others = np.stack([table.non_events for table in same])

    found = discrimination.auroc_of_counts(events, others)

    expected = [discrimination.auroc_of_table(table).value for table in same]
    assert found.tolist() == pytest.approx(expected, abs=1e-14)
    assert len(same) > 1


def test_points_of_a_curve_are_exact_and_far_enough_apart() -> None:
    random = np.random.default_rng(1)
    risk = random.random(3_000)
    outcome = random.random(3_000) < risk
    table = RiskTable.of(outcome, risk)

    starts = discrimination.curve_starts(table, 10, 100)

    above = np.cumsum(table.people[::-1])[::-1][starts]
    assert 90 <= starts.size <= 100
    assert np.all(np.diff(np.concatenate(([0], above, [3_000]))) >= 10)
    false, true, thresholds = roc_curve(outcome, risk, drop_intermediate=False)
    expected = {t: (f, s) for t, f, s in zip(thresholds, false, true, strict=True)}
    for start in starts:
        counts = table.at_or_above(table.risk[[start]])
        assert expected[table.risk[start]] == pytest.approx(
            (counts[1][0] / table.total_non_events, counts[0][0] / table.total_events)
        )
