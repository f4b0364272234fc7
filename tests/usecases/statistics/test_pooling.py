"""Random-effects pooling against metafor's published values, and by its properties."""

from __future__ import annotations

import gc
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ResourceWarning)  # it leaves a file of its own open
    from pymare import Dataset
    from pymare.estimators import VarianceBasedLikelihoodEstimator, WeightedLeastSquares

    gc.collect()

from usecases.statistics.pooling import SCALES, pool

BCG = np.array(
    [
        (4, 119, 11, 128),
        (6, 300, 29, 274),
        (3, 228, 11, 209),
        (62, 13536, 248, 12619),
        (33, 5036, 47, 5761),
        (180, 1361, 372, 1079),
        (8, 2537, 10, 619),
        (505, 87886, 499, 87892),
        (29, 7470, 45, 7232),
        (17, 1699, 65, 1600),
        (186, 50448, 141, 27197),
        (5, 2493, 3, 2338),
        (27, 16886, 29, 17825),
    ],
    dtype=float,
)
"""The trials of the BCG vaccine: cases and others, vaccinated and not (Colditz et al., 1994)."""


def log_risk_ratios() -> tuple[np.ndarray, np.ndarray]:
    a, b, c, d = BCG.T
    return np.log(a / (a + b) * (c + d) / c), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


def test_the_bcg_trials_give_the_values_of_metafor() -> None:
    found = pool(*log_risk_ratios())

    assert found.value == pytest.approx(-0.7145323484, abs=1e-7)
    assert found.plain_standard_error == pytest.approx(0.1797815318, abs=1e-7)
    assert found.standard_error == pytest.approx(0.1807917455, abs=1e-7)
    assert (found.lower, found.upper) == pytest.approx((-1.108443723, -0.3206209737), abs=1e-6)
    assert found.tau2 == pytest.approx(0.313243326, abs=1e-6)
    assert found.i2 == pytest.approx(92.22138607, abs=1e-5)
    assert found.q == pytest.approx(152.2330081, abs=1e-6)
    assert (found.prediction_lower, found.prediction_upper) == pytest.approx(
        (-1.996016967, 0.5669522703), abs=1e-6
    )
    assert (found.tau2_lower, found.tau2_upper) == pytest.approx((0.1197, 1.1115), abs=5e-5)
    assert found.degrees_of_freedom == 12


def test_sites_that_agree_have_no_heterogeneity() -> None:
    found = pool(np.array([0.5, 0.5, 0.5]), np.array([0.1, 0.2, 0.3]))

    assert found.value == pytest.approx(0.5)
    assert (found.tau2, found.i2, found.q) == (0, 0, pytest.approx(0, abs=1e-30))


@given(st.floats(-3, 3), st.floats(1e-3, 2))
def test_pooling_one_site_returns_it(value: float, variance: float) -> None:
    found = pool(np.array([value]), np.array([variance]))
    reach = 1.959963984540054 * math.sqrt(variance)

    assert (found.value, found.standard_error) == (value, math.sqrt(variance))
    assert (found.lower, found.upper) == pytest.approx((value - reach, value + reach))
    assert math.isnan(found.tau2)
    assert math.isnan(found.prediction_lower)


def test_no_site_cannot_be_pooled() -> None:
    with pytest.raises(ValueError, match="at least one site"):
        pool(np.array([]), np.array([]))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(0.05, 2)), min_size=3, max_size=8, unique=True)
)
def test_pooling_agrees_with_pymare(sites: list[tuple[float, float]]) -> None:
    values, variances = np.array(sites).T
    found = pool(values, variances)
    data = Dataset(y=values[:, None], v=variances[:, None])
    reml = VarianceBasedLikelihoodEstimator(method="REML").fit_dataset(data).summary()
    # Its optimiser stops at about four digits of tau²; given the same tau², the rest is exact.
    assert found.tau2 == pytest.approx(float(reml.tau2.item()), abs=2e-3, rel=5e-3)
    given_tau2 = WeightedLeastSquares(tau2=found.tau2).fit_dataset(data).summary()
    assert found.value == pytest.approx(float(given_tau2.fe_params.item()), abs=1e-9)
    plain = math.sqrt(float(given_tau2.fe_cov.item()))
    assert found.plain_standard_error == pytest.approx(plain, rel=1e-9)


def test_a_variance_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="variances above 0"):
        pool(np.array([0.5, 0.4]), np.array([0.1, 0.0]))


SITES = st.lists(
    st.tuples(st.floats(-3, 3), st.floats(1e-3, 2)), min_size=2, max_size=8, unique=True
)


@settings(max_examples=60, deadline=None)
@given(SITES, st.randoms(use_true_random=False))
def test_the_order_of_the_sites_does_not_matter(
    sites: list[tuple[float, float]], random: object
) -> None:
    found = pool(*np.array(sites).T)
    random.shuffle(sites)  # type: ignore[attr-defined]

    assert pool(*np.array(sites).T) == found
    assert min(s[0] for s in sites) - 1e-9 <= found.value <= max(s[0] for s in sites) + 1e-9
    assert found.tau2_lower <= found.tau2_upper
    assert found.prediction_lower <= found.lower <= found.upper <= found.prediction_upper


@settings(max_examples=30, deadline=None)
@given(SITES)
def test_the_restricted_likelihood_is_highest_at_tau2(sites: list[tuple[float, float]]) -> None:
    values, variances = np.array(sites).T
    found = pool(values, variances)

    def likelihood(tau2: float) -> float:
        weights = 1 / (variances + tau2)
        mean = np.sum(weights * values) / weights.sum()
        return float(
            np.sum(np.log(weights)) - np.log(weights.sum()) - weights @ (values - mean) ** 2
        )

    others = [found.tau2 * share for share in (0.5, 0.9, 1.1, 2)] + [0.0, 0.01, 1.0, 10.0]
    assert all(likelihood(found.tau2) >= likelihood(other) - 1e-9 for other in others)


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_comes_back_to_where_it_left(scale: str) -> None:
    forward, slope, back = SCALES[scale]
    value = np.array([0.3])

    assert back(float(forward(value)[0])) == pytest.approx(0.3)
    step = (forward(value + 1e-6) - forward(value - 1e-6)) / 2e-6
    assert slope(value) == pytest.approx(step, rel=1e-6)
