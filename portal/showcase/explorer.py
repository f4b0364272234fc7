"""What follows from a choice along a curve: the card with the slider.

The browser moves it (static/js/explorer.js); here is the row that the page first shows, in the
same words and with the same digits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from portal.showcase.numbers import formatted

if TYPE_CHECKING:
    from portal.result import Result
    from portal.usecase import Explorer, Followed

COUNTS = ("true_positive", "false_positive", "false_negative", "true_negative")
"""The columns of a confusion table."""
PEOPLE = ("found", "alarms", "missed", "flagged")
"""Words of a sentence that stand for people of 1,000, and are worked out from the counts."""

_PLACE = re.compile(r"\{(\w+)(?::([\w:]+))?\}")


@dataclass(frozen=True)
class FollowingNumber:
    """A number under the slider."""

    column: str
    label: str
    format: str
    value: str
    lower: str
    upper: str
    """The columns of its interval; "" where the curve has none."""
    interval: str


@dataclass(frozen=True)
class Explored:
    """The card at one position of its slider."""

    explorer: Explorer
    row: Mapping[str, Any]
    at: str
    low: float
    high: float
    low_words: str
    high_words: str
    numbers: list[FollowingNumber]
    sentence: str
    has_counts: bool
    data: dict[str, Any]
    """What the browser needs to move it."""

    @property
    def chosen(self) -> float:
        return float(self.row[self.explorer.parameter])

    @property
    def title_parts(self) -> tuple[str, str]:
        """The words before and after the chosen value."""
        before, _at, after = _(self.explorer.title).partition("{at}")
        return before, after


def explored(explorer: Explorer, result: Result, asked: str | None = None) -> Explored | None:
    """The card at the position nearest to the value asked for; None without such a curve.

    Parameters
    ----------
    asked
        As it stands in the address; where it is no number, the explorer's start is taken.
    """
    curve = result.curves.get(explorer.curve)
    rows = [row for row in curve.rows if row[explorer.parameter] is not None] if curve else []
    if curve is None or not rows:
        return None
    rows.sort(key=lambda row: float(row[explorer.parameter] or 0))
    row: dict[str, Any] = _nearest(explorer, result, rows, asked)
    values = [float(row[explorer.parameter] or 0) for row in rows]
    has_counts = all(name in curve.columns for name in COUNTS)
    sentence, hidden = _(explorer.sentence), _(explorer.hidden)
    shown = [following for following in explorer.followed if following.column in curve.columns]
    numbers = [_number(following, row) for following in shown]
    needed = dict.fromkeys(
        [
            explorer.parameter,
            *(COUNTS if has_counts else ()),
            *(name for one in numbers for name in (one.column, one.lower, one.upper) if name),
            *(name for name, _style in _PLACE.findall(explorer.sentence) if name in curve.columns),
        ]
    )
    return Explored(
        explorer=explorer,
        row=row,
        at=formatted(row[explorer.parameter], explorer.format),
        low=values[0],
        high=values[-1],
        low_words=formatted(values[0], explorer.format),
        high_words=formatted(values[-1], explorer.format),
        numbers=numbers,
        sentence=_said(explorer, row, sentence, hidden),
        has_counts=has_counts,
        data={
            "columns": {name: [row[name] for row in rows] for name in needed},
            "parameter": explorer.parameter,
            "formats": _formats(explorer),
            "sentence": sentence,
            "hidden": hidden,
            "interval": _("{lower} to {upper}"),
            "of": _("{part} of {whole}"),
            "nothing": formatted(None, "count"),
        },
    )


def _nearest(
    explorer: Explorer, result: Result, rows: list[dict[str, Any]], asked: str | None
) -> dict[str, Any]:
    wanted = _number_asked(asked)
    if wanted is None:
        wanted = explorer.start(result)
    if wanted is None:
        return rows[len(rows) // 2]
    target = wanted
    return min(rows, key=lambda row: abs(row[explorer.parameter] - target))


def _number_asked(asked: str | None) -> float | None:
    try:
        value = float(asked or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _formats(explorer: Explorer) -> dict[str, str]:
    """The style of each column that is shown."""
    styles = {following.column: following.format for following in explorer.followed}
    return {explorer.parameter: explorer.format} | styles


def _number(following: Followed, row: Mapping[str, Any]) -> FollowingNumber:
    lower, upper = (name if name in row else "" for name in following.ends)
    interval = ""
    if row.get(lower) is not None and row.get(upper) is not None:
        interval = _("{lower} to {upper}").format(
            lower=formatted(row[lower], following.format),
            upper=formatted(row[upper], following.format),
        )
    return FollowingNumber(
        column=following.column,
        label=_(following.label),
        format=following.format,
        value=formatted(row[following.column], following.format),
        lower=lower if upper else "",
        upper=upper if lower else "",
        interval=interval,
    )


def _said(explorer: Explorer, row: Mapping[str, Any], sentence: str, hidden: str) -> str:
    """The sentence with its values, or what is said where one of them is hidden."""
    people, styles = people_per_thousand(row), _formats(explorer)
    words: dict[str, str] = {}
    for name, style in _PLACE.findall(sentence):
        place = f"{{{name}:{style}}}" if style else f"{{{name}}}"
        if name in PEOPLE:
            value: float | None = None if people is None else people[name]
        else:
            value = row[name]
        if value is None:
            return hidden
        words[place] = formatted(value, style or styles.get(name, "count"))
    return _PLACE.sub(lambda found: words[found[0]], sentence)


def people_per_thousand(row: Mapping[str, Any]) -> dict[str, int] | None:
    """Of 1,000 people: found, false alarms, missed, flagged; None where a count is hidden."""
    counts = [row.get(name) for name in COUNTS]
    present = [value for value in counts if value is not None]
    if len(present) < len(counts) or not sum(present):
        return None
    found, alarms, missed, _rest = (
        math.floor(1000 * value / sum(present) + 0.5) for value in present
    )
    return {"found": found, "alarms": alarms, "missed": missed, "flagged": found + alarms}
