"""The sliders of the metastasis use case. No Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.usecase import Explorer, Followed, gettext_noop
from usecases.metastasis.lung_findings import AT, title_estimate

if TYPE_CHECKING:
    from portal.result import Result


def _title_point(result: Result) -> float | None:
    """The false positives per scan that the title speaks about."""
    shown = title_estimate(result)
    return None if shown is None or shown.at is None else shown.at[AT]


FALSE_MARKS = Explorer(
    curve="froc",
    parameter=AT,
    label=gettext_noop("False marks per scan"),
    title=gettext_noop("If false marks are held to {at} per scan"),
    format="significant:3",
    start=_title_point,
    followed=(
        Followed("sensitivity", gettext_noop("Lesions found"), "percent:1", ("lower", "upper")),
        Followed("threshold", gettext_noop("Marks to keep: score from"), "significant:3"),
    ),
    sentence=gettext_noop(
        "Held to {false_positives_per_scan} false per scan, it finds {sensitivity:of:10} lesions."
    ),
    hidden=gettext_noop("Too few lesions to say how many are found."),
)


def _operating_threshold(result: Result) -> float | None:
    """The protocol's first score, or the one that holds its specificity."""
    given = [float(value) for value in result.protocol.get("thresholds", ())]
    points = result.curves.get("operating_points")
    held = points.columns["threshold"] if points is not None else []
    return next((float(value) for value in [*given, *held] if value is not None), None)


RECALL = Explorer(
    curve="thresholds",
    parameter="threshold",
    label=gettext_noop("Score to recall from"),
    title=gettext_noop("If we recall from a score of {at}"),
    format="significant:3",
    start=_operating_threshold,
    followed=(
        Followed("sensitivity", gettext_noop("Sensitivity"), "percent:1"),
        Followed("specificity", gettext_noop("Specificity"), "percent:1"),
        Followed("ppv", gettext_noop("Of those recalled, with cancer"), "percent:1"),
        Followed("npv", gettext_noop("Of those not recalled, without"), "percent:1"),
    ),
    sentence=gettext_noop(
        "Of 1,000 exams, {flagged} are recalled: {found} with cancer, {alarms} without it. "
        "{missed} with cancer are missed."
    ),
    hidden=gettext_noop("Too few exams stand on one side of this score to show the counts."),
    event=gettext_noop("cancer"),
    no_event=gettext_noop("no cancer"),
    flagged=gettext_noop("recalled"),
    not_flagged=gettext_noop("not recalled"),
)
