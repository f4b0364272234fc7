"""What follows from acting above a threshold: the card with the slider.

The browser moves it (static/js/threshold.js); here is the row that the page first shows, in the
same words and with the same digits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.showcase.numbers import count, number, percent

if TYPE_CHECKING:
    from portal.result import Curve


@dataclass(frozen=True)
class FollowingMeasure:
    """A number under the threshold slider; the browser formats it in the same way."""

    key: str
    label: str
    format: str
    """As threshold.js reads it: "percent:1", "count", "thousand:1" (a share, per thousand)."""
    value: str
    has_interval: bool
    interval: str


THRESHOLD_MEASURES = (
    ("sensitivity", gettext_noop("Sensitivity"), "percent:1"),
    ("specificity", gettext_noop("Specificity"), "percent:1"),
    ("ppv", gettext_noop("Of those flagged, with the event"), "percent:1"),
    ("npv", gettext_noop("Of those not flagged, without it"), "percent:1"),
    ("flagged_per_1000", gettext_noop("Flagged, per 1,000"), "count"),
    ("net_benefit", gettext_noop("Net benefit, per 1,000"), "thousand:1"),
)
"""Column of the curve, words, format; a curve without the column goes without the number."""


def _formatted(value: float | None, style: str) -> str:
    if value is None:
        return count(None)
    kind, _colon, digits = style.partition(":")
    if kind == "percent":
        return percent(value, int(digits))
    return number(1000 * value if kind == "thousand" else value, int(digits or 0))


def people_per_thousand(row: Mapping[str, Any]) -> dict[str, int] | None:
    """Of 1,000 people: found, false alarms, missed, flagged; None where a count is hidden."""
    counts = [
        row.get(name)
        for name in ("true_positive", "false_positive", "false_negative", "true_negative")
    ]
    present = [value for value in counts if value is not None]
    if len(present) < len(counts) or not sum(present):
        return None
    found, alarms, missed, _rest = (
        math.floor(1000 * value / sum(present) + 0.5) for value in present
    )
    return {"found": found, "alarms": alarms, "missed": missed, "flagged": found + alarms}


def _share_words(value: float) -> str:
    """A threshold in percent with three significant digits, as the slider writes it."""
    digits = 0 if value == 0 else max(2 - math.floor(math.log10(100 * abs(value))), 0)
    while digits and round(100 * value, digits - 1) == round(100 * value, digits):
        digits -= 1  # 10%, not 10.0%
    return f"{number(100 * value, digits)}%"


def explored(curve: Curve, chosen: float) -> dict[str, Any]:
    """What the card shows of ``curve`` at the row nearest to ``chosen``.

    Parameters
    ----------
    curve
        Columns ``threshold``, the four counts, and those of :data:`THRESHOLD_MEASURES` with
        ``_lower`` and ``_upper``; null where hidden.
    """
    rows = curve.rows
    row: dict[str, Any] = min(rows, key=lambda row: abs(float(row["threshold"] or 0) - chosen))
    measures = []
    for key, label, style in THRESHOLD_MEASURES:
        if key not in curve.columns:
            continue
        low, high = row.get(f"{key}_lower"), row.get(f"{key}_upper")
        words = ""
        if low is not None and high is not None:
            words = _("%(lower)s to %(upper)s") % {
                "lower": _formatted(low, style),
                "upper": _formatted(high, style),
            }
        measures.append(
            FollowingMeasure(
                key=key,
                label=_(label),
                format=style,
                value=_formatted(row[key], style),
                has_interval=f"{key}_lower" in curve.columns,
                interval=words,
            )
        )
    sentence = _(
        "Of 1,000 people, {flagged} are flagged: {found} with the event, {alarms} without it. "
        "{missed} with the event are missed."
    )
    hidden = _("Too few people stand on one side of this threshold to show the counts.")
    people = people_per_thousand(row)
    thresholds = [float(value) for value in curve.columns["threshold"] if value is not None]
    return {
        "columns": curve.columns,
        "chosen": row["threshold"],
        "at": _share_words(row["threshold"]),
        "low": min(thresholds),
        "high": max(thresholds),
        "low_words": _share_words(min(thresholds)),
        "high_words": _share_words(max(thresholds)),
        "row": row,
        "measures": measures,
        "sentence": sentence.format(**people) if people else hidden,
        "sentence_template": sentence,
        "hidden_sentence": hidden,
    }
