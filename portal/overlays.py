"""Figures of several results: the same curve of each, on one pair of axes. No Django.

Each result goes by a letter, in its own colour and dashes, and its letter stands on its line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from portal.figures import colour, empty_figure
from portal.marks import column, reference, share_axis

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from portal.result import Result
    from portal.usecase import Overlay, Translate

LETTERS = "ABCDEF"
"""Of the results, in order; there are at most as many."""
DASHES = ("solid", "8px 3px", "2px 3px", "10px 3px 2px 3px", "14px 5px", "5px 2px")
"""So that colour is never the only cue."""
SERIES = tuple(f"series-{number}" for number in (1, 2, 3, 4, 6, 7))
MOST_TICKS = 7
"""Numbers on an axis of doublings that a phone has room for."""
_NEAR = 0.03
"""Share of the largest value below which a fading curve is near nought."""

Points = list[tuple[float, float]]


def draw_overlay(overlay: Overlay, results: Sequence[Result], _: Translate) -> go.Figure:
    """The curve of each result that has it, with the result's letter on it."""
    import plotly.graph_objects as go

    lines = {
        place: _points(overlay, result)
        for place, result in enumerate(results)
        if overlay.curve in result.curves
    }
    lines = {place: points for place, points in lines.items() if points}
    if not lines:
        return empty_figure(_("None of these results holds such a curve."))
    figure = go.Figure()
    if overlay.diagonal:
        figure.add_trace(reference([0, 1], [0, 1]))
    if overlay.fading:
        figure.add_trace(reference([0, 1], [0, 0]))
    for place, points in lines.items():
        figure.add_trace(_line(overlay, place, points, _))
    most = _most(overlay, lines)
    for turn, (place, points) in enumerate(lines.items()):
        _letter(figure, overlay, place, points, most, (turn + 1) / (len(lines) + 1))
    _set_axes(figure, overlay, lines, most, _)
    return figure


def _points(overlay: Overlay, result: Result) -> Points:
    curve = result.curves[overlay.curve]
    rows = zip(column(curve, overlay.x), column(curve, overlay.y), strict=True)
    points = [(float(x), overlay.scale * float(y)) for x, y in rows if None not in (x, y)]
    if overlay.log:
        points = [(x, y) for x, y in points if x > 0]
    return points


def _line(overlay: Overlay, place: int, points: Points, _: Translate) -> go.Scatter:
    import plotly.graph_objects as go

    formats = {"percent": ":.1%", "number": ":.3g"}
    return go.Scatter(
        x=[x for x, _y in points],
        y=[y for _x, y in points],
        mode="lines",
        name=LETTERS[place],
        line={"color": colour(SERIES[place]), "width": 2.5, "dash": DASHES[place]},
        hovertemplate=f"<b>{LETTERS[place]}</b><br>{_(overlay.x_title)} "
        f"%{{x{formats[overlay.x_format]}}}<br>{_(overlay.y_title)} "
        f"%{{y{formats[overlay.y_format]}}}<extra></extra>",
    )


def _most(overlay: Overlay, lines: dict[int, Points]) -> float:
    """Where the x axis ends."""
    points = [point for line in lines.values() for point in line]
    end = max(x for x, _y in points)
    if overlay.fading:
        top = max(y for _x, y in points)
        end = max([x for x, y in points if y > _NEAR * top], default=end)
    return end


def _letter(
    figure: go.Figure, overlay: Overlay, place: int, points: Points, most: float, share: float
) -> None:
    """The letter on the line, each at another place along it so that no two meet."""
    within = [point for point in points if point[0] <= most]
    x, y = within[min(int(share * len(within)), len(within) - 1)]
    if not overlay.log:  # by distance along the axis: points may crowd at one end
        low = within[0][0]
        x, y = min(within, key=lambda point: abs(point[0] - (low + share * (most - low))))
    figure.add_annotation(
        x=math.log10(x) if overlay.log else x,
        y=y,
        text=f"<b>{LETTERS[place]}</b>",
        showarrow=False,
        font={"size": 14, "color": colour("ink")},
        bgcolor=colour("paper"),
        bordercolor=colour(SERIES[place]),
        borderwidth=2,
        borderpad=1,
    )


def _set_axes(
    figure: go.Figure, overlay: Overlay, lines: dict[int, Points], most: float, _: Translate
) -> None:
    values = [y for line in lines.values() for x, y in line if x <= most]
    top, bottom = max(values), min(0.0, min(values))
    if overlay.log:
        figure.update_xaxes(type="log", title_text=_(overlay.x_title), **_doublings(lines, most))
    elif overlay.x_format == "percent":
        share_axis(figure.layout.xaxis, _(overlay.x_title), min(1, most))
    else:
        figure.update_xaxes(title_text=_(overlay.x_title), range=[-0.015 * most, 1.015 * most])
    if overlay.y_format == "percent":
        share_axis(figure.layout.yaxis, _(overlay.y_title), 1 if top > 0.5 else min(1, 1.08 * top))
    else:
        low = max(1.08 * bottom, -0.25 * top) if overlay.fading else bottom
        figure.update_yaxes(title_text=_(overlay.y_title), range=[low, 1.08 * top or 1])


def _doublings(lines: dict[int, Points], most: float) -> dict[str, Any]:
    """Ticks at powers of two within the curves."""
    least = min(x for line in lines.values() for x, _y in line)
    ticks = [2.0**power for power in range(-7, 8) if least <= 2.0**power <= most]
    if len(ticks) > MOST_TICKS:
        ticks = ticks[-1::-2][::-1]
    words = {0.125: "⅛", 0.25: "¼", 0.5: "½"}
    words |= {2.0**-power: f"1/{2**power}" for power in range(4, 8)}
    return {"tickvals": ticks, "ticktext": [words.get(tick, f"{tick:g}") for tick in ticks]}
