"""Figures: the one plotly template, and what a page needs beside a figure. No Django.

Colours are names of CSS custom properties, ``var(--uc)``, which the browser resolves to the
theme in use before it draws; so one stored result is drawn in light and dark, and in each use
case's colour. :data:`COLOURS` lists the names in use.

A trace named :data:`CHOSEN` follows the page's slider: its ``meta`` holds the positions it may
take, so that the browser moves it without knowing what the figure means (see :func:`follow`).
"""

from __future__ import annotations

import functools
import html
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from portal.result import Curve, Estimate, Pooled, Result, Scalar

COLOURS: Mapping[str, str] = {
    "uc": "the use case's own colour: its first series",
    "uc-band": "the same, translucent: the interval around a line",
    "ink": "text that must be read, what the slider moves",
    "ink-2": "axes, reference lines, quiet labels",
    "line": "grid lines",
    "paper": "the card behind the figure",
    "wash": "a quiet surface: bars of the larger group",
    **{
        f"series-{number}": "series where several are compared, in a colour-blind-safe order"
        for number in range(1, 9)
    },
}
"""Every custom property that a figure may name, and what it is for."""

CHOSEN = "chosen"
"""Name of a trace that the page's slider moves."""

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'
HEIGHT = 340
"""Pixels; a figure with two rows says so itself."""

SITE_COLUMNS = ("site", "country")
"""The columns that split a result by site, the first that is there."""


def colour(name: str) -> str:
    """``var(--name)`` for a name in :data:`COLOURS`.

    Raises
    ------
    LookupError
        If the style sheet is not promised to have that name.
    """
    if name not in COLOURS:
        raise LookupError(f"No colour '{name}'; there are: {', '.join(COLOURS)}.")
    return f"var(--{name})"


@functools.cache
def template() -> go.layout.Template:
    """The look that all figures share: transparent, thin grid, no title, labels on the data."""
    import plotly.graph_objects as go  # here: half the callers only want tables

    axis = {
        "gridcolor": colour("line"),
        "gridwidth": 1,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "ticklabelstandoff": 3,  # or the first numbers of both axes touch
        "nticks": 6,
        "automargin": True,
        "fixedrange": True,  # a finger that scrolls the page must not zoom the figure
        "tickfont": {"size": 12, "color": colour("ink-2")},
        "title": {"font": {"size": 13, "color": colour("ink-2")}, "standoff": 8},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": colour("ink")},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 8, "r": 20, "t": 12, "b": 8},
            "colorway": [colour(f"series-{number}") for number in range(1, 9)],
            "showlegend": False,
            "hovermode": "closest",
            "dragmode": False,
            "hoverlabel": {
                "bgcolor": colour("paper"),
                "bordercolor": colour("line"),
                "font": {"family": FONT, "size": 13, "color": colour("ink")},
                "align": "left",
            },
            "xaxis": axis,
            "yaxis": axis,
            "annotationdefaults": {"showarrow": False, "font": {"size": 12.5}},
        }
    )


def empty_figure(reason: str) -> go.Figure:
    """A figure without data that says why there is none."""
    import plotly.graph_objects as go

    text = "<br>".join(textwrap.wrap(html.escape(reason, quote=False), 36))
    figure = go.Figure()
    figure.update_layout(
        height=160,
        xaxis={"visible": False},
        yaxis={"visible": False},
        annotations=[
            {
                "text": text,
                "showarrow": False,
                "xref": "paper",
                "yref": "paper",
                "x": 0.5,
                "y": 0.5,
                "font": {"size": 14, "color": colour("ink-2")},
            }
        ],
    )
    return figure


def follow(
    parameter: str,
    at: Sequence[float],
    x: Sequence[Sequence[float | None]],
    y: Sequence[Sequence[Any]],
    text: Sequence[Sequence[str]] | None = None,
    beside: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The ``meta`` of a trace that follows the slider: at ``at[i]`` it has ``x[i]``, ``y[i]``.

    Parameters
    ----------
    parameter
        The column of the explorer's curve that is followed; the trace stands at the value of
        ``at`` that is nearest to it.
    at
        The positions of the trace.
    x, y
        For each position the coordinates of the trace's points; null where a count is hidden.
    text, beside
        For each position the labels of the points, and where they stand ("top right").

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    lists = [at, x, y, *(more for more in (text, beside) if more is not None)]
    if len({len(values) for values in lists}) != 1:
        found = ", ".join(str(len(values)) for values in lists)
        raise ValueError(f"A trace that follows needs one place a position; found {found}.")
    meta = {"follows": parameter, "at": list(at), "x": list(x), "y": list(y)}
    if text is not None:
        meta["text"] = list(text)
    if beside is not None:
        meta["beside"] = list(beside)
    return meta


def figure_json(figure: go.Figure) -> dict[str, Any]:
    """The figure as plain data for the browser: ``{"data": [...], "layout": {...}}``.

    It wears :func:`template`, whatever it was drawn with, and its numbers have six significant
    digits: more than a screen shows, a third of the bytes. The CSV keeps them all.
    """
    drawn = figure.to_plotly_json()
    layout = {key: value for key, value in drawn.get("layout", {}).items() if key != "template"}
    layout["template"] = {"layout": template().to_plotly_json()["layout"]}
    return {"data": _plain(drawn["data"]), "layout": _plain(layout)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        rounded = float(f"{value:.6g}")
        return int(rounded) if rounded.is_integer() else rounded
    if isinstance(value, str | int | bool) or value is None:
        return value
    return [_plain(item) for item in value]


def curve_table(curve: Curve, *, precise: bool = False) -> tuple[list[str], list[list[Scalar]]]:
    """Header and rows of a curve.

    Parameters
    ----------
    precise
        False: for reading, with headings in words and numbers as text of four significant
        digits, "" where a count is hidden. True: for a CSV file, names and values as stored.
    """
    header = list(curve.columns)
    rows: list[list[Scalar]] = [list(row) for row in zip(*curve.columns.values(), strict=True)]
    if precise:
        return header, rows
    words = [name.replace("_", " ").capitalize() for name in header]
    return words, [[_legible(value) for value in row] for row in rows]


def _legible(value: Scalar) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        if value == 0:
            return "0"
        text = format(Decimal(f"{value:.4g}"), "f")
        return text.replace("-", "\N{MINUS SIGN}", 1)
    return str(value)


def headline(result: Result, measure: str) -> Estimate | None:
    """The estimate of everyone that a card shows; of several thresholds, the protocol's first."""
    for estimate in result.estimates:
        if estimate.measure == measure and estimate.subgroup is None:
            return estimate
    return None


@dataclass(frozen=True)
class ForestRow:
    """One line of a forest plot."""

    name: str
    n: int | None
    """Patients (or exams, scans); None where the count is hidden."""
    estimate: Estimate


@dataclass(frozen=True)
class Forest:
    """A measure in each site (or other category), everyone together, and pooled over sites."""

    rows: tuple[ForestRow, ...]
    overall: Estimate | None
    pooled: Pooled | None
    low: float
    high: float
    """The ends of an axis that holds every value, and the intervals unless they are extreme."""


def forest(
    result: Result,
    measure: str,
    *,
    column: str | None = None,
    at: Mapping[str, float] | None = None,
) -> Forest:
    """The estimates of ``measure`` in each category of ``column``: region-9 before region-10.

    Parameters
    ----------
    column
        The subgroups to compare; default: the sites (:data:`SITE_COLUMNS`).
    at
        What the measure is taken at; default: as on its card (:func:`headline`).

    Returns
    -------
    Forest
        Without rows where the result has no such subgroup. An estimate that is not available
        keeps its row, so that the page can say why.
    """
    overall = headline(result, measure)
    if at is None:
        at = None if overall is None else overall.at
    else:
        overall = next(
            (
                estimate
                for estimate in result.estimates
                if (estimate.measure, estimate.subgroup, estimate.at) == (measure, None, at)
            ),
            None,
        )
    found = [
        estimate
        for estimate in result.estimates
        if estimate.measure == measure and estimate.subgroup is not None and estimate.at == at
    ]
    if column is None:
        columns = {estimate.subgroup.column for estimate in found if estimate.subgroup}
        column = next((name for name in SITE_COLUMNS if name in columns), SITE_COLUMNS[0])
    rows = tuple(
        sorted(
            (
                ForestRow(
                    estimate.subgroup.value,
                    _patients(result, column, estimate.subgroup.value),
                    estimate,
                )
                for estimate in found
                if estimate.subgroup is not None and estimate.subgroup.column == column
            ),
            key=lambda row: _by_number(row.name),
        )
    )
    pooled = None
    if column in SITE_COLUMNS:
        pooled = next((p for p in result.pooled if (p.measure, p.at) == (measure, at)), None)
    low, high = forest_ends([*(row.estimate for row in rows), overall, pooled])
    return Forest(rows=rows, overall=overall, pooled=pooled, low=low, high=high)


def _by_number(name: str) -> list[tuple[int, str]]:
    """A key that sorts the numbers within names as numbers."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def forest_ends(drawn: Sequence[Estimate | Pooled | None]) -> tuple[float, float]:
    """The ends of a forest's axis: values always, intervals up to three typical widths beyond."""
    entries = [entry for entry in drawn if entry is not None]
    values = [entry.value for entry in entries if entry.value is not None]
    if not values:
        return 0.0, 1.0
    ends = [end for entry in entries for end in (entry.lower, entry.upper) if end is not None]
    for entry in entries:
        # Only what is pooled has a prediction interval.
        for name in ("prediction_lower", "prediction_upper"):
            if (end := getattr(entry, name, None)) is not None:
                ends.append(end)
    widths = sorted(
        entry.upper - entry.lower
        for entry in entries
        if entry.upper is not None and entry.lower is not None
    )
    typical = widths[len(widths) // 2] if widths else 0.0
    low = max(min([*values, *ends]), min(values) - 3 * typical)
    high = min(max([*values, *ends]), max(values) + 3 * typical)
    margin = 0.04 * (high - low) or 0.05
    return low - margin, high + margin


def _patients(result: Result, column: str, value: str) -> int | None:
    """The number of people in a subgroup, where the result gives it."""
    groups = result.population.get("subgroups", {})
    return groups.get(column, {}).get(value, {}).get("patients")
