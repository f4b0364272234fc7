"""The curves of metastasis/mammography, as columns to draw and to download. No Django."""

from __future__ import annotations

from typing import Any

from portal.result import Curve
from usecases.statistics import discrimination
from usecases.statistics.disclosure import hidden
from usecases.statistics.operating_points import BOOTSTRAP, Exams, Measured, Point, score_rows
from usecases.statistics.quantity import Quantity
from usecases.statistics.ranking import RankTable

_ROWS = 99
_SHOWN = ("sensitivity", "specificity", "ppv", "npv")


def thresholds_of(exams: Exams, given: tuple[float, ...], smallest: int) -> tuple[float, ...]:
    """The thresholds of the slider: those given, and others with as many exams between them.

    None is a score of an exam, and between neighbours lie at least ``smallest`` exams.
    """
    ranks = RankTable.of(exams.outcome, exams.score)
    starts = discrimination.curve_starts(ranks.table, smallest, _ROWS)
    cuts = [ranks.cut(int(start)) for start in starts]
    return tuple(sorted({*given, *(cut for cut in cuts if cut is not None)}))


def interval(exams: Exams) -> str:
    """How the intervals at a given threshold are made."""
    return BOOTSTRAP if exams.clustered else "Wilson"


def roc_curve(exams: Exams, smallest: int) -> Curve:
    """Sensitivity against false positives."""
    return Curve(
        method=f"Empirical, exact; at least {smallest} exams between points",
        columns=RankTable.of(exams.outcome, exams.score).roc(smallest),
    )


def threshold_curve(
    exams: Exams, thresholds: tuple[float, ...], found: Measured, smallest: int
) -> tuple[Curve, bool]:
    """Counts and measures at each threshold, and whether counts were hidden.

    A count below ``smallest`` (and not 0) is hidden, and with it the one that the known total
    would reveal it by.
    """
    names = ("true_positive", "false_positive", "false_negative", "true_negative")
    columns: dict[str, list[Any]] = {name: [] for name in ("threshold", *names)}
    for name in _SHOWN:
        columns.update({name: [], f"{name}_lower": [], f"{name}_upper": []})
    any_hidden = False
    for threshold, true, false, missed, quiet, quantities in score_rows(exams, thresholds, found):
        columns["threshold"].append(threshold)
        counts = dict(zip(names, (true, false, missed, quiet), strict=True))
        for pair in (("true_positive", "false_negative"), ("false_positive", "true_negative")):
            both = [counts[name] for name in pair]
            hide = 0 not in both and bool(hidden(both, smallest))
            any_hidden |= hide
            for name in pair:
                columns[name].append(None if hide else counts[name])
        for name in _SHOWN:
            quantity = quantities[name]
            columns[name].append(quantity.value)
            columns[f"{name}_lower"].append(quantity.lower)
            columns[f"{name}_upper"].append(quantity.upper)
    return Curve(method=f"Score >= threshold; {interval(exams)}", columns=columns), any_hidden


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
