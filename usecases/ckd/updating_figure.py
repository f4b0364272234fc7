"""The updating figure: the model as it is beside its updates, in one look. No Django.

Above, the smoothed calibration of each; below, side by side, how far each is from being right on
average and in its spread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.figures import colour, empty_figure
from portal.marks import DOTS, column, reference, share_axis, why
from portal.usecase import gettext_noop
from usecases.ckd.calibration_figure import risk_shown

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from portal.result import Curve, Result
    from portal.usecase import Translate

UPDATE_LINES = (
    ("as_it_is", gettext_noop("as it is"), "uc", None, "circle"),
    ("recalibrated_baseline", gettext_noop("new baseline"), "series-2", "7px 3px", "square"),
    ("recalibrated_slope", gettext_noop("new baseline and slope"), "series-3", DOTS, "diamond"),
)
"""Column of the curve, words, colour, dash and symbol: never told apart by colour alone."""

PANELS = (
    ("observed_expected_ratio", gettext_noop("observed /<br>expected"), "x2", (0.0, 0.45)),
    ("calibration_slope", gettext_noop("calibration<br>slope"), "x3", (0.55, 1.0)),
)
"""Measure, words, axis and its share of the width; both are 1 where the risks are right."""


def draw_updating(result: Result, _: Translate) -> go.Figure:
    """Smoothed calibration of the model as it is and of its updates, and what each repairs."""
    import plotly.graph_objects as go

    curve = result.curves.get("updated_calibration")
    if curve is None:
        return empty_figure(why(result, "calibration_slope", _))
    figure = go.Figure()
    _add_curves(figure, curve, risk_shown(result), _)
    judged = result.curves.get("updating")
    if judged is not None:
        _add_panels(figure, judged, _)
    figure.update_layout(
        height=480,
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
    )
    return figure


def _add_curves(figure: go.Figure, curve: Curve, most: float, _: Translate) -> None:
    """Observed against predicted risk, a line for each update."""
    import plotly.graph_objects as go

    predicted = column(curve, "predicted")
    perfect = reference([0, 1], [0, 1])
    figure.add_trace(perfect.update(name=_("as predicted")))
    tops = [most]
    for name, words, shade, dash, _symbol in UPDATE_LINES:
        if name not in curve.columns:
            continue
        observed = column(curve, name)
        figure.add_trace(
            go.Scatter(
                x=predicted,
                y=observed,
                mode="lines",
                name=_(words),
                line={"color": colour(shade), "width": 2.5, **({"dash": dash} if dash else {})},
                hovertemplate=f"{_(words)}<br>"
                + _("predicted {value}").format(value="%{x:.1%}")
                + "<br>"
                + _("observed {value} (smoothed)").format(value="%{y:.1%}")
                + "<extra></extra>",
            )
        )
        tops += [
            value
            for at, value in zip(predicted, observed, strict=True)
            if at is not None and value is not None and at <= most
        ]
    share_axis(figure.layout.yaxis, _("observed risk"), min(1, 1.05 * max(tops)))
    share_axis(figure.layout.xaxis, _("predicted risk"), most)


def _add_panels(figure: go.Figure, judged: Curve, _: Translate) -> None:
    """Observed / expected and slope of each update, with their intervals, beside each other."""
    rows = {(row["measure"], row["update"]): row for row in judged.rows}
    figure.update_layout(
        yaxis={"domain": [0.5, 1]},
        yaxis2={
            "domain": [0, 0.24],
            "range": [len(UPDATE_LINES) - 0.5, -0.5],
            "tickvals": list(range(len(UPDATE_LINES))),
            "ticktext": [
                _(words).replace(" and ", "<br>and ") for _name, words, *_more in UPDATE_LINES
            ],
            "tickfont": {"color": colour("ink")},
            "showgrid": False,
            "anchor": "x2",
        },
    )
    for measure, title, axis, domain in PANELS:
        ends = [1.0]
        figure.add_trace(
            reference([1, 1], [-0.5, len(UPDATE_LINES) - 0.5]).update(
                name=_("as predicted"), xaxis=axis, yaxis="y2", showlegend=False
            )
        )
        for place, (update, words, shade, dash, symbol) in enumerate(UPDATE_LINES):
            row = rows.get((measure, update))
            if row is None or not isinstance(row["value"], float):
                continue
            value = row["value"]
            low = row["lower"] if isinstance(row["lower"], float) else value
            high = row["upper"] if isinstance(row["upper"], float) else value
            ends += [low, high]
            figure.add_traces(
                _dot(
                    (low, value, high),
                    place,
                    words=_(words),
                    shade=shade,
                    dash=dash,
                    symbol=symbol,
                    axis=axis,
                )
            )
        room = 0.08 * (max(ends) - min(ends)) or 0.1
        figure.update_layout(
            {
                f"xaxis{axis[1:]}": {
                    "domain": domain,
                    "anchor": "y2",
                    "range": [min(ends) - room, max(ends) + room],
                    "nticks": 3,
                    "title": {"text": _(title)},
                }
            }
        )


def _dot(
    found: tuple[float, float, float],
    place: int,
    *,
    words: str,
    shade: str,
    dash: str | None,
    symbol: str,
    axis: str,
) -> list[go.Scatter]:
    """An estimate and its interval, in the colour, the dash and under the name of its curve."""
    import plotly.graph_objects as go

    low, value, high = found
    kept = {"name": words, "xaxis": axis, "yaxis": "y2", "showlegend": False}
    return [
        go.Scatter(
            x=[low, high],
            y=[place, place],
            mode="lines",
            line={"color": colour(shade), "width": 2.5, **({"dash": dash} if dash else {})},
            hoverinfo="skip",
            **kept,
        ),
        go.Scatter(
            x=[value],
            y=[place],
            mode="markers",
            marker={"color": colour(shade), "size": 10, "symbol": symbol},
            hovertemplate=f"{words}<br>%{{x:.2f}} (95% CI {low:.2f} to {high:.2f})<extra></extra>",
            **kept,
        ),
    ]
