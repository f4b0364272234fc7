"""Two detectors on the same cases: against lists of drawn cases, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.usecases.statistics import naive_detection as naive
from tests.usecases.statistics.test_froc import Case, detections, slow, some_cases
from usecases.statistics.froc import drawn_cases
from usecases.statistics.paired_detection import (
    Detector,
    case_auroc_difference,
    cpm_difference,
    may_be_told,
    sensitivity_difference,
)

POINTS = (0.5, 1.0, 4.0)


def another(cases: list[Case], seed: int = 9) -> list[Case]:
    """The same cases and lesions by a detector that finds fewer of them."""
    random = np.random.default_rng(seed)
    return [
        (
            [None if random.random() < 0.4 else round(float(random.beta(3, 2)), 2) for _ in own],
            [round(float(score), 2) for score in random.beta(2, 4, random.poisson(5))],
        )
        for own, _false in cases
    ]


def detector(cases: list[Case], replicates: int = 120) -> Detector:
    return Detector.of(detections(cases), POINTS, replicates=replicates, seed=4)


def read(cases: list[Case]) -> np.ndarray:
    return np.asarray(naive.sensitivities(slow(cases), list(POINTS)))


def test_intervals_are_those_of_lists_of_the_same_drawn_cases() -> None:
    first = some_cases(50)
    second = another(first)
    one, other = detector(first), detector(second)

    drawn = []
    for chunk, size in enumerate((100, 20)):
        for times in drawn_cases(50, size, 4, chunk).T.astype(int):
            picked = np.repeat(np.arange(50), times)
            drawn.append(
                read([second[case] for case in picked]) - read([first[case] for case in picked])
            )
    expected = np.quantile(drawn, (0.025, 0.975), axis=0)
    values = read(second) - read(first)
    for column, point in enumerate(POINTS):
        found = sensitivity_difference(one, other, point)
        assert found.value == pytest.approx(values[column])
        assert (found.lower, found.upper) == pytest.approx(tuple(expected[:, column]))
    mean = cpm_difference(one, other)
    assert mean.value == pytest.approx(values.mean())
    assert (mean.lower, mean.upper) == pytest.approx(
        tuple(np.quantile(np.mean(drawn, axis=1), (0.025, 0.975)))
    )


def test_swapped_detectors_negate() -> None:
    first = some_cases(40)
    one, other = detector(first), detector(another(first))

    found, swapped = cpm_difference(one, other), cpm_difference(other, one)

    assert swapped.value == pytest.approx(-(found.value or 0))
    assert (swapped.lower, swapped.upper) == pytest.approx(
        (-(found.upper or 0), -(found.lower or 0))
    )


def test_cases_are_ranked_by_their_highest_score() -> None:
    first = some_cases(60)
    second = another(first)
    ill = [bool(own) for own, _false in first]

    found = case_auroc_difference(detections(first), detections(second))

    areas = [
        roc_auc_score(ill, np.maximum(detections(cases).case_score, -1.0))
        for cases in (first, second)
    ]
    assert found.value == pytest.approx(areas[1] - areas[0])


def test_cases_in_which_a_detector_finds_more_are_not_given_away() -> None:
    """Of 20 lesions the second finds those of 12 more cases, or of 3: without false marks."""
    for more, told in ((12, True), (3, False), (0, True)):
        first: list[Case] = [([0.9], []) for _ in range(4)] + [([None], []) for _ in range(16)]
        second = [([0.9], own[1]) if number < 4 + more else own for number, own in enumerate(first)]
        one, other = detector(first), detector(second)  # type: ignore[arg-type]

        assert may_be_told(one, other, 1.0, 10) is told
        assert may_be_told(other, one, 1.0, 10) is told
        assert other.hits(1.0).sum() - one.hits(1.0).sum() == more


def test_a_detector_without_marks_finds_nothing() -> None:
    first = some_cases(30)
    silent: list[Case] = [([None for _ in own], []) for own, _false in first]

    found = sensitivity_difference(detector(first), detector(silent), 1.0)

    assert found.value == pytest.approx(-read(first)[1])
