"""Free-response measures: by hand, against slow loops and scikit-learn, and in the bootstrap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tests.usecases.statistics import naive_detection as naive
from usecases.statistics import froc
from usecases.statistics.detection import Detections

POINTS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
Case = tuple[list[float | None], list[float]]
"""The best mark of each lesion (None: missed), and the scores of the false positives."""


def detections(cases: list[Case]) -> Detections:
    lesions = [
        (index, -np.inf if score is None else score)
        for index, (own, _) in enumerate(cases)
        for score in own
    ]
    false = sorted(
        ((index, score) for index, (_, own) in enumerate(cases) for score in own),
        key=lambda pair: -pair[1],
    )
    highest = [
        max([s for s in own if s is not None] + others, default=-np.inf) for own, others in cases
    ]
    return Detections(
        cases=len(cases),
        lesion_case=np.asarray([case for case, _ in lesions], dtype=np.int64),
        lesion_score=np.asarray([score for _, score in lesions], dtype=float),
        lesion_diameter=np.full(len(lesions), 7.0),
        false_case=np.asarray([case for case, _ in false], dtype=np.int64),
        false_score=np.asarray([score for _, score in false], dtype=float),
        case_score=np.asarray(highest, dtype=float),
        ignored=0,
        duplicates=0,
        shared=0,
        candidates_used=0,
    )


def slow(cases: list[Case]) -> dict[str, Any]:
    """The same in the shape of the script's lists."""
    best = {
        str(i): [naive.MISSED if s is None else s for s in own] for i, (own, _) in enumerate(cases)
    }
    false = {str(i): list(own) for i, (_, own) in enumerate(cases)}
    hits = [score for scores in best.values() for score in scores]
    others = [score for scores in false.values() for score in scores]
    return {
        "truth": [1.0] * len(hits) + [0.0] * len(others),
        "score": hits + others,
        "skipped": [score == naive.MISSED for score in hits] + [False] * len(others),
        "best": best,
        "false": false,
        "cases": len(cases),
    }


def measured(cases: list[Case], replicates: int = 100, **more: Any) -> froc.Measured:
    return froc.measure(detections(cases), froc.Settings(POINTS, replicates, 1), **more)


SCORE = st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5])
CASES = st.lists(
    st.tuples(st.lists(SCORE | st.none(), max_size=4), st.lists(SCORE, max_size=6)),
    min_size=1,
    max_size=9,
)


def some_cases(count: int = 60, seed: int = 5) -> list[Case]:
    random = np.random.default_rng(seed)
    cases: list[Case] = []
    for _ in range(count):
        lesions: list[float | None] = [
            None if random.random() < 0.2 else round(float(random.beta(4, 2)), 2)
            for _ in range(random.poisson(1.2))
        ]
        cases.append((lesions, [round(float(s), 2) for s in random.beta(2, 4, random.poisson(5))]))
    return cases


def test_a_small_curve_by_hand() -> None:
    # Scores from the top: hit .9, false .8, hit .7 tied with false .7, false .6; one is missed.
    found = measured([([0.9, 0.7], [0.8]), ([None], [0.7]), ([], [0.6]), ([], [])])

    # Four cases: 1/4 is one false positive, 3/8 are one and a half, of which half a tied one.
    values = [quantity.value for quantity in found.sensitivity]
    assert values == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3, 2 / 3, 2 / 3, 2 / 3])
    assert found.cpm.value == pytest.approx((2 / 3 + 10 / 3) / 7)
    assert found.average_precision.value == pytest.approx((1 + 2 / 4) / 3)
    # Lesions .9, .7 and missed against healthy cases .6 and unmarked: 2, 2 and half of 2 pairs.
    assert found.afroc_area.value == pytest.approx((2 + 2 + 0.5) / 6)
    assert found.weighted_afroc_area.value == pytest.approx((1 + 1 + 0.5) / 4)


def test_half_way_into_a_tie_half_of_it_counts() -> None:
    found = detections([([0.7], [0.8, 0.7]), ([], [])])
    curve = froc.FreeResponse.of(found).curve(np.ones((2, 1)))
    assert curve.read([0.5, 0.75, 1.0])[0].tolist() == [[0.0, 0.5, 1.0]]


@settings(max_examples=200, deadline=None)
@given(CASES)
def test_measures_agree_with_the_script_scikit_learn_and_the_double_sum(cases: list[Case]) -> None:
    if not any(own for own, _ in cases):
        return
    found, loops = measured(cases), slow(cases)

    values = [quantity.value for quantity in found.sensitivity]
    assert values == pytest.approx(naive.sensitivities(loops, list(POINTS)))
    assert found.average_precision.value == pytest.approx(naive.average_precision(loops))
    if all(own for own, _ in cases):
        assert found.afroc_area.unavailable
        return
    assert found.afroc_area.value == pytest.approx(naive.afroc(loops, weighted=False))
    assert found.weighted_afroc_area.value == pytest.approx(naive.afroc(loops, weighted=True))
    score = np.where(np.isinf(scores := detections(cases).case_score), -1.0, scores)
    area = roc_auc_score([bool(own) for own, _ in cases], score)
    assert froc.case_auroc(detections(cases)).value == pytest.approx(area)


@settings(max_examples=60, deadline=None)
@given(CASES, st.data())
def test_a_replicate_is_the_measure_of_the_cases_that_were_drawn(
    cases: list[Case], data: st.DataObject
) -> None:
    times = data.draw(
        st.lists(st.integers(0, 3), min_size=len(cases), max_size=len(cases)), label="times"
    )
    drawn = [case for case, count in zip(cases, times, strict=True) for _ in range(count)]
    if not any(own for own, _ in drawn):
        return
    found = detections(cases)
    weights = np.asarray(times, dtype=float)[:, np.newaxis]
    curve = froc.FreeResponse.of(found).curve(weights)
    loops = slow(drawn)

    share = curve.read(POINTS)[0][0] / curve.lesions[0]
    assert share == pytest.approx(naive.sensitivities(loops, list(POINTS)))
    assert curve.average_precision()[0] == pytest.approx(naive.average_precision(loops))
    area, weighted = froc.AlternativeFreeResponse.of(found).areas(weights)
    if all(own for own, _ in drawn):
        assert np.isnan(area[0])
    else:
        assert area[0] == pytest.approx(naive.afroc(loops, weighted=False))
        assert weighted[0] == pytest.approx(naive.afroc(loops, weighted=True))


def test_intervals_agree_with_a_bootstrap_that_draws_lists_of_cases() -> None:
    cases = some_cases()
    found = measured(cases, 2_000)
    random = np.random.default_rng(99)
    drawn = []
    for _ in range(400):
        loops = slow([cases[i] for i in random.integers(len(cases), size=len(cases))])
        drawn.append(
            [
                np.mean(naive.sensitivities(loops, list(POINTS))),
                naive.average_precision(loops),
                naive.afroc(loops, weighted=True),
            ]
        )
    errors = np.std(drawn, axis=0, ddof=1)
    ours = (found.cpm, found.average_precision, found.weighted_afroc_area)
    assert [quantity.standard_error for quantity in ours] == pytest.approx(errors, rel=0.15)
    ends = np.quantile(drawn, (0.025, 0.975), axis=0)
    for quantity, low, high in zip(ours, *ends, strict=True):
        assert quantity.lower == pytest.approx(low, abs=0.03)
        assert quantity.upper == pytest.approx(high, abs=0.03)


def test_groups_of_lesions_make_up_all_lesions() -> None:
    cases = some_cases()
    lesions = detections(cases).lesions
    first = np.arange(lesions) < lesions // 3
    found = measured(cases, groups=[first, ~first])

    for whole, one, other in zip(found.sensitivity, *found.of_groups, strict=True):
        together = (one.value * first.sum() + other.value * (~first).sum()) / lesions
        assert together == pytest.approx(whole.value)


def test_the_curve_never_falls_and_meets_the_estimates() -> None:
    settings_ = froc.Settings(POINTS, 200, 1, tuple(np.geomspace(0.02, 8, 50)) + POINTS)
    found = froc.measure(detections(some_cases()), settings_)
    assert found.band is not None
    assert np.all(np.diff(found.curve[:50]) >= 0)
    assert np.all(found.band[0] <= found.curve + 0.05)
    assert found.curve[50:].tolist() == [quantity.value for quantity in found.sensitivity]
    assert found.band[0][50:].tolist() == [quantity.lower for quantity in found.sensitivity]


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others() -> None:
    found = detections(some_cases())
    one, same, other = (
        froc.measure(found, froc.Settings(POINTS, 250, seed)).cpm for seed in (1, 1, 2)
    )
    assert one == same
    assert one.value == other.value
    assert one.lower != other.lower


@settings(max_examples=50, deadline=None)
@given(CASES)
def test_a_detector_turned_upside_down_has_the_other_part_of_the_area(cases: list[Case]) -> None:
    marked = [([s for s in own if s is not None], false or [0.3]) for own, false in cases]
    healthy = [false for own, false in marked if not own]
    if not healthy or len(healthy) == len(marked):
        return
    # One false positive a healthy case, so that its highest one turns over as well.
    one: list[Case] = [(own, false if own else false[:1]) for own, false in marked]
    turned: list[Case] = [([-s for s in own], [-s for s in false]) for own, false in one]
    area, other = measured(one).afroc_area.value, measured(turned).afroc_area.value
    assert area + other == pytest.approx(1)


def test_without_any_mark_nothing_is_found_and_no_interval_is_made_up() -> None:
    found = measured([([None], []), ([], [])] * 10)
    assert [quantity.value for quantity in found.sensitivity] == [0.0] * 7
    assert found.average_precision.value == 0.0
    assert found.afroc_area.value == 0.5
    assert found.cpm.lower is None
    assert "no variation" in found.cpm.method


def test_equal_scores_make_a_straight_line() -> None:
    found = measured([([0.5], [0.5, 0.5]), ([], [0.5, 0.5])] * 10)
    assert [quantity.value for quantity in found.sensitivity][:5] == pytest.approx(
        [0.0625, 0.125, 0.25, 0.5, 1.0]
    )
    assert froc.case_auroc(detections([([0.5], [0.5]), ([], [0.5])])).value == 0.5
