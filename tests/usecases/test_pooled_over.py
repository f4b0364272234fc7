"""Results of one model, one a site, pooled as the sites of one result are."""

from __future__ import annotations

import functools
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.result import Estimate, Pooled, Result
from portal.usecase import Task
from tests.usecases.ckd import test_evaluation as binary
from tests.usecases.ckd import test_survival_evaluation as survival
from tests.usecases.heart_failure import simulation as alerts
from tests.usecases.metastasis import simulation as metastasis
from usecases.ckd.use_case import BINARY, SURVIVAL
from usecases.estimates import pooled_over
from usecases.heart_failure.use_case import ALERTS_TASK
from usecases.metastasis.use_case import LUNG_CT, MAMMOGRAPHY

Frames = dict[str, pl.DataFrame]


def _binary(frames: Frames) -> Result:
    return binary.evaluated(frames["cohort"], frames["predictions"])


def _survival(frames: Frames) -> Result:
    return survival.evaluated(frames["cohort"], frames["predictions"])


def _of_kidney(pair: tuple[pl.DataFrame, pl.DataFrame]) -> Frames:
    return dict(zip(("cohort", "predictions"), pair, strict=True))


CASES: dict[str, tuple[Task, Callable[[Frames], Result], Callable[[], Frames]]] = {
    "binary": (BINARY, _binary, lambda: _of_kidney(binary.simulated())),
    "survival": (SURVIVAL, _survival, lambda: _of_kidney(survival.simulated())),
    "lung-ct": (LUNG_CT, metastasis.lung, metastasis.scans),
    "mammography": (
        MAMMOGRAPHY,
        lambda frames: metastasis.mammography(frames, thresholds=(0.3, 0.5)),
        metastasis.exams,
    ),
    "alerts": (
        ALERTS_TASK,
        alerts.evaluated,
        # So many that one result, in which a hidden site hides another, hides none either.
        lambda: alerts.simulated(360, sites=("paris", "rennes", "lille")),
    ),
}


def _at(frames: Frames, site: str) -> Frames:
    """The rows of one site, without the column of sites."""
    first, *others = frames
    people = frames[first].filter(pl.col("site") == site).drop("site")
    key = people.columns[0]
    return {
        first: people,
        **{name: frames[name].join(people.select(key), on=key, how="semi") for name in others},
    }


@functools.cache
def _results(name: str) -> tuple[Result, list[Result]]:
    """The result of everyone, and that of each site by itself."""
    _task, evaluate, simulate = CASES[name]
    frames = simulate()
    sites = next(iter(frames.values()))["site"].unique().sort()
    return evaluate(frames), [evaluate(_at(frames, site)) for site in sites]


def _by_key(pooled: list[Pooled]) -> dict[tuple[str, str], Pooled]:
    return {(one.measure, str(one.at)): one for one in pooled}


@pytest.mark.parametrize("name", CASES)
def test_results_of_sites_pool_as_the_sites_of_one_result(name: str) -> None:
    pool = CASES[name][0].pool
    together, apart = _results(name)
    assert pool is not None

    found = pool(apart)

    assert any(one.value is not None for one in found)
    assert _by_key(found) == _by_key(together.pooled)
    assert len(found) == len(together.pooled)


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_the_sites_changes_nothing(name: str) -> None:
    pool = CASES[name][0].pool
    results = _results(name)[1]
    assert pool is not None

    assert pool(results) == pool(results[::-1])


@pytest.mark.parametrize("name", CASES)
def test_one_site_says_why_it_is_not_pooled(name: str) -> None:
    pool = CASES[name][0].pool
    assert pool is not None

    found = pool(_results(name)[1][:1])

    assert {one.unavailable for one in found} == {
        "Fewer than two sites have an estimate with an interval."
    }
    assert {one.sites for one in found} <= {0, 1}


def test_no_site_gives_nothing() -> None:
    assert pooled_over([], {"auroc": "logit"}) == []


def _result(estimates: list[Estimate]) -> Result:
    return Result(
        use_case="toy",
        task="toy",
        engine="toy/1",
        protocol={},
        inputs={},
        population={},
        estimates=estimates,
    )


def test_two_sites_by_hand() -> None:
    """Both errors are 1 and the values 1 and 3: between them lies 2, and Q = 2."""
    sites = [
        _result([Estimate(measure="slope", value=value, standard_error=1.0, method="Wald")])
        for value in (1.0, 3.0)
    ]

    found = pooled_over(sites, {"slope": "identity", "missing": "log"})

    assert len(found) == 1
    assert (found[0].value, found[0].q, found[0].sites) == (2.0, 2.0, 2)


def test_a_measure_is_not_pooled_where_it_is_held() -> None:
    held = {"specificity": 0.9}
    sites = [
        _result(
            [
                Estimate(measure=name, at=held, value=0.8, standard_error=error, method="Wilson")
                for name in ("sensitivity", "specificity")
            ]
        )
        for error in (0.1, 0.2)
    ]

    found = pooled_over(sites, {"sensitivity": "logit", "specificity": "logit"})

    assert [(one.measure, one.at) for one in found] == [("sensitivity", held)]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.sampled_from((0.0, 1.0)), st.floats(0.001, 0.999)),
            st.one_of(st.none(), st.floats(0.001, 0.5)),
        ),
        max_size=6,
    ).flatmap(lambda sites: st.tuples(st.just(sites), st.permutations(sites)))
)
def test_any_sites_in_any_order_give_the_same_or_a_reason(
    sites: tuple[list[tuple[float | None, float | None]], ...],
) -> None:
    pooled = []
    for order in sites:
        results = [
            _result([Estimate(measure="auroc", value=value, standard_error=error, method="DeLong")])
            for value, error in order
        ]
        pooled.append(pooled_over(results, {"auroc": "logit"}))

    assert pooled[0] == pooled[1]
    for one in pooled[0]:
        assert (one.value is None) == (one.unavailable is not None)
