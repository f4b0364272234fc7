"""Recalling exams by a score: by hand, against plain counts, and beside a reader."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from usecases.statistics import operating_points
from usecases.statistics.operating_points import Exams, Measured, Point
from usecases.statistics.quantity import Quantity, wilson_quantity
from usecases.statistics.ranking import RankTable, halfway
from usecases.statistics.recalls import Recalls, unpaired_difference


def exams_of(
    outcome: list[int],
    score: list[float],
    woman: list[int] | None = None,
    recalled: list[int] | None = None,
) -> Exams:
    return Exams(
        np.asarray(outcome, dtype=bool),
        np.asarray(score, dtype=float),
        np.arange(len(outcome)) if woman is None else np.asarray(woman),
        None if recalled is None else np.asarray(recalled, dtype=bool),
    )


def measured(exams: Exams, points: list[Point], **more: Any) -> Measured:
    options = {"replicates": 200, "seed": 1, "smallest": 1, **more}
    return operating_points.measure(exams, points, **options)


def simulated(count: int, per_woman: int = 1, seed: int = 0) -> Exams:
    random = np.random.default_rng(seed)
    woman = np.arange(count) // per_woman
    shared = random.normal(size=count)[woman]
    outcome = random.random(count) < 0.2
    score = np.round(1.5 * outcome + 0.7 * shared + random.normal(size=count), 3)
    recalled = random.random(count) < np.where(outcome, 0.75, 0.15)
    return Exams(outcome, score, woman, recalled)


HELD = [Point("specificity", 0.9), Point("sensitivity", 0.8)]


def test_a_threshold_by_hand() -> None:
    exams = exams_of([1, 1, 1, 0, 0, 0, 0, 0], [0.9, 0.5, 0.2, 0.8, 0.5, 0.4, 0.2, 0.1])
    at = measured(exams, [Point("threshold", 0.5)]).at[Point("threshold", 0.5)]

    values = {name: at[name].value for name in operating_points.MEASURES}
    assert values == pytest.approx(
        {
            "sensitivity": 2 / 3,
            "specificity": 3 / 5,
            "recall_rate": 4 / 8,
            "cancer_detection_rate": 250,
            "ppv": 2 / 4,
            "npv": 3 / 4,
        }
    )
    for name, (count, total) in {"sensitivity": (2, 3), "cancer_detection_rate": (2, 8)}.items():
        ends = np.asarray(proportion_confint(count, total, method="wilson"))
        scale = 1000 if name == "cancer_detection_rate" else 1
        assert (at[name].lower, at[name].upper) == pytest.approx(tuple(scale * ends))
        assert at[name].method == "Wilson"


def test_a_held_specificity_takes_the_lowest_threshold_that_holds_it() -> None:
    # Healthy scores 1 to 10; 80% of ten leave two above.
    exams = exams_of([0] * 10 + [1] * 4, [*range(1, 11), 8.5, 8.5, 9.5, 0])
    point = Point("specificity", 0.8)
    found = measured(exams, [point])

    assert found.at[point]["specificity"].value == 0.8
    assert found.at[point]["sensitivity"].value == 0.75
    assert 8 < found.thresholds[point] < 8.5


def test_a_held_sensitivity_takes_the_highest_threshold_that_holds_it() -> None:
    exams = exams_of([1] * 4 + [0] * 4, [1, 2, 3, 4, 0.5, 1.5, 2.5, 2.7])
    point = Point("sensitivity", 0.75)
    found = measured(exams, [point])
    assert found.at[point]["sensitivity"].value == 0.75
    assert found.at[point]["specificity"].value == 0.5


def test_equal_scores_recall_nobody_at_a_held_specificity() -> None:
    found = measured(exams_of([1, 0] * 20, [0.3] * 40), HELD)
    at = found.at[HELD[0]]
    assert (at["sensitivity"].value, at["specificity"].value) == (0, 1)
    assert at["ppv"].unavailable == "It is a proportion of no exams."
    assert found.auroc.value == 0.5
    assert found.thresholds[HELD[0]] is None


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.3, 0.7]), st.booleans()),
        min_size=2,
        max_size=30,
    ),
    st.sampled_from([0.15, 0.2, 0.3, 0.8]),
    st.floats(0.05, 0.95),
)
def test_counts_agree_with_plain_comparisons(
    rows: list[tuple[bool, float, bool]], threshold: float, held: float
) -> None:
    outcome, score, reader = (np.asarray(column) for column in zip(*rows, strict=True))
    if outcome.all() or not outcome.any():
        return
    exams = Exams(outcome, score, np.arange(len(rows)), reader)
    points = [Point("threshold", threshold), Point("specificity", held), Point("sensitivity", held)]
    found = measured(exams, points, replicates=100)

    at = found.at[points[0]]
    assert at["sensitivity"].value == pytest.approx(np.mean(score[outcome] >= threshold))
    assert at["specificity"].value == pytest.approx(np.mean(score[~outcome] < threshold))
    assert found.reader["reader_sensitivity"].value == pytest.approx(np.mean(reader[outcome]))
    assert at["sensitivity_difference"].value == pytest.approx(
        np.mean(score[outcome] >= threshold) - np.mean(reader[outcome])
    )
    cuts = [*np.unique(score), np.inf]
    reached = [cut for cut in cuts if np.mean(score[~outcome] < cut) >= held - 1e-9]
    assert found.at[points[1]]["sensitivity"].value == np.mean(score[outcome] >= min(reached))
    reached = [cut for cut in cuts if np.mean(score[outcome] >= cut) >= held - 1e-9]
    assert found.at[points[2]]["specificity"].value == np.mean(score[~outcome] < max(reached))


def by_drawing_women(exams: Exams, specificity: float, draws: int) -> np.ndarray:
    """Sensitivity at the held specificity and its difference, drawing lists of women."""
    random = np.random.default_rng(7)
    women = [np.flatnonzero(exams.woman == woman) for woman in range(exams.woman.max() + 1)]
    rows = []
    for _ in range(draws):
        where = np.concatenate([women[w] for w in random.integers(len(women), size=len(women))])
        outcome, score = exams.outcome[where], exams.score[where]
        healthy = np.sort(score[~outcome])
        cuts = np.unique(score)
        cut = cuts[np.searchsorted(healthy, cuts, "left") >= specificity * healthy.size - 1e-9][0]
        found = np.mean(score[outcome] >= cut)
        rows.append((found, found - np.mean(exams.recalled[where][outcome])))
    return np.asarray(rows)


@pytest.mark.parametrize("per_woman", [1, 3])
def test_intervals_agree_with_a_bootstrap_that_draws_lists_of_women(per_woman: int) -> None:
    exams = simulated(1_500, per_woman)
    found = measured(exams, HELD, replicates=1_000).at[HELD[0]]
    drawn = by_drawing_women(exams, 0.9, 400)

    for index, name in enumerate(("sensitivity", "sensitivity_difference")):
        low, high = np.quantile(drawn[:, index], (0.025, 0.975))
        assert found[name].standard_error == pytest.approx(np.std(drawn[:, index]), rel=0.15)
        assert (found[name].lower, found[name].upper) == pytest.approx((low, high), abs=0.02)


def test_many_scores_are_resampled_in_groups_and_their_intervals_do_not_move(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exams = simulated(4_000)
    grouped = measured(exams, HELD, replicates=1_000)
    monkeypatch.setattr(
        "usecases.statistics.risks.RiskTable.group_starts.__defaults__", ((), 10_000)
    )
    exact = measured(exams, HELD, replicates=1_000)
    for point in HELD:
        for name in ("sensitivity", "specificity", "ppv"):
            one, other = grouped.at[point][name], exact.at[point][name]
            assert one.value == other.value
            assert one.standard_error == pytest.approx(other.standard_error, rel=0.15, abs=2e-4)


def test_exams_written_twice_under_one_woman_do_not_narrow_the_interval() -> None:
    once = simulated(800)
    twice = Exams(*(np.tile(column, 2) for column in vars(once).values()))
    point = Point("threshold", 0.8)
    one = measured(once, [point], replicates=1_000).at[point]
    two = measured(twice, [point], replicates=1_000).at[point]
    assert two["sensitivity"].value == one["sensitivity"].value
    assert "women" in two["sensitivity"].method
    assert two["sensitivity"].standard_error == pytest.approx(
        one["sensitivity"].standard_error, rel=0.1
    )
    difference = "sensitivity_difference"
    assert two[difference].standard_error == pytest.approx(one[difference].standard_error, rel=0.1)


def test_a_model_that_copies_the_reader_differs_by_nothing() -> None:
    exams = simulated(300)
    copy = Exams(exams.outcome, exams.recalled.astype(float), exams.woman, exams.recalled)
    found = measured(copy, [Point("threshold", 0.5)]).at[Point("threshold", 0.5)]
    assert found["sensitivity_difference"].value == 0
    assert found["sensitivity_difference"].lower is None


def test_a_proportion_of_few_exams_is_not_given() -> None:
    exams = exams_of([1] * 15 + [0] * 15, [*range(30)])
    at = measured(exams, [Point("threshold", 25)], smallest=10).at[Point("threshold", 25)]
    assert at["ppv"].unavailable == "It is a proportion of fewer than 10 exams."
    assert at["sensitivity"].value == 0


def test_the_order_of_exams_changes_nothing() -> None:
    exams = simulated(400, 2)
    order = np.random.default_rng(1).permutation(400)
    turned = Exams(*(column[order] for column in vars(exams).values()))
    points = [Point("threshold", 1.0), *HELD]
    assert measured(exams, points) == measured(turned, points)


def test_the_roc_curve_passes_through_plain_shares() -> None:
    exams = simulated(500)
    told = Recalls.of(exams, [], 10, with_curves=True)
    curve = RankTable.of(exams.outcome, exams.score).roc(told.starts)
    assert (curve["false_positive_rate"][0], curve["sensitivity"][0]) == (0, 0)
    assert (curve["false_positive_rate"][-1], curve["sensitivity"][-1]) == (1, 1)
    rows = list(zip(*curve.values(), strict=True))[1:-1]
    assert len(rows) > 8
    for threshold, false, true in rows:
        assert threshold not in exams.score
        assert true == pytest.approx(np.mean(exams.score[exams.outcome] >= threshold))
        assert false == pytest.approx(np.mean(exams.score[~exams.outcome] >= threshold))
    for share, exams_of in ((1, ~exams.outcome), (2, exams.outcome)):
        steps = np.diff(np.rint([row[share] * np.sum(exams_of) for row in rows]))
        assert np.all((steps == 0) | (steps >= 10))


@pytest.mark.parametrize(
    ("model", "reader", "lower", "upper"),
    # Newcombe 1998, table II, method 10, contrasts a, c and g: the published intervals.
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_without_pairs_is_newcombes(
    model: tuple[int, int], reader: tuple[int, int], lower: float, upper: float
) -> None:
    found = unpaired_difference(wilson_quantity(*model), wilson_quantity(*reader), "")

    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=5e-5)
    missing = Quantity("None", unavailable="Few.")
    assert unpaired_difference(missing, wilson_quantity(*reader), "Few.").unavailable == "Few."


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e3))
def test_halfway_lies_between(low: float, width: float) -> None:
    high = low + width
    if high > low:
        assert low < halfway(low, high) <= high
