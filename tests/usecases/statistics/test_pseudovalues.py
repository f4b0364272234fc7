"""Pseudo-values of the observed risk, and regressions of them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usecases.statistics.pseudovalues import (
    Averages,
    complementary_log_log,
    fit,
    fit_rows,
    inverse_complementary_log_log,
    pseudo_values,
)
from usecases.statistics.survival import FollowUp

PEOPLE = st.lists(
    st.tuples(st.integers(1, 8), st.sampled_from([0, 1, 2]), st.integers(0, 10)),
    min_size=2,
    max_size=40,
)


def random_people(seed: int = 1, people: int = 600) -> FollowUp:
    random = np.random.default_rng(seed)
    risk = np.round(np.clip(random.beta(1.2, 4, people), 0.01, 0.97), 2)
    time = np.ceil(random.exponential(12 * (1.1 - risk), people) * 20) / 20
    death = random.exponential(15, people)
    censored = np.ceil(random.uniform(0, 9, people) * 20) / 20
    event = np.select([(time <= death) & (time <= censored), death <= censored], [1, 2], 0)
    return FollowUp.of(np.minimum.reduce([time, death, censored]), event, risk, 5.0)


def averaged(follow: FollowUp) -> Averages:
    return Averages.of(follow.risk, pseudo_values(follow), follow.by_risk)


@given(PEOPLE)
def test_they_are_the_estimates_without_each_person(rows: list[tuple[int, int, int]]) -> None:
    time, event, risk = (np.array(column) for column in zip(*rows, strict=True))
    follow = FollowUp.of(time.astype(float), event, risk / 10, 5.0)
    size = follow.people

    by_leaving_out = [
        size * follow.incidence.value
        - (size - 1) * follow.part(np.arange(size) != person).incidence.value
        for person in range(size)
    ]

    assert pseudo_values(follow) == pytest.approx(by_leaving_out, abs=1e-10)


def test_with_everybody_followed_they_are_what_happened() -> None:
    event = np.array([1, 0, 2, 1, 0])
    follow = FollowUp.of(np.array([1.0, 9, 2, 3, 9]), event, np.full(5, 0.3), 5.0)

    assert pseudo_values(follow) == pytest.approx((follow.event == 1).astype(float), abs=1e-12)


def test_the_regression_agrees_with_gee_of_statsmodels() -> None:
    import statsmodels.api as sm

    follow = random_people()
    pseudo, predictor = pseudo_values(follow), complementary_log_log(follow.risk)
    averages = averaged(follow)
    ones = np.ones(averages.risk.size)

    both = fit(np.column_stack((ones, averages.predictor)), averages, np.array([0.0, 1.0]))
    constant = fit(ones[:, np.newaxis], averages, np.zeros(1), offset=averages.predictor)

    def gee(design: np.ndarray, **more: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            family = sm.families.Gaussian(link=sm.families.links.CLogLog(), check_link=False)
            peer = sm.GEE(pseudo, design, groups=np.arange(pseudo.size), family=family, **more)
            found = peer.fit(
                maxiter=500, ctol=1e-12, start_params=np.array([0.0, 1.0])[: design.shape[1]]
            )
        return np.asarray(found.params), np.asarray(found.bse)

    for ours, peer in (
        (both, gee(np.column_stack((np.ones(pseudo.size), predictor)))),
        (constant, gee(np.ones((pseudo.size, 1)), offset=predictor)),
    ):
        assert ours is not None
        assert ours.coefficients == pytest.approx(peer[0], abs=1e-6)
        assert ours.standard_errors == pytest.approx(peer[1], rel=1e-5)


def test_balanced_fits_are_right_on_average() -> None:
    follow = random_people(2)
    averages = averaged(follow)
    design = np.column_stack((np.ones(averages.risk.size), averages.predictor))
    people, total = averages.people[np.newaxis].astype(float), averages.total[np.newaxis]

    found = fit_rows(design, people, total, np.array([0.0, 1.0]), balanced=True)[0]

    left = averages.total - averages.people * inverse_complementary_log_log(design @ found)
    assert design.T @ left == pytest.approx(0, abs=1e-6)


def test_groups_of_risks_keep_all_people_and_pseudo_values() -> None:
    averages = averaged(random_people(3))

    grouped = averages.grouped(averages.group_starts(20))

    assert grouped.risk.size <= 20
    for name in ("people", "total", "squares"):
        assert getattr(grouped, name).sum() == pytest.approx(getattr(averages, name).sum())
    assert np.all(np.diff(grouped.risk) > 0)


def test_a_design_that_cannot_be_told_apart_gives_no_regression() -> None:
    averages = averaged(random_people(4, 100))

    found = fit(np.zeros((averages.risk.size, 1)), averages, np.zeros(1))

    assert found is None or not np.all(np.isfinite(found.covariance))
