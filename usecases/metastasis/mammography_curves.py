"""The curves of metastasis/mammography, as columns to draw and to download. No Django."""

from __future__ import annotations

from typing import Any

import numpy as np

from portal.result import Curve
from usecases.statistics.operating_points import BOOTSTRAP, Exams, Measured, Point, score_rows
from usecases.statistics.quantity import Quantity
from usecases.statistics.ranking import MOST_POINTS, RankTable
from usecases.statistics.recalls import Recalls

_ROWS = 99
_SHOWN = ("sensitivity", "specificity", "ppv", "npv")


def thresholds_of(exams: Exams, told: Recalls) -> tuple[float, ...]:
    """The thresholds of the slider: those given that are told of, and other cuts of the curves.

    No other is a score of an exam.
    """
    ranks = RankTable.of(exams.outcome, exams.score)
    given = [
        point.target
        for point, pair in told.points.items()
        if point.kind == "threshold" and all(pair)
    ]
    known = {int(np.searchsorted(ranks.score, threshold)) for threshold in given}
    others = [int(start) for start in told.starts if int(start) not in known]
    every = max(1, -(-len(others) // _ROWS))
    cuts = [ranks.cut(start) for start in others[::every]]
    return tuple(sorted({*given, *(cut for cut in cuts if cut is not None)}))


def interval(exams: Exams) -> str:
    """How the intervals at a given threshold are made."""
    return BOOTSTRAP if exams.clustered else "Wilson"


def roc_curve(exams: Exams, told: Recalls, smallest: int) -> Curve:
    """Sensitivity against false positives."""
    every = max(1, -(-told.starts.size // MOST_POINTS))
    return Curve(
        method=f"Empirical, thinned: {steps(smallest)}; the area is of all the data",
        columns=RankTable.of(exams.outcome, exams.score).roc(told.starts[::every]),
    )


def steps(smallest: int) -> str:
    """How far points are from each other."""
    return (
        f"between neighbouring points no exams or those of at least {smallest} women, of each "
        "outcome"
    )


def threshold_curve(
    exams: Exams, thresholds: tuple[float, ...], found: Measured, smallest: int
) -> Curve:
    """Counts and measures at each threshold."""
    names = ("true_positive", "false_positive", "false_negative", "true_negative")
    columns: dict[str, list[Any]] = {name: [] for name in ("threshold", *names)}
    for name in _SHOWN:
        columns.update({name: [], f"{name}_lower": [], f"{name}_upper": []})
    for threshold, *counts, quantities in score_rows(exams, thresholds, found):
        columns["threshold"].append(threshold)
        for name, count in zip(names, counts, strict=True):
            columns[name].append(count)
        for name in _SHOWN:
            quantity = quantities[name]
            columns[name].append(quantity.value)
            columns[f"{name}_lower"].append(quantity.lower)
            columns[f"{name}_upper"].append(quantity.upper)
    return Curve(
        method=f"Score >= threshold; {interval(exams)}; {steps(smallest)}", columns=columns
    )


def point_words(point: Point) -> str:
    """A point in words: "score 0.5", "specificity 90%"."""
    if point.kind == "threshold":
        return f"score {point.target:g}"
    return f"{point.kind} {100 * point.target:g}%"


def operating_points(exams: Exams, points: list[Point], found: Measured) -> Curve:
    """Each point of the protocol with the threshold it stands for."""
    names = ("sensitivity", "specificity", "recall_rate", "cancer_detection_rate", "ppv")
    rows = [
        (
            point_words(point),
            found.thresholds[point],
            *(found.at[point][name].value for name in names),
        )
        for point in points
    ]
    heads = ("point", "threshold", *names)
    return Curve(
        method="Score >= threshold; a held specificity by the lowest threshold that holds it, a "
        "held sensitivity by the highest; that threshold was chosen on these exams",
        columns={
            head: list(column) for head, column in zip(heads, zip(*rows, strict=True), strict=True)
        },
    )


def reader_curve(exams: Exams, found: Measured) -> Curve:
    """The reader's point."""
    columns: dict[str, list[Any]] = {}
    sensitivity, specificity = (
        found.reader[f"reader_{name}"] for name in ("sensitivity", "specificity")
    )
    columns["false_positive_rate"] = [_less(specificity.value)]
    columns["sensitivity"] = [sensitivity.value]
    columns["sensitivity_lower"], columns["sensitivity_upper"] = (
        [sensitivity.lower],
        [sensitivity.upper],
    )
    columns["false_positive_rate_lower"] = [_less(specificity.upper)]
    columns["false_positive_rate_upper"] = [_less(specificity.lower)]
    return Curve(method=f"Recalls of the reader; {interval(exams)}", columns=columns)


def _less(value: float | None) -> float | None:
    return None if value is None else 1 - value


def no_worse(difference: Quantity, margin: float) -> bool | None:
    """Whether the whole interval lies above minus the margin; None without an interval."""
    return None if difference.lower is None else difference.lower > -margin


def comparison_curve(points: list[Point], found: Measured, margin: float) -> Curve:
    """Model and reader side by side, and the verdict of non-inferiority."""
    heads = (
        *("point", "measure", "model", "reader"),
        *("difference", "lower", "upper", "margin", "no_worse"),
    )
    rows = []
    for point in points:
        for name in ("sensitivity", "specificity"):
            difference = found.at[point][f"{name}_difference"]
            rows.append(
                (
                    point_words(point),
                    name,
                    found.at[point][name].value,
                    found.reader[f"reader_{name}"].value,
                    difference.value,
                    difference.lower,
                    difference.upper,
                    margin,
                    no_worse(difference, margin),
                )
            )
    return Curve(
        method="Model minus reader on the same exams; no worse where the lower end of the 95% "
        f"interval lies above minus the margin; {BOOTSTRAP}",
        columns={
            head: list(column) for head, column in zip(heads, zip(*rows, strict=True), strict=True)
        },
    )
