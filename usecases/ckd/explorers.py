"""The sliders of the kidney use case: what follows from acting above a risk. No Django."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from portal.marks import thresholds_of
from portal.usecase import Explorer, Followed, gettext_noop

if TYPE_CHECKING:
    from portal.result import Result


def _first_threshold(result: Result) -> float | None:
    return next(iter(thresholds_of(result)), None)


RISK = Explorer(
    curve="thresholds",
    parameter="threshold",
    label=gettext_noop("Threshold"),
    title=gettext_noop("If we act above a risk of {at}"),
    format="share:3",
    start=_first_threshold,
    followed=(
        Followed("sensitivity", gettext_noop("Sensitivity"), "percent:1"),
        Followed("specificity", gettext_noop("Specificity"), "percent:1"),
        Followed("ppv", gettext_noop("Of those flagged, with the event"), "percent:1"),
        Followed("npv", gettext_noop("Of those not flagged, without it"), "percent:1"),
        Followed("net_benefit", gettext_noop("Net benefit, per 1,000"), "thousand:1"),
    ),
    sentence=gettext_noop(
        "Of 1,000 people, {flagged} are flagged: {found} with the event, {alarms} without it. "
        "{missed} with the event are missed."
    ),
    hidden=gettext_noop("Too few people stand on one side of this threshold to show the counts."),
)

RISK_BY_HORIZON = replace(
    RISK,
    sentence=gettext_noop(
        "Of 1,000 people, {flagged} are flagged: {found} who have the event by the horizon, "
        "{alarms} who do not. {missed} with the event are missed."
    ),
)
"""The same where people are lost: counts are weighted for them."""
