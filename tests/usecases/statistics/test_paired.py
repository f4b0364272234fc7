"""Paired differences against direct computation, published values, and by their properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from usecases.statistics.clustered import clustered_auroc
from usecases.statistics.discrimination import auroc
from usecases.statistics.paired import (
    auroc_difference,
    bootstrap_difference,
    gives_away,
    influence_difference,
    no_difference,
    share_difference,
)

Z = norm.ppf(0.975)


def placements(happened: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The structural components of DeLong, pair by pair."""
    kernel = np.array(
        [
            [1.0 if x > y else 0.5 if x == y else 0.0 for y in score[~happened]]
            for x in score[happened]
        ]
    )
    return kernel.mean(axis=1), kernel.mean(axis=0)


def delong(happened: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Difference and standard error from the covariance matrices, as the paper has them."""
    one, other = placements(happened, first), placements(happened, second)
    by_event = np.cov(np.stack((one[0], other[0])))
    by_other = np.cov(np.stack((one[1], other[1])))
    covariance = by_event / happened.sum() + by_other / (~happened).sum()
    contrast = np.array([-1.0, 1.0])
    return other[0].mean() - one[0].mean(), math.sqrt(contrast @ covariance @ contrast)


def people(seed: int, size: int, digits: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    happened = np.arange(size) % 3 == 0
    first = np.round(random.normal(size=size) + happened, digits)
    second = np.round(0.6 * first + random.normal(size=size) + 0.3 * happened, digits)
    return happened, first, second


@pytest.mark.parametrize("seed", range(4))
def test_areas_differ_as_the_covariance_of_placements_has_it(seed: int) -> None:
    happened, first, second = people(seed, 90)

    found = auroc_difference(happened, first, second)

    value, error = delong(happened, first, second)
    assert found.value == pytest.approx(value, abs=1e-14)
    assert found.standard_error == pytest.approx(error, rel=1e-12)
    assert (found.lower, found.upper) == pytest.approx((value - Z * error, value + Z * error))
    single = auroc(happened, second).value, auroc(happened, first).value
    assert None not in single
    assert found.value == pytest.approx(single[0] - single[1], abs=1e-14)


def test_two_areas_by_hand() -> None:
    """Events 3 and 5, others 1 and 4: the first wins 3 of 4 pairs, the second all.

    Differences of placements: events 1/2 and 0, others 0 and 1/2, so that either group adds
    (1/8) / 2 to the variance.
    """
    happened = np.array([True, True, False, False])

    found = auroc_difference(happened, np.array([3.0, 5, 1, 4]), np.array([6.0, 7, 1, 2]))

    assert found.value == 0.25
    assert found.standard_error == pytest.approx(math.sqrt(1 / 8))


def obuchowski(
    happened: np.ndarray, first: np.ndarray, second: np.ndarray, cluster: np.ndarray
) -> float:
    """The variance of the difference from the three variances and covariances of the paper."""
    size = cluster.max() + 1
    parts = []
    for score in (first, second):
        events, others = placements(happened, score)
        area = events.mean()
        by_event, by_other = np.zeros(size), np.zeros(size)
        for number, value in zip(cluster[happened], events, strict=True):
            by_event[number] += value - area
        for number, value in zip(cluster[~happened], others, strict=True):
            by_other[number] += value - area
        parts.append((by_event, by_other))
    counts = happened.sum(), (~happened).sum()
    clusters = [np.unique(cluster[own]).size for own in (happened, ~happened)]
    every = np.unique(cluster).size

    def covariance(one: int, other: int) -> float:
        (x10, x01), (y10, y01) = parts[one], parts[other]
        s10 = clusters[0] / ((clusters[0] - 1) * counts[0]) * (x10 @ y10)
        s01 = clusters[1] / ((clusters[1] - 1) * counts[1]) * (x01 @ y01)
        s11 = every / (every - 1) * (x10 @ y01 + y10 @ x01) / 2
        return s10 / counts[0] + s01 / counts[1] + 2 * s11 / (counts[0] * counts[1])

    return covariance(0, 0) + covariance(1, 1) - 2 * covariance(0, 1)


def test_areas_of_clusters_differ_as_obuchowski_has_it() -> None:
    happened, first, second = people(5, 120)
    cluster = np.arange(120) // 4

    found = auroc_difference(happened, first, second, cluster)

    variance = obuchowski(happened, first, second, cluster)
    assert found.standard_error == pytest.approx(math.sqrt(variance), rel=1e-12)
    assert found.value == pytest.approx(
        (clustered_auroc(happened, second, cluster).value or 0)
        - (clustered_auroc(happened, first, cluster).value or 0)
    )


def test_clusters_of_one_row_are_no_clusters() -> None:
    happened, first, second = people(6, 80)

    alone = auroc_difference(happened, first, second, np.arange(80))

    plain = auroc_difference(happened, first, second)
    assert alone.standard_error == pytest.approx(plain.standard_error, rel=1e-12)


def test_models_that_rank_alike_have_no_interval() -> None:
    happened, first, _second = people(7, 60)

    found = auroc_difference(happened, first, np.exp(first))

    assert found.value == 0.0
    assert found.lower is found.standard_error is None
    assert "no variation" in found.method


@pytest.mark.parametrize(
    ("happened", "reason", "method"),
    [
        ([True] * 4, "All people have the same outcome.", "DeLong"),
        ([True, False, False, False], None, "a single person"),
    ],
)
def test_degenerate_outcomes(happened: list[bool], reason: str | None, method: str) -> None:
    scores = np.array([4.0, 1, 2, 3]), np.array([2.0, 1, 3, 4])

    found = auroc_difference(np.array(happened), *scores)

    assert found.unavailable == reason
    assert method in found.method
    assert found.lower is None


def test_all_rows_of_one_cluster_have_no_interval() -> None:
    found = auroc_difference(
        np.array([True, True, False, False]),
        np.array([1.0, 2, 3, 4]),
        np.array([4.0, 3, 2, 1]),
        np.zeros(4, dtype=np.int64),
    )

    assert (found.value, found.lower) == (1.0, None)
    assert "a single cluster" in found.method


def flags(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, first, second, neither]
    return np.repeat([True, True, False, False], counts), np.repeat(
        [True, False, True, False], counts
    )


def newcombe(both: int, first: int, second: int, neither: int) -> tuple[float, float]:
    """Method 10 for the first share less the second, Wilson's limits as roots of a quadratic."""
    n = both + first + second + neither

    def wilson(count: int) -> tuple[float, float, float]:
        p = count / n
        a, b, c = 1 + Z**2 / n, -(2 * p + Z**2 / n), p**2
        root = math.sqrt(max(0.0, b**2 - 4 * a * c))
        return p, (-b - root) / (2 * a), (-b + root) / (2 * a)

    (p1, l1, u1), (p2, l2, u2) = wilson(both + first), wilson(both + second)
    product = both * neither - first * second
    corrected = product if product < 0 else max(product - n / 2, 0)
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    phi = corrected / math.sqrt(margins) if margins else 0.0
    down = math.sqrt(max(0, (p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2))
    up = math.sqrt(max(0, (u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2))
    return p1 - p2 - down, p1 - p2 + up


def test_responses_before_and_after_therapy() -> None:
    """Cavo et al., Blood 2012;120:9-19, 59/6/16/80: the interval of R's contingencytables 2."""
    first, second = flags(59, 6, 16, 80)

    found = share_difference(second, first)

    assert found.value == pytest.approx(-0.0621, abs=5e-5)
    assert (found.lower, found.upper) == pytest.approx((-0.1186, -0.0046), abs=5e-5)


@settings(deadline=None)
@given(*(st.integers(0, 40) for _ in range(4)))
def test_any_shares_differ_as_the_formula_has_it(
    both: int, first: int, second: int, neither: int
) -> None:
    counts = both, first, second, neither
    one, other = flags(*counts)

    found = share_difference(one, other)

    if not sum(counts):
        assert found.unavailable == "Nobody to take the proportion of."
        return
    lower, upper = newcombe(both, second, first, neither)
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=1e-12)
    assert found.value is not None
    assert -1 <= lower - 1e-12 <= found.value <= upper + 1e-12 <= 1 + 1e-9
    swapped = share_difference(other, one)
    assert (swapped.value, swapped.lower, swapped.upper) == pytest.approx(
        (-found.value, -upper, -lower), abs=1e-12
    )


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25
    ),
    st.randoms(use_true_random=False),
)
def test_swapped_models_negate_and_the_order_of_people_changes_nothing(
    rows: list[tuple[bool, int, int]], random: object
) -> None:
    happened, first, second = (np.array(column) for column in zip(*rows, strict=True))

    found = auroc_difference(happened, first.astype(float), second.astype(float))
    swapped = auroc_difference(happened, second.astype(float), first.astype(float))
    shuffled = np.array(sorted(range(len(rows)), key=lambda _row: random.random()))  # type: ignore[attr-defined]
    moved = auroc_difference(
        happened[shuffled], first[shuffled].astype(float), second[shuffled].astype(float)
    )

    assert moved.value == found.value
    assert moved.standard_error == pytest.approx(found.standard_error)
    if found.value is None:
        assert swapped.unavailable == found.unavailable
        return
    assert swapped.value == -found.value
    assert swapped.standard_error == pytest.approx(found.standard_error)
    if found.lower is not None:
        assert found.upper is not None
        assert -1 <= found.lower <= found.value <= found.upper <= 1


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((20, 10, 10, 30), True),
        ((20, 0, 0, 30), True),
        ((20, 0, 10, 30), True),
        ((20, 9, 10, 30), False),
        ((20, 10, 1, 30), False),
        ((9, 10, 10, 30), False),
        ((20, 10, 10, 3), False),
        ((0, 0, 0, 0), True),
    ],
)
def test_what_gives_few_people_away(counts: tuple[int, int, int, int], told: bool) -> None:
    assert gives_away(*flags(*counts), 10) is not told


def test_influences_make_a_normal_interval() -> None:
    found = influence_difference(0.9, np.array([0.3, -0.4]), "Difference", low=-1.0)

    assert found.standard_error == pytest.approx(0.5)
    assert (found.lower, found.upper) == pytest.approx((0.9 - Z * 0.5, 1.0))


def test_replicates_are_paired() -> None:
    first = np.arange(1000.0)

    found = bootstrap_difference(2.0, first, first + np.linspace(0, 4, 1000), "Bootstrap", shift=1)

    assert (found.lower, found.upper) == pytest.approx((1.1, 4.9))


def test_no_difference_is_exact() -> None:
    found = no_difference()

    assert (found.value, found.lower, found.upper, found.standard_error) == (0.0, 0.0, 0.0, 0.0)
