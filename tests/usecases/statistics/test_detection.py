"""Matching marks to lesions, against the loop of LUNA16's script."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.usecases.statistics import naive_detection as naive
from usecases.statistics.detection import Detections, Lesions, Marks, match, used_marks

Rows = list[dict[str, Any]]


def found_in(cases: list[str], lesions: Rows, marks: Rows, most: int = 100) -> Detections:
    number = {case: index for index, case in enumerate(cases)}

    def positions(rows: Rows) -> np.ndarray:
        return np.asarray([[row[axis] for axis in "xyz"] for row in rows], float).reshape(-1, 3)

    what = Lesions(
        case=np.asarray([number[row["case_id"]] for row in lesions], dtype=np.int64),
        position=positions(lesions),
        diameter=np.asarray([row["diameter_mm"] for row in lesions], dtype=float),
        excluded=np.asarray([row["excluded"] for row in lesions], dtype=bool),
    )
    where = Marks(
        case=np.asarray([number[row["case_id"]] for row in marks], dtype=np.int64),
        position=positions(marks),
        score=np.asarray([row["score"] for row in marks], dtype=float),
    )
    where = where.at(used_marks(where.case, where.score, most))
    return match(len(cases), what, where, what.reach_in_radius())


def lesion(case: str, x: float, diameter: float = 10, *, excluded: bool = False) -> dict[str, Any]:
    return {
        "case_id": case,
        "x": x,
        "y": 0.0,
        "z": 0.0,
        "diameter_mm": diameter,
        "excluded": excluded,
    }


def mark(case: str, x: float, score: float) -> dict[str, Any]:
    return {"case_id": case, "x": x, "y": 0.0, "z": 0.0, "score": score}


# Whole numbers on a short line: ties, overlaps and marks at exactly the radius are common.
LESIONS = st.lists(
    st.builds(
        lambda case, x, diameter, out: lesion(
            case, x, -1 if out and diameter == 2 else diameter, excluded=out
        ),
        st.sampled_from("abc"),
        st.integers(0, 12),
        st.sampled_from([2, 4, 6]),
        st.booleans(),
    ),
    max_size=10,
)
MARKS = st.lists(
    st.builds(mark, st.sampled_from("abc"), st.integers(0, 12), st.sampled_from([0.1, 0.2, 0.3])),
    max_size=20,
)


def test_a_small_case_by_hand() -> None:
    lesions = [lesion("a", 0), lesion("a", 100), lesion("b", 0, excluded=True)]
    marks = [mark("a", 1, 0.4), mark("a", 2, 0.9), mark("a", 50, 0.8), mark("b", 3, 0.7)]

    found = found_in(["a", "b", "c"], lesions, marks)

    assert (found.hits, found.misses) == (1, 1)
    assert (found.false_positives, found.ignored, found.duplicates) == (1, 1, 1)
    assert found.lesion_score.tolist() == [-np.inf, 0.9]
    assert found.case_score.tolist() == [0.9, 0.7, -np.inf]


def test_a_mark_at_exactly_the_radius_is_no_hit() -> None:
    assert found_in(["a"], [lesion("a", 0, 10)], [mark("a", 5, 1)]).hits == 0
    assert found_in(["a"], [lesion("a", 0, 10)], [mark("a", 4.999, 1)]).hits == 1


def test_an_excluded_finding_of_unknown_diameter_reaches_5_mm() -> None:
    finding = [lesion("a", 0, -1, excluded=True)]
    assert found_in(["a"], finding, [mark("a", 4.9, 1)]).ignored == 1
    assert found_in(["a"], finding, [mark("a", 5.0, 1)]).false_positives == 1


def test_a_mark_on_a_lesion_and_on_an_excluded_finding_is_a_hit() -> None:
    both = [lesion("a", 0), lesion("a", 1, excluded=True)]
    found = found_in(["a"], both, [mark("a", 0, 1)])
    assert (found.hits, found.ignored) == (1, 0)


def test_a_mark_within_two_lesions_hits_both() -> None:
    found = found_in(["a"], [lesion("a", 0), lesion("a", 2)], [mark("a", 1, 1)])
    assert (found.hits, found.shared, found.false_positives) == (2, 1, 0)


@pytest.mark.parametrize(
    ("scores", "most", "kept"),
    [
        ([3, 2, 1], 3, [3, 2, 1]),
        ([3, 2, 1], 2, [3, 2]),
        ([3, 2, 2, 1], 2, [3]),
        ([2, 2, 2], 2, []),
        ([1], 1, [1]),
    ],
)
def test_marks_above_the_first_one_too_many_are_used(
    scores: list[float], most: int, kept: list[float]
) -> None:
    values = np.asarray(scores, dtype=float)
    used = used_marks(np.zeros(values.size, dtype=np.int64), values, most)
    assert values[used].tolist() == kept


@settings(max_examples=200, deadline=None)
@given(LESIONS, MARKS, st.integers(1, 6))
def test_matching_agrees_with_the_loop_of_the_script(lesions: Rows, marks: Rows, most: int) -> None:
    cases = ["a", "b", "c", "d"]
    slow = naive.luna16(cases, lesions, marks, most)
    fast = found_in(cases, lesions, marks, most)

    for name in ("hits", "misses", "false_positives", "ignored", "duplicates", "candidates_used"):
        assert getattr(fast, name) == slow[name], name
    for index, case in enumerate(cases):
        best = np.where(np.isinf(fast.lesion_score), naive.MISSED, fast.lesion_score)
        assert sorted(best[fast.lesion_case == index].tolist()) == sorted(slow["best"][case])
        false = fast.false_score[fast.false_case == index]
        assert sorted(false.tolist()) == sorted(slow["false"][case])


@settings(max_examples=100, deadline=None)
@given(LESIONS, MARKS, st.randoms(use_true_random=False))
def test_counts_add_up_and_the_order_of_rows_changes_nothing(
    lesions: Rows, marks: Rows, random: Any
) -> None:
    found = found_in(["a", "b", "c"], lesions, marks)
    assert found.hits + found.misses == sum(not row["excluded"] for row in lesions)
    assert (
        found.hits + found.false_positives + found.ignored + found.duplicates
        == found.candidates_used + found.shared
    )

    random.shuffle(lesions)
    random.shuffle(marks)
    again = found_in(["a", "b", "c"], lesions, marks)
    for name, value in vars(found).items():
        assert np.array_equal(value, getattr(again, name)), name


def test_many_pairs_are_compared_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    lesions = [lesion("ab"[i % 2], float(x)) for i, x in enumerate(random.uniform(0, 200, 40))]
    marks = [mark("ab"[i % 2], float(x), i / 60) for i, x in enumerate(random.uniform(0, 200, 60))]
    whole = found_in(["a", "b"], lesions, marks)
    monkeypatch.setattr("usecases.statistics.detection._PAIRS", 7)

    pieces = found_in(["a", "b"], lesions, marks)

    assert 0 < whole.hits < 40
    for name, value in vars(whole).items():
        assert np.array_equal(value, getattr(pieces, name)), name
