"""Two models' scores of the same exams: against a plain loop over the same women."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.usecases.statistics.test_operating_points import simulated
from tests.usecases.statistics.test_paired import delong
from usecases.statistics.operating_points import Exams, Point
from usecases.statistics.paired import share_difference
from usecases.statistics.paired_exams import (
    PROPORTIONS,
    Model,
    area_difference,
    difference,
    may_be_told,
)
from usecases.statistics.resampling import CHUNK, CLUSTERS, generator

POINTS = [Point("threshold", 1.0), Point("specificity", 0.9), Point("sensitivity", 0.8)]
REPLICATES = 150


def pair(count: int = 400, per_woman: int = 1) -> tuple[Exams, Exams]:
    first = replace(simulated(count, per_woman), recalled=None)
    random = np.random.default_rng(7)
    score = np.round(0.7 * first.score + random.normal(size=count) + 0.5 * first.outcome, 3)
    return first, replace(first, score=score)


def models(exams: tuple[Exams, Exams]) -> list[Model]:
    return [Model.of(one, POINTS, replicates=REPLICATES, seed=2) for one in exams]


def shares(exams: Exams, rows: np.ndarray, point: Point) -> dict[str, float]:
    """The proportions of some rows, the threshold of a held share found among them."""
    score, ill = exams.score[rows], exams.outcome[rows]
    if point.kind == "threshold":
        threshold = point.target
    else:
        candidates = np.append(np.unique(score), np.inf)
        if point.kind == "specificity":
            threshold = next(
                at for at in candidates if np.mean(score[~ill] < at) >= point.target - 1e-9
            )
        else:
            threshold = next(
                at for at in candidates[::-1] if np.mean(score[ill] >= at) >= point.target - 1e-9
            )
    recalled = score >= threshold
    return {
        "sensitivity": float(np.mean(recalled[ill])),
        "specificity": float(np.mean(~recalled[~ill])),
        "recall_rate": float(np.mean(recalled)),
    }


@pytest.mark.parametrize("per_woman", [1, 2])
def test_the_bootstrap_is_that_of_a_plain_loop(per_woman: int) -> None:
    exams = pair(per_woman=per_woman)
    one, other = models(exams)
    rows_of = [np.flatnonzero(exams[0].woman == w) for w in range(exams[0].woman.max() + 1)]
    everyone = np.arange(exams[0].outcome.size)

    drawn: dict[tuple[Point, str], list[float]] = {}
    for start in range(0, REPLICATES, CHUNK):
        random = generator(2, CLUSTERS, start // CHUNK)
        for _ in range(min(CHUNK, REPLICATES - start)):
            rows = np.concatenate(
                [rows_of[w] for w in random.integers(len(rows_of), size=len(rows_of))]
            )
            for point in POINTS:
                parts = [shares(model, rows, point) for model in exams]
                for name in PROPORTIONS:
                    drawn.setdefault((point, name), []).append(parts[1][name] - parts[0][name])

    for point in POINTS:
        values = [shares(model, everyone, point) for model in exams]
        for name in PROPORTIONS:
            found = difference(one, other, point, name)
            assert found.value == pytest.approx(values[1][name] - values[0][name], abs=1e-12)
            if point.kind == "threshold" and per_woman == 1:
                assert "Newcombe" in found.method
                continue
            expected = np.quantile(drawn[point, name], (0.025, 0.975))
            if found.lower is None:
                assert np.ptp(drawn[point, name]) == 0
                continue
            assert (found.lower, found.upper) == pytest.approx(tuple(expected), abs=1e-12)


def test_at_a_threshold_exams_are_paired_one_by_one() -> None:
    exams = pair()
    one, other = models(exams)
    ill = exams[0].outcome
    recalls = [model.score >= 1.0 for model in exams]
    for name, first, second in (
        ("sensitivity", recalls[0][ill], recalls[1][ill]),
        ("specificity", ~recalls[0][~ill], ~recalls[1][~ill]),
        ("recall_rate", *recalls),
    ):
        assert difference(one, other, POINTS[0], name) == share_difference(first, second)


def test_areas_respect_women() -> None:
    alone, twice = pair(), pair(per_woman=2)

    value, error = delong(alone[0].outcome, alone[0].score, alone[1].score)
    found = area_difference(*alone)
    assert (found.value, found.standard_error) == pytest.approx((value, error))
    assert "Obuchowski" in area_difference(*twice).method


def test_few_exams_are_not_given_away() -> None:
    """Of 30 cancers and 60 others the second model recalls 3 cancers and 12 others more."""
    ill = np.arange(90) < 30
    first = (np.arange(90) % 2).astype(float)
    second = first.copy()
    second[np.flatnonzero(ill & (first == 0))[:3]] = 1
    second[np.flatnonzero(~ill & (first == 0))[:12]] = 1
    exams = [Exams(ill, score, np.arange(90)) for score in (first, second)]
    point = Point("threshold", 1.0)
    one, other = (Model.of(each, [point], replicates=100, seed=1) for each in exams)

    assert may_be_told(one, other, point, "specificity", 10)
    assert not may_be_told(one, other, point, "sensitivity", 10)
    assert not may_be_told(one, other, point, "recall_rate", 10)
    assert may_be_told(one, other, point, "recall_rate", 3)
