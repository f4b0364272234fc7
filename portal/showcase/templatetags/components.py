"""Template tags and filters of the components: icons, numbers as people read them, intervals drawn.

Positions in SVG are computed here and travel as attributes, so that pages need no style
attributes; a number that a browser parses is never localised, one that a person reads always is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from django import template
from django.templatetags.static import static
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.showcase.europe import COLUMNS, ROWS, TILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.core.paginator import Page
    from django.utils.safestring import SafeString

    from portal.figures import Forest
    from portal.result import Curve
    from portal.usecase import Measure

register = template.Library()

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
"""Shown where there is no number."""


class Interval(Protocol):
    """What has a value and the ends of its interval: an Estimate, or a Pooled."""

    @property
    def value(self) -> float | None: ...
    @property
    def lower(self) -> float | None: ...
    @property
    def upper(self) -> float | None: ...


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of ``static/img/icons.svg``; decoration, so a word must stand beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("img/icons.svg"),
        name,
    )


@register.filter
def number(value: float | None, digits: int = 0) -> str:
    """``value`` with ``digits`` decimals in the reader's language: "11,683", "−0.13"."""
    if value is None or not math.isfinite(value):
        return NOTHING
    fixed = f"{value:.{digits}f}"
    if not fixed.strip("-0."):
        fixed = fixed.lstrip("-")  # no minus before a nought
    localised = number_format(fixed, decimal_pos=digits, use_l10n=True, force_grouping=True)
    return localised.replace("-", MINUS, 1)


@register.filter
def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as a percentage: 0.665 is "66.5%"."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{number(100 * value, digits)}%"


@register.filter
def count(value: int | None) -> str:
    """A count of people; None is a count too small to be shown."""
    return _("too few to show") if value is None else number(value)


@register.filter
def measured(value: float | None, measure: Measure) -> str:
    """``value`` with the decimals and unit of ``measure``."""
    if measure.percent:
        return percent(value, max(measure.digits - 2, 0))
    return number(value, measure.digits)


@register.filter
def interval(estimate: Interval, measure: Measure) -> str:
    """The interval of ``estimate``: "0.807 to 0.837"; empty where there is none."""
    if estimate.lower is None or estimate.upper is None:
        return ""
    return _("%(lower)s to %(upper)s") % {
        "lower": measured(estimate.lower, measure),
        "upper": measured(estimate.upper, measure),
    }


@register.filter
def coordinate(value: float) -> str:
    """A number for the browser: a full stop whatever the language, four significant decimals."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


@register.filter
def nearby_pages(page: Page) -> Iterator[int | str]:
    """The page numbers to offer: the ends, and two on either side of the present one."""
    return page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)


@dataclass(frozen=True)
class Axis:
    """A stretch of numbers laid over the width of a drawing."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def share(self, value: float) -> float:
        """Where ``value`` lies, in percent of the width; beyond the ends, the nearer end."""
        return 100 * (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)

    def at(self, value: float | None) -> str:
        """``share`` as an attribute, or "" for None."""
        return "" if value is None else f"{coordinate(self.share(value))}%"

    def ticks(self, most: int = 5) -> list[float]:
        """At most ``most`` + 1 round values within the axis, evenly spaced."""
        raw = (self.high - self.low) / most
        power = 10 ** math.floor(math.log10(raw))
        step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


def axis_of(measure: Measure, values: Iterable[float | None]) -> Axis:
    """The measure's own scale where it has one, else one that holds ``values`` with room.

    A scale taken from the data is centred on the reference, so that its side is seen at once.
    """
    found = [value for value in values if value is not None]
    if measure.low is not None and measure.high is not None and measure.low < measure.high:
        return Axis(measure.low, measure.high)
    low, high = min(found, default=0.0), max(found, default=1.0)
    if measure.reference is not None:
        reach = max(abs(high - measure.reference), abs(measure.reference - low)) * 1.25
        low, high = measure.reference - reach, measure.reference + reach
    if measure.low is not None:
        low = measure.low
    if measure.high is not None:
        high = measure.high
    if not low < high:
        low, high = low - 0.5, low + 0.5
    return Axis(low, high)


@register.inclusion_tag("components/_interval_bar.html")
def interval_bar(estimate: Interval, measure: Measure) -> dict[str, str]:
    """A dot with its interval on the measure's scale, and a tick at the reference value."""
    if estimate.value is None:
        return {"dot": ""}
    axis = axis_of(measure, [estimate.value, estimate.lower, estimate.upper])
    width = ""
    if estimate.lower is not None and estimate.upper is not None:
        reach = axis.share(estimate.upper) - axis.share(estimate.lower)
        width = f"{coordinate(max(reach, 0.5))}%"
    reference = measure.reference
    shown = reference is not None and axis.low < reference < axis.high
    return {
        "dot": axis.at(estimate.value),
        "left": axis.at(estimate.lower),
        "width": width,
        "reference": axis.at(reference) if shown else "",
    }


@dataclass(frozen=True)
class DrawnRow:
    """One row of a forest plot, ready to be drawn."""

    label: str
    count: str
    text: str
    """Value and interval as read; empty where there is none."""
    unavailable: str
    mark: str
    left: str
    right: str
    beyond_left: bool = False
    beyond_right: bool = False
    """Whether the interval goes on beyond the axis."""
    pooled: bool = False
    prediction_left: str = ""
    prediction_right: str = ""
    prediction_text: str = ""


def drawn_row(
    label: str,
    people: str,
    estimate: Any,  # an Estimate, or a Pooled, which also has a prediction interval
    measure: Measure,
    axis: Axis,
    *,
    pooled: bool = False,
) -> DrawnRow:
    """The marks and words of one estimate."""
    text = ""
    if estimate.value is not None:
        text = measured(estimate.value, measure)
        if estimate.lower is not None and estimate.upper is not None:
            text = f"{text} ({interval(estimate, measure)})"
    low, high = estimate.lower, estimate.upper
    prediction = (
        getattr(estimate, "prediction_lower", None),
        getattr(estimate, "prediction_upper", None),
    )
    predicted = None not in prediction
    return DrawnRow(
        label=label,
        count=people,
        text=text,
        unavailable=estimate.unavailable or "",
        mark=axis.at(estimate.value)
        if estimate.value is not None and axis.holds(estimate.value)
        else "",
        left=axis.at(low) if high is not None else "",
        right=axis.at(high) if low is not None else "",
        beyond_left=low is not None and low < axis.low,
        beyond_right=high is not None and high > axis.high,
        pooled=pooled,
        prediction_left=axis.at(prediction[0]) if predicted else "",
        prediction_right=axis.at(prediction[1]) if predicted else "",
        prediction_text=_("%(lower)s to %(upper)s")
        % {
            "lower": measured(prediction[0], measure),
            "upper": measured(prediction[1], measure),
        }
        if predicted
        else "",
    )


@register.inclusion_tag("components/_forest.html")
def forest_plot(
    forest: Forest,
    measure: Measure,
    name_head: str = "",
    count_head: str = "",
    caption: str = "",
) -> dict[str, Any]:
    """The rows of a forest, everyone together, and pooled over sites, on one axis.

    Parameters
    ----------
    name_head
        What a row is: "Site".
    count_head
        What is counted in it: "Patients"; "" leaves the column out.
    caption
        Names the table for those who do not see it.
    """
    axis = Axis(forest.low, forest.high)
    rows = [drawn_row(row.name, count(row.n), row.estimate, measure, axis) for row in forest.rows]
    if forest.overall is not None:
        everyone = sum(row.n for row in forest.rows if row.n is not None)
        whole = all(row.n is not None for row in forest.rows)
        rows.append(
            drawn_row(
                _("Everyone together"),
                number(everyone) if whole else "",
                forest.overall,
                measure,
                axis,
            )
        )
    if forest.pooled is not None:
        rows.append(
            drawn_row(_("Pooled over sites"), "", forest.pooled, measure, axis, pooled=True)
        )
    reference = measure.reference
    inside = reference is not None and axis.low < reference < axis.high
    ticks = axis.ticks()
    digits = _digits_of(ticks, measure)
    return {
        "rows": rows,
        "ticks": [
            {
                "x": axis.at(tick),
                "label": percent(tick, digits) if measure.percent else number(tick, digits),
            }
            for tick in ticks
        ],
        "reference": axis.at(reference) if inside else "",
        "name_head": name_head or _("Site"),
        "count_head": count_head,
        "value_head": _(measure.label),
        "caption": caption or _(measure.label),
    }


def _digits_of(ticks: list[float], measure: Measure) -> int:
    """The fewest decimals that tell the ticks apart."""
    scale = 100 if measure.percent else 1
    for digits in range(6):
        if all(math.isclose(round(tick * scale, digits), tick * scale) for tick in ticks):
            return digits
    return 6


@register.inclusion_tag("components/_tile_map.html")
def tile_map(places: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """Europe, one square a country.

    Parameters
    ----------
    places
        ISO 3166-1 country code (Greece is "GR") -> names to show on hover, its partners.
    """
    size, gap = 36, 4
    named = {code: ", ".join(names) for code, names in places.items()}
    tiles = [
        {
            "code": tile.code,
            "name": _(tile.name),
            "x": tile.column * (size + gap),
            "y": tile.row * (size + gap),
            "middle": tile.column * (size + gap) + size // 2,
            "centre": tile.row * (size + gap) + size // 2,
            "names": named.get(tile.code, ""),
        }
        for tile in TILES
    ]
    return {
        "tiles": tiles,
        "size": size,
        "width": COLUMNS * (size + gap) - gap,
        "height": ROWS * (size + gap) - gap,
        "countries": sum(1 for tile in tiles if tile["names"]),
    }


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


@register.inclusion_tag("components/_threshold.html")
def threshold_explorer(
    curve: Curve, chosen: float, event: str = "", no_event: str = ""
) -> dict[str, Any]:
    """The threshold slider with what follows from it, at the row nearest to ``chosen``.

    Parameters
    ----------
    curve
        Columns ``threshold``, the four counts, and those of :data:`THRESHOLD_MEASURES` with
        ``_lower`` and ``_upper``; null where hidden.
    event, no_event
        Words for the two outcomes, as heads of the confusion table.
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
        "event": event,
        "no_event": no_event,
    }


def _share_words(value: float) -> str:
    """A threshold in percent with three significant digits, as the slider writes it."""
    digits = 0 if value == 0 else max(2 - math.floor(math.log10(100 * abs(value))), 0)
    while digits and round(100 * value, digits - 1) == round(100 * value, digits):
        digits -= 1  # 10%, not 10.0%
    return f"{number(100 * value, digits)}%"
