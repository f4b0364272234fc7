"""Where the marks of an interval stand on its axis, as attributes of SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from portal.result import Pooled
from portal.showcase.numbers import coordinate, interval, measured, number, percent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portal.result import Estimate
    from portal.showcase.numbers import Interval
    from portal.usecase import Measure


@dataclass(frozen=True)
class Axis:
    """A stretch of numbers laid over the width of a drawing."""

    low: float
    high: float

    def line(self, reference: float | None) -> str:
        """Where the line of a reference value stands; "" where it would be at an end or beyond."""
        inside = reference is not None and self.low < reference < self.high
        return self.at(reference) if inside else ""

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


def interval_bar(estimate: Interval, measure: Measure) -> SafeString:
    """A mark with its interval on the measure's scale, and a tick at the reference value."""
    if estimate.value is None:
        return SafeString()
    axis = axis_of(measure, [estimate.value, estimate.lower, estimate.upper])
    tick = reach = ""
    if at := axis.line(measure.reference):
        tick = f'<line class="reference" x1="{at}" x2="{at}" y1="1" y2="15"/>'
    if estimate.lower is not None and estimate.upper is not None:
        width = coordinate(max(axis.share(estimate.upper) - axis.share(estimate.lower), 0.5))
        left = axis.at(estimate.lower)
        reach = f'<rect class="reach" x="{left}" y="5" width="{width}%" height="6" rx="3"/>'
    return SafeString(
        f"""<svg class="interval-bar" aria-hidden="true" focusable="false">
  <rect class="track" x="0" y="5" width="100%" height="6" rx="3"/>
  {tick}
  {reach}
  <svg x="{axis.at(estimate.value)}" width="1" height="16" overflow="visible">\
<rect class="value" x="-2" y="0" width="4" height="16" rx="2"/></svg>
</svg>"""
    )


@dataclass(frozen=True)
class Tick:
    """A value that the axis names, and where."""

    x: str
    label: str


def tick_marks(axis: Axis, measure: Measure) -> list[Tick]:
    """The ticks of an axis of ``measure``, with the fewest decimals that tell them apart."""
    ticks = axis.ticks()
    digits = digits_of(ticks, measure)
    write = percent if measure.percent else number
    return [Tick(axis.at(tick), write(tick, digits)) for tick in ticks]


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
    reference: str = ""
    """Where the line stands that all rows share."""

    def html(self, unit: str) -> SafeString:
        """Its row of the table: made here, as a page has hundreds and templates take their time.

        Parameters
        ----------
        unit
            What is counted: "patients"; "" leaves the count out.
        """
        count = plot = more = ""
        value: str = escape(self.text)
        if unit:
            count = f'<td role="cell" class="n count-cell" data-unit="{escape(unit)}">'
            count += f"{escape(self.count)}</td>"
        if self.text:
            plot = f'<svg aria-hidden="true" focusable="false">{self.marks()}</svg>'
        else:
            value = f'<span class="unavailable">{escape(self.unavailable)}</span>'
        if self.prediction_text:
            words = f"{_('prediction interval')} {self.prediction_text}"
            more = f'<span class="visually-hidden">; {escape(words)}</span>'
        return SafeString(
            f"""<tr role="row"{' class="pooled"' if self.pooled else ""}>
        <th role="rowheader" scope="row">{escape(self.label)}</th>
        {count}
        <td role="cell" class="plot-cell">{plot}</td>
        <td role="cell" class="n value-cell">{value}{more}</td>
      </tr>"""
        )

    def marks(self) -> SafeString:
        """What is drawn in it, as SVG: places are percentages, which need no escaping."""
        drawn = []
        if at := self.reference:
            drawn.append(f'<line class="reference" x1="{at}" x2="{at}" y1="0" y2="100%"/>')
        if self.prediction_left:
            drawn.append(_line("prediction", self.prediction_left, self.prediction_right))
        if self.beyond_left:
            drawn.append(_mark("0", '<path class="arrow" d="M6-5 0 0 6 5"/>'))
        if self.beyond_right:
            drawn.append(_mark("100%", '<path class="arrow" d="M-6-5 0 0-6 5"/>'))
        if self.left:
            drawn.append(_line("whisker", self.left, self.right))
        if self.mark:
            drawn.append(_mark(self.mark, _DIAMOND if self.pooled else _SQUARE))
        return SafeString("".join(drawn))


_DIAMOND = '<path class="diamond" d="M-7 0 0-7 7 0 0 7z"/>'
_SQUARE = '<rect class="square" x="-5" y="-5" width="10" height="10"/>'


def _line(kind: str, left: str, right: str) -> str:
    return f'<line class="{kind}" x1="{left}" x2="{right}" y1="50%" y2="50%"/>'


def _mark(at: str, shape: str) -> str:
    """A shape that keeps its size, at a place of a drawing that is stretched."""
    return f'<svg x="{at}" y="50%" width="1" height="1" overflow="visible">{shape}</svg>'


def drawn_row(
    label: str,
    people: str,
    estimate: Estimate | Pooled,
    measure: Measure,
    axis: Axis,
    *,
    pooled: bool = False,
    reference: str = "",
) -> DrawnRow:
    """The marks and words of one estimate, on ``axis`` with a line at ``reference``."""
    text = ""
    if estimate.value is not None:
        text = measured(estimate.value, measure)
        if estimate.lower is not None and estimate.upper is not None:
            text = f"{text} ({interval(estimate, measure)})"
    low, high = estimate.lower, estimate.upper
    prediction: tuple[float, float] | None = None
    if isinstance(estimate, Pooled):
        ends = (estimate.prediction_lower, estimate.prediction_upper)
        if ends[0] is not None and ends[1] is not None:
            prediction = (ends[0], ends[1])
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
        prediction_left=axis.at(prediction[0]) if prediction else "",
        prediction_right=axis.at(prediction[1]) if prediction else "",
        prediction_text=_span(prediction, measure) if prediction else "",
        reference=reference,
    )


def _span(ends: tuple[float, float], measure: Measure) -> str:
    low, high = ends
    return _("%(lower)s to %(upper)s") % {
        "lower": measured(low, measure),
        "upper": measured(high, measure),
    }


def digits_of(ticks: list[float], measure: Measure) -> int:
    """The fewest decimals that tell the ticks apart."""
    scale = 100 if measure.percent else 1
    for digits in range(6):
        if all(math.isclose(round(tick * scale, digits), tick * scale) for tick in ticks):
            return digits
    return 6
