"""Scan by scan: what the detector found and what it marked wrongly."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.usecases.metastasis.simulation import Frames, loaded, lung, scans, shuffled
from usecases.metastasis.lung_cases import SCANS
from usecases.metastasis.lung_protocol import LungProtocol


def tabulated(frames: Frames, **protocol: Any) -> pl.DataFrame:
    return SCANS.tabulate(loaded(frames), LungProtocol(**protocol))


def by_hand() -> Frames:
    """Two lesions in a, one of them marked; false marks of 0.9 and 0.5 in a, 0.6 in b."""
    marks = [("a", 0.0, 0.8), ("a", 50.0, 0.9), ("a", 60.0, 0.5), ("b", 5.0, 0.6)]
    return {
        "cases": pl.DataFrame({"case_id": ["c", "b", "a"]}),
        "lesions": pl.DataFrame(
            {
                "case_id": ["a", "a"],
                "lesion_id": ["1", "2"],
                "x": [0.0, 100.0],
                "y": [0.0, 0.0],
                "z": [0.0, 0.0],
                "diameter_mm": [10.0, 10.0],
            }
        ),
        "predictions": pl.DataFrame(
            {
                "case_id": [mark[0] for mark in marks],
                "x": [mark[1] for mark in marks],
                "y": [0.0] * 4,
                "z": [0.0] * 4,
                "score": [mark[2] for mark in marks],
            }
        ),
    }


@pytest.mark.parametrize(
    ("points", "found", "false"),
    [
        ((0.1,), 0, [0, 0, 0]),  # of three scans, 0.1 each allow none: only above 0.9
        ((1 / 3,), 1, [1, 0, 0]),  # one: above 0.6
        ((0.1, 1 / 3), 0, [0, 0, 0]),  # the lower middle one
        ((0.1, 2 / 3, 4.0), 1, [1, 1, 0]),
        ((1.0,), 1, [2, 1, 0]),
        ((8.0,), 1, [2, 1, 0]),
    ],
)
def test_scans_by_hand(points: tuple[float, ...], found: int, false: list[int]) -> None:
    rows = tabulated(by_hand(), operating_points=points)

    assert rows["case_id"].to_list() == ["a", "b", "c"]
    assert rows["lesions"].to_list() == [2, 0, 0]
    assert rows["hits"].to_list() == [found, 0, 0]
    assert rows["misses"].to_list() == [2 - found, 0, 0]
    assert rows["false_marks"].to_list() == false
    assert rows["highest_score"].to_list() == [0.9, 0.6, None]


def test_the_rows_add_up_to_the_result_where_all_marks_count() -> None:
    frames = scans()
    population = lung(frames, operating_points=(100.0,), smallest_count=1).population

    rows = tabulated(frames, operating_points=(100.0,))

    assert rows.height == population["patients"]
    for name, counted in (
        ("lesions", "lesions"),
        ("hits", "hits"),
        ("misses", "misses"),
        ("false_marks", "false_positives"),
    ):
        assert rows[name].sum() == population[counted]


def test_at_the_middle_point_the_sensitivity_is_that_of_the_curve() -> None:
    """Without ties between hits and false marks, the curve is exact at whole false positives."""
    frames = scans()
    estimate = lung(frames).estimate("sensitivity", at={"false_positives_per_scan": 1.0})

    rows = tabulated(frames)

    assert rows["false_marks"].sum() == rows.height
    assert rows["hits"].sum() / rows["lesions"].sum() == pytest.approx(estimate.value)


def test_the_columns_are_those_that_are_declared_and_the_order_of_rows_changes_nothing() -> None:
    frames = scans(60)
    rows = tabulated(frames)

    assert rows.columns == [column.name for column in SCANS.columns]
    assert rows.equals(tabulated(shuffled(frames)))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.01, 10), st.integers(1, 3))
def test_no_more_false_marks_than_are_allowed(seed: int, point: float, digits: int) -> None:
    frames = scans(30, seed)
    frames["predictions"] = frames["predictions"].with_columns(pl.col("score").round(digits))

    rows = tabulated(frames, operating_points=(point,))

    assert rows["false_marks"].sum() <= np.floor(point * 30 + 1e-9)
    assert (rows["hits"] + rows["misses"] == rows["lesions"]).all()
    assert (rows["hits"] >= 0).all()
