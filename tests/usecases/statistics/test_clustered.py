"""The clustered standard error of the AUROC."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usecases.statistics.clustered import clustered_auroc
from usecases.statistics.discrimination import auroc


def simulated(clusters: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of a cluster share an effect on the score; scores have ties."""
    random = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), size)
    outcome = (random.random(cluster.size) < 0.4).astype(int)
    shared = random.normal(size=clusters)[cluster]
    score = np.round(outcome + 1.5 * shared + random.normal(size=cluster.size), 1)
    return outcome, score, cluster


def slow_variance(outcome: np.ndarray, score: np.ndarray, cluster: np.ndarray) -> float:
    """Obuchowski 1997, equations (2) to (6), by loops over clusters."""
    events, others = score[outcome == 1], score[outcome == 0]

    def wins(x: float, y: float) -> float:
        return 1.0 if x > y else 0.5 if x == y else 0.0

    area = np.mean([[wins(x, y) for y in others] for x in events])
    s10 = s01 = s11 = 0.0
    i10 = i01 = 0
    numbers = sorted(set(cluster.tolist()))
    for number in numbers:
        own = cluster == number
        x = [np.mean([wins(a, b) for b in others]) for a in score[own & (outcome == 1)]]
        y = [np.mean([wins(a, b) for a in events]) for b in score[own & (outcome == 0)]]
        i10, i01 = i10 + bool(x), i01 + bool(y)
        s10 += (sum(x) - len(x) * area) ** 2
        s01 += (sum(y) - len(y) * area) ** 2
        s11 += (sum(x) - len(x) * area) * (sum(y) - len(y) * area)
    m, n, i = len(events), len(others), len(numbers)
    s10 *= i10 / ((i10 - 1) * m)
    s01 *= i01 / ((i01 - 1) * n)
    s11 *= i / (i - 1)
    return s10 / m + s01 / n + 2 * s11 / (m * n)


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_the_sums_over_clusters(seed: int) -> None:
    data = simulated(30, 3, seed)
    found = clustered_auroc(*data)
    assert found.standard_error**2 == pytest.approx(slow_variance(*data), rel=1e-10)
    assert found.value == auroc(data[0], data[1]).value


def test_clusters_of_one_row_give_the_standard_error_of_delong() -> None:
    outcome, score, _ = simulated(200, 1, 3)
    found = clustered_auroc(outcome, score, np.arange(200))
    plain = auroc(outcome, score)
    assert (found.value, found.lower) == pytest.approx((plain.value, plain.lower))
    assert found.standard_error == pytest.approx(plain.standard_error)


def test_rows_that_are_written_twice_do_not_make_it_surer() -> None:
    outcome, score, _ = simulated(100, 1, 4)
    once = clustered_auroc(outcome, score, np.arange(100))
    twice = clustered_auroc(np.tile(outcome, 2), np.tile(score, 2), np.tile(np.arange(100), 2))
    assert twice.standard_error == pytest.approx(once.standard_error)
    assert auroc(np.tile(outcome, 2), np.tile(score, 2)).standard_error < 0.8 * once.standard_error


def test_it_agrees_with_a_bootstrap_of_clusters() -> None:
    outcome, score, cluster = simulated(150, 4, 8)
    random = np.random.default_rng(1)
    rows = [np.flatnonzero(cluster == number) for number in range(150)]
    drawn = []
    for _ in range(300):
        where = np.concatenate([rows[number] for number in random.integers(150, size=150)])
        drawn.append(auroc(outcome[where], score[where]).value)
    found = clustered_auroc(outcome, score, cluster)
    assert found.standard_error == pytest.approx(np.std(drawn, ddof=1), rel=0.12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_turning_the_scores_round_turns_the_area_round(seed: int) -> None:
    outcome, score, cluster = simulated(12, 2, seed)
    if len(set(outcome.tolist())) < 2:
        return
    one, other = (clustered_auroc(outcome, sign * score, cluster) for sign in (1, -1))
    assert one.value + other.value == pytest.approx(1)
    if one.standard_error is not None:
        assert other.standard_error == pytest.approx(one.standard_error)


def test_one_outcome_and_one_cluster_have_a_reason() -> None:
    assert clustered_auroc(np.ones(4), np.arange(4.0), np.arange(4)).unavailable
    found = clustered_auroc(np.asarray([1, 1, 0, 0]), np.arange(4.0), np.asarray([0, 0, 1, 2]))
    assert found.value == 0.0
    assert found.lower is None
    assert "single cluster" in found.method
