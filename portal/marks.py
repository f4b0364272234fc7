"""The marks that figures are made of: bands, lines to compare with, labels, what is chosen.

No Django.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from portal.figures import CHOSEN, colour, follow, headline

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from portal.result import Curve, Result
    from portal.usecase import Explorer, Translate

    Numbers = Sequence[float | None]

DASH, DOTS = "6px 4px", "2px 3px"
"""Lines to compare with are dashed, so that colour is never the only cue."""

NO_BREAK = "\N{NO-BREAK SPACE}"


def reference(x: Numbers, y: Numbers, dash: str = DASH) -> go.Scatter:
    """A thin, dashed line to compare with, which says nothing under the pointer."""
    import plotly.graph_objects as go

    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": colour("ink-2"), "width": 1.25, "dash": dash},
        hoverinfo="skip",
    )


def band(curve: Curve, along: str, scale: float = 1) -> go.Scatter:
    """The interval from ``lower`` to ``upper``: a polygon a stretch without hidden values."""
    import plotly.graph_objects as go

    x: list[float | None] = []
    y: list[float | None] = []
    stretch: list[tuple[float, float, float]] = []
    rows = zip(*(column(curve, name) for name in (along, "lower", "upper")), strict=True)
    for row in [*rows, (None, None, None)]:
        if None not in row:
            stretch.append(row)
        elif stretch:
            gap = [None] if x else []
            x += gap + [at for at, _low, _high in stretch + stretch[::-1]]
            y += gap + [scale * low for _at, low, _high in stretch]
            y += [scale * high for _at, _low, high in stretch[::-1]]
            stretch = []
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        fill="toself",
        fillcolor=colour("uc-band"),
        line={"width": 0},
        hoverinfo="skip",
    )


def label(
    figure: go.Figure,
    x: float,
    y: float,
    text: str,
    *,
    name: str = "ink-2",
    **place: Any,
) -> None:
    """Write ``text`` at a point in a quiet colour, ``place`` being options of an annotation."""
    figure.add_annotation(
        x=x, y=y, text=text, showarrow=False, font={"size": 12.5, "color": colour(name)}, **place
    )


def share_axis(axis: Any, title: str, top: float) -> None:
    """An axis from 0 to ``top`` in percent, with a little room below 0 for lines on it."""
    axis.update(
        title_text=title,
        range=[-0.015 * top, 1.015 * top],
        tickformat=".0%" if top > 0.04 else ".1%",
        rangemode="tozero",
    )


def percents(values: Numbers) -> list[str]:
    """Thresholds for a hover; None, above every risk, flags nobody."""
    return ["\N{INFINITY}" if value is None else percent(value) for value in values]


def percent(value: float) -> str:
    """0.125 as "12.5%"."""
    return f"{100 * value:.3g}%"


def nearest_point(x: Numbers, y: Numbers, near: float) -> tuple[float, float] | None:
    """The point of a curve closest to ``near``, to write its name beside."""
    points = [(px, py) for px, py in zip(x, y, strict=True) if px is not None and py is not None]
    return min(points, key=lambda point: abs(point[0] - near), default=None)


def thousands(values: Numbers) -> list[float | None]:
    """Shares of patients as numbers of 1,000 patients."""
    return [None if value is None else 1000 * value for value in values]


def column(curve: Curve, name: str) -> list[Any]:
    """A column of numbers, null where a count is hidden."""
    return curve.columns[name]


def at_least(value: float) -> str:
    """A risk at or above which one acts, as the label of a mark: "≥ 10%"."""
    return f"{NO_BREAK}\N{GREATER-THAN OR EQUAL TO}{NO_BREAK}{percent(value)}"


def chosen(
    result: Result,
    explorer: Explorer,
    x: str,
    y: str,
    *,
    say: Callable[[float], str] = at_least,
    said: str = "",
    scale: float = 1,
    drop: float | None = None,
    beside: str = "top right",
    turn: float = 0.75,
    turned: str = "",
) -> list[go.Scatter]:
    """The marker of what is chosen, which follows the slider along the explorer's curve.

    Parameters
    ----------
    x, y
        Columns of that curve; "1 - specificity" is what is left of a column to 1.
    say, said
        Writes the value of that column, by default the chosen one, as the marker's label.
    scale
        Multiplies y.
    drop
        Draws a line from the marker down to that height.
    beside, turn
        Where the label is clear of the curve; from ``turn`` on along x it stands to the left
        instead, so that it does not end beyond the figure.
    turned
        Where it then stands; default: ``beside`` with left for right.

    Returns
    -------
    list
        One trace; none where the result has no such curve.
    """
    import plotly.graph_objects as go

    curve = result.curves.get(explorer.curve)
    if curve is None or not curve.columns[explorer.parameter]:
        return []
    at = column(curve, explorer.parameter)
    xs = _column_or_rest(curve, x)
    ys = [None if value is None else scale * value for value in _column_or_rest(curve, y)]
    points = [
        (None, None) if None in pair else pair for pair in zip(xs, ys, strict=True)
    ]  # a count that is hidden hides the marker, on both axes
    labels = [
        "" if value is None else say(value) for value in column(curve, said or explorer.parameter)
    ]
    left = turned or beside.replace("right", "left")
    sides = [left if px is not None and px >= turn else beside for px, _py in points]
    if drop is None:
        places = follow(
            explorer.parameter,
            at,
            [[px] for px, _py in points],
            [[py] for _px, py in points],
            [[text] for text in labels],
            sides,
        )
    else:
        places = follow(
            explorer.parameter,
            at,
            [[px, px] for px, _py in points],
            [[py, None if py is None else drop] for _px, py in points],
            [[text, ""] for text in labels],
            sides,
        )
    now = start_of(explorer, result, at)
    return [
        go.Scatter(
            x=places["x"][now],
            y=places["y"][now],
            text=places["text"][now],
            mode="lines+markers+text",
            name=CHOSEN,
            meta=places,
            textposition=places["beside"][now],
            textfont={"size": 13, "color": colour("ink")},
            line={"color": colour("ink"), "width": 1.25},
            marker={
                "color": [colour("ink"), "rgba(0,0,0,0)"][: len(places["x"][now])],
                "size": 11,
                "symbol": "diamond",
            },
            cliponaxis=False,
            hoverinfo="skip",
        )
    ]


def start_of(explorer: Explorer, result: Result, at: Sequence[float]) -> int:
    """The place in ``at`` that a figure first shows: the explorer's start, else the middle."""
    start = explorer.start(result)
    target = sorted(at)[len(at) // 2] if start is None else start
    return min(range(len(at)), key=lambda place: abs(at[place] - target))


def _column_or_rest(curve: Curve, name: str) -> list[Any]:
    """A column, or with "1 - " before its name what is left of it to 1."""
    if not name.startswith("1 - "):
        return column(curve, name)
    return [None if value is None else 1 - value for value in column(curve, name[4:])]


def thresholds_of(result: Result) -> list[float]:
    """The protocol's thresholds; the slider starts at the first."""
    return [float(value) for value in result.protocol.get("thresholds", ())]


def why(result: Result, measure: str, _: Translate) -> str:
    """Why there is no curve of ``measure``, as its estimate says it."""
    estimate = headline(result, measure)
    if estimate is not None and estimate.unavailable is not None:
        return _(estimate.unavailable)
    return _("This result holds no such curve.")
