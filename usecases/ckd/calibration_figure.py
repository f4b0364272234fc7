"""The calibration figure: observed against predicted risk, above the risks' distribution.

No Django.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.figures import colour, empty_figure
from portal.marks import band, column, label, reference, share_axis, why

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from portal.result import Curve, Result
    from portal.usecase import Translate

SHOWN = 0.99
"""Share of the patients whose risks an axis of risk must hold; the rest would squeeze it."""


def draw_calibration(result: Result, _: Translate) -> go.Figure:
    """Observed against predicted risk, above the distribution of the predicted risks."""
    import plotly.graph_objects as go

    smooth = result.curves.get("calibration")
    groups = result.curves.get("calibration_groups")
    risks = result.curves.get("risk_distribution")
    if smooth is None and groups is None:
        return empty_figure(why(result, "calibration_slope", _))
    most = risk_shown(result)
    figure = go.Figure([reference([0, 1], [0, 1])])
    tops = [most]
    if smooth is not None:
        figure.add_traces(
            [
                band(smooth, "predicted"),
                go.Scatter(
                    x=column(smooth, "predicted"),
                    y=column(smooth, "observed"),
                    mode="lines",
                    name=_("smoothed"),
                    line={"color": colour("uc"), "width": 2.5},
                    hovertemplate=_("predicted {value}").format(value="%{x:.1%}")
                    + "<br>"
                    + _("observed {value} (smoothed)").format(value="%{y:.1%}")
                    + "<extra></extra>",
                ),
            ]
        )
        tops += [
            observed
            for predicted, observed in zip(
                column(smooth, "predicted"), column(smooth, "observed"), strict=True
            )
            if predicted is not None and observed is not None and predicted <= most
        ]
    if groups is not None:
        figure.add_trace(_group_points(groups, _))
        tops += [
            upper
            for predicted, upper in zip(
                column(groups, "predicted"), column(groups, "upper"), strict=True
            )
            if predicted is not None and upper is not None and predicted <= most
        ]
    top = min(1, 1.05 * max(tops))
    at = 0.82 * min(most, top)
    label(figure, at, at, _("as predicted"), xanchor="right", yanchor="bottom", xshift=-4)
    share_axis(figure.layout.yaxis, _("observed risk"), top)
    share_axis(figure.layout.xaxis, _("predicted risk"), most)
    figure.update_layout(height=460)
    if risks is not None:
        _add_distribution(figure, risks, most, _)
    return figure


def _group_points(groups: Curve, _: Translate) -> go.Scatter:
    import plotly.graph_objects as go

    rows = [
        row
        for row in zip(
            *(
                column(groups, name)
                for name in ("predicted", "observed", "lower", "upper", "patients")
            ),
            strict=True,
        )
        if None not in row[:4]
    ]
    return go.Scatter(
        x=[row[0] for row in rows],
        y=[row[1] for row in rows],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [row[3] - row[1] for row in rows],
            "arrayminus": [row[1] - row[2] for row in rows],
            "color": colour("ink"),
            "thickness": 1.5,
            "width": 0,
        },
        customdata=[[row[2], row[3], row[4]] for row in rows],
        mode="markers",
        name=_("groups"),
        marker={"color": colour("paper"), "size": 8, "line": {"color": colour("ink"), "width": 2}},
        hovertemplate=_("predicted {value}").format(value="%{x:.1%}")
        + "<br>"
        + _("observed {value} (95% CI {lower} to {upper})").format(
            value="%{y:.1%}", lower="%{customdata[0]:.1%}", upper="%{customdata[1]:.1%}"
        )
        + "<br>"
        + _("{count} patients").format(count="%{customdata[2]:,}")
        + "<extra></extra>",
    )


def _add_distribution(figure: go.Figure, risks: Curve, most: float, _: Translate) -> None:
    """Bars up for those with the event, down for those without, each a share of its group."""
    import plotly.graph_objects as go

    low, high = column(risks, "risk_from"), column(risks, "risk_to")
    widths = [end - start for start, end in zip(low, high, strict=True)]
    narrowest = min(widths)
    tallest = 0.0
    for name, words, sign, fill in (
        ("with_event", _("with the event"), 1, "uc"),
        ("without_event", _("without"), -1, "ink-2"),
    ):
        counts = column(risks, name)
        total = sum(count for count in counts if count is not None)
        shares = [  # over the same width of risk, or a merged bar would look like many patients
            None if count is None or not total else count / total * narrowest / width
            for count, width in zip(counts, widths, strict=True)
        ]
        tallest = max([tallest, *(share for share in shares if share is not None)])
        figure.add_trace(
            go.Bar(
                x=[(start + end) / 2 for start, end in zip(low, high, strict=True)],
                y=[None if share is None else sign * share for share in shares],
                width=[width - 0.14 * narrowest for width in widths],
                customdata=[
                    [start, end, count] for start, end, count in zip(low, high, counts, strict=True)
                ],
                name=words,
                marker={"color": colour(fill), "line": {"width": 0}},
                yaxis="y2",
                hovertemplate=_("risk {low} to {high}").format(
                    low="%{customdata[0]:.1%}", high="%{customdata[1]:.1%}"
                )
                + "<br>"
                + _("{count} patients {group}").format(count="%{customdata[2]:,}", group=words)
                + "<extra></extra>",
            )
        )
        shown = any(share is not None for share in shares)
        figure.add_annotation(
            text=words if shown else _("{group}: too few to show").format(group=words),
            xref="x domain",
            yref="y2 domain",
            x=1,
            y=0.5 + 0.5 * sign,
            xanchor="right",
            yanchor="top" if sign > 0 else "bottom",
            showarrow=False,
            font={"size": 12.5, "color": colour(fill)},
        )
    reach = 1.05 * tallest or 1
    figure.update_layout(
        barmode="overlay",
        yaxis={"domain": [0.32, 1]},
        xaxis={"anchor": "y2"},
        yaxis2={
            "domain": [0, 0.24],
            "range": [-reach, reach],
            "showticklabels": False,
            "showgrid": False,
            "zeroline": True,
            "zerolinecolor": colour("line"),
            "fixedrange": True,
            "title": {"text": _("patients"), "font": {"size": 13, "color": colour("ink-2")}},
        },
    )


def risk_shown(result: Result) -> float:
    """Where an axis of risk ends: past all but one in 100 patients, and past every group.

    Bars that were joined to hide few patients reach further than their patients may, so the
    smoothed curve, which ends at the tenth highest risk, ends the axis where it comes first.
    """
    risks, groups, smooth = (
        result.curves.get(name)
        for name in ("risk_distribution", "calibration_groups", "calibration")
    )
    ends = [value for value in column(smooth, "predicted") if value is not None] if smooth else []
    most = max(ends, default=1.0)
    if risks is not None:
        most = min(most, _quantile(risks, SHOWN))
    if groups is not None:
        tops = [1.1 * value for value in column(groups, "predicted") if value is not None]
        most = max([most, *tops])
    return min(1.0, max(0.01, most))


def _quantile(risks: Curve, share: float) -> float:
    """The risk below which ``share`` of the patients lie, spread evenly within each bar."""
    bins = [
        (start, end, (with_event or 0) + (without or 0))
        for start, end, with_event, without in zip(
            *(
                column(risks, name)
                for name in ("risk_from", "risk_to", "with_event", "without_event")
            ),
            strict=True,
        )
    ]
    left = share * sum(count for _start, _end, count in bins)
    for start, end, count in bins:
        if count and count >= left:
            return start + (end - start) * left / count
        left -= count
    return 1.0
