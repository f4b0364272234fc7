"""The figures of metastasis/lung-ct, drawn from a stored Result alone. No Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.figures import colour, empty_figure, headline
from portal.marks import band, column, label, reference, share_axis, why
from portal.usecase import Figure, Translate, gettext_noop
from usecases.metastasis.lung_findings import AT, title_estimate

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from portal.result import Estimate, Result

_EIGHTHS = {0.125: "⅛", 0.25: "¼", 0.5: "½"}


def draw_froc(result: Result, _: Translate) -> go.Figure:
    """Share of lesions found against false positives per scan, on a log scale."""
    import plotly.graph_objects as go

    curve = result.curves.get("froc")
    if curve is None:
        return empty_figure(why(result, "cpm", _))
    points = [
        estimate
        for estimate in result.estimates
        if estimate.measure == "sensitivity" and estimate.subgroup is None and estimate.at
    ]
    at = [(estimate.at or {})[AT] for estimate in points]
    figure = go.Figure(
        [
            band(curve, AT),
            go.Scatter(
                x=column(curve, AT),
                y=column(curve, "sensitivity"),
                mode="lines",
                name=_("detector"),
                line={"color": colour("uc"), "width": 2.5},
                hovertemplate=_("{value} false positives per scan").format(value="%{x:.3g}")
                + "<br>"
                + _("lesions found {value}").format(value="%{y:.1%}")
                + "<extra></extra>",
            ),
            go.Scatter(
                x=at,
                y=[estimate.value for estimate in points],
                mode="markers",
                name=_("operating points"),
                marker={
                    "color": colour("uc"),
                    "size": 8,
                    "line": {"color": colour("paper"), "width": 1.5},
                },
                customdata=[interval_words(estimate) for estimate in points],
                hovertemplate=_("{value} false positives per scan").format(value="%{x:.3g}")
                + "<br>"
                + _("lesions found {value}").format(value="%{y:.1%}")
                + "%{customdata}<extra></extra>",
            ),
        ]
    )
    cpm = headline(result, "cpm")
    if cpm is not None and cpm.value is not None:
        _corner(figure, _("mean of the points {value}").format(value=f"{cpm.value:.3f}"), cpm)
    ticks = at if len(at) <= 8 else at[:: -(-len(at) // 8)]
    figure.update_xaxes(
        type="log",
        title_text=_("false positives per scan"),
        tickvals=ticks,
        ticktext=[_EIGHTHS.get(tick, f"{tick:g}") for tick in ticks],
    )
    share_axis(figure.layout.yaxis, _("lesions found (sensitivity)"), 1)
    return figure


def interval_words(estimate: Estimate) -> str:
    """The interval on a line of its own of a hover; nothing where there is none."""
    if estimate.lower is None or estimate.upper is None:
        return ""
    return f"<br>95% CI {100 * estimate.lower:.1f}%\N{EN DASH}{100 * estimate.upper:.1f}%"


def _corner(figure: go.Figure, text: str, estimate: Estimate) -> None:
    interval = ""
    if estimate.lower is not None and estimate.upper is not None:
        interval = f"<br>95% CI {estimate.lower:.3f}\N{EN DASH}{estimate.upper:.3f}"
    figure.add_annotation(
        text=f"<b>{text}</b>{interval}",
        xref="paper",
        yref="paper",
        x=1,
        y=0.04,
        xanchor="right",
        yanchor="bottom",
        align="right",
        showarrow=False,
        font={"size": 14, "color": colour("uc")},
    )


def draw_sizes(result: Result, _: Translate) -> go.Figure:
    """Share of lesions found in each band of diameters, with its interval."""
    import plotly.graph_objects as go

    curve, shown = result.curves.get("sensitivity_by_size"), title_estimate(result)
    if curve is None or shown is None or shown.at is None:
        return empty_figure(why(result, "cpm", _))
    rows = [row for row in curve.rows if row[AT] == shown.at[AT] and row["sensitivity"] is not None]
    if not rows:
        return empty_figure(_("No band of diameters holds enough lesions."))
    names = [str(row["size"]) for row in rows]
    value = [float(row["sensitivity"] or 0) for row in rows]
    lower = [
        value[i] if row["lower"] is None else float(row["lower"]) for i, row in enumerate(rows)
    ]
    upper = [
        value[i] if row["upper"] is None else float(row["upper"]) for i, row in enumerate(rows)
    ]
    figure = go.Figure(
        [
            go.Scatter(
                x=value,
                y=names,
                mode="markers",
                name=_("lesions found"),
                marker={"color": colour("uc"), "size": 11},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [high - at for high, at in zip(upper, value, strict=True)],
                    "arrayminus": [at - low for low, at in zip(lower, value, strict=True)],
                    "color": colour("uc"),
                    "thickness": 2,
                    "width": 0,
                },
                customdata=[
                    [f"{100 * low:.1f}%\N{EN DASH}{100 * high:.1f}%", _lesions(row["lesions"], _)]
                    for low, high, row in zip(lower, upper, rows, strict=True)
                ],
                hovertemplate="%{y}<br>"
                + _("lesions found {value}").format(value="%{x:.1%}")
                + "<br>95% CI %{customdata[0]}<br>%{customdata[1]}<extra></extra>",
            )
        ]
    )
    if shown.value is not None:
        figure.add_vline(
            x=shown.value, line={"color": colour("ink-2"), "width": 1.25, "dash": "6px 4px"}
        )
        figure.add_annotation(
            x=shown.value,
            y=1,
            yref="paper",
            text=_("all {percent}").format(percent=f"{100 * shown.value:.0f}%"),
            showarrow=False,
            xanchor="right",
            yanchor="bottom",
            xshift=-4,
            font={"size": 12.5, "color": colour("ink-2")},
        )
    point = f"{shown.at[AT]:g}"
    share_axis(
        figure.layout.xaxis,
        _("lesions found at<br>{point} false positives per scan").format(point=point)
        if point != "1"
        else _("lesions found at<br>1 false positive per scan"),
        1,
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, tickfont={"color": colour("ink")})
    figure.update_layout(height=90 + 52 * len(rows), margin={"t": 26})
    return figure


def _lesions(count: object, _: Translate) -> str:
    return _("too few to show") if count is None else _("{count} lesions").format(count=count)


def draw_case_roc(result: Result, _: Translate) -> go.Figure:
    """Scans with a lesion against scans without, by the highest score of the scan."""
    import plotly.graph_objects as go

    curve = result.curves.get("case_roc")
    if curve is None:
        return empty_figure(why(result, "case_auroc", _))
    figure = go.Figure(
        [
            reference([0, 1], [0, 1]),
            go.Scatter(
                x=column(curve, "false_positive_rate"),
                y=column(curve, "sensitivity"),
                mode="lines",
                name=_("detector"),
                line={"color": colour("uc"), "width": 2.5},
                hovertemplate=_("scans with a lesion {value}").format(value="%{y:.1%}")
                + "<br>"
                + _("scans without one {value}").format(value="%{x:.1%}")
                + "<extra></extra>",
            ),
        ]
    )
    area = headline(result, "case_auroc")
    if area is not None and area.value is not None:
        _corner(figure, f"AUROC {area.value:.3f}", area)
    label(figure, 0.36, 0.32, _("chance"), xanchor="left", yanchor="top")
    share_axis(figure.layout.xaxis, _("scans without a lesion, above the score"), 1)
    share_axis(figure.layout.yaxis, _("scans with a lesion, above it"), 1)
    return figure


def draw_afroc(result: Result, _: Translate) -> go.Figure:
    """Share of lesions found against share of scans without a lesion that get a false mark."""
    import plotly.graph_objects as go

    curve = result.curves.get("afroc")
    if curve is None:
        return empty_figure(why(result, "weighted_afroc_area", _))
    share = column(curve, "share_of_cases_marked")
    figure = go.Figure(
        [
            reference(share, column(curve, "share_of_lesions_found")),
            go.Scatter(
                x=share,
                y=column(curve, "weighted_share_of_lesions_found"),
                mode="lines",
                name=_("lesions of a scan share one weight"),
                line={"color": colour("uc"), "width": 2.5},
                customdata=column(curve, "share_of_lesions_found"),
                hovertemplate=_("scans without a lesion, marked {value}").format(value="%{x:.1%}")
                + "<br>"
                + _("lesions found {value}, weighted {weighted}").format(
                    value="%{customdata:.1%}", weighted="%{y:.1%}"
                )
                + "<extra></extra>",
            ),
        ]
    )
    area = headline(result, "weighted_afroc_area")
    if area is not None and area.value is not None:
        _corner(figure, _("weighted area {value}").format(value=f"{area.value:.3f}"), area)
    share_axis(figure.layout.xaxis, _("scans without a lesion that are marked"), 1)
    share_axis(figure.layout.yaxis, _("lesions found"), 1)
    return figure


FIGURES = (
    Figure(
        slug="froc",
        question=gettext_noop("How many lesions are found, at how many false alarms?"),
        curves=("froc",),
        draw=draw_froc,
        note=gettext_noop(
            "Each point of the line is one threshold of the score: marking more finds more "
            "lesions and raises more false alarms. The shaded band is the 95% interval; the axis "
            "below doubles at equal steps."
        ),
    ),
    Figure(
        slug="sizes",
        question=gettext_noop("Are small lesions found as well as large ones?"),
        curves=("sensitivity_by_size",),
        draw=draw_sizes,
        note=gettext_noop(
            "By the diameter of the lesion, at the same threshold for all; dashed: lesions of any "
            "size. Lines are 95% intervals. The table holds every operating point."
        ),
    ),
    Figure(
        slug="case-roc",
        question=gettext_noop("Does it tell scans with a lesion from scans without one?"),
        curves=("case_roc",),
        draw=draw_case_roc,
        note=gettext_noop(
            "A scan counts by its highest mark; a scan without a mark ranks below all others."
        ),
    ),
    Figure(
        slug="afroc",
        question=gettext_noop("Does a lesion stand out from a healthy scan's worst false alarm?"),
        curves=("afroc",),
        draw=draw_afroc,
        note=gettext_noop(
            "Line: the lesions of a scan share one weight, so that a scan with many does not "
            "count more; dashed: each lesion counts alike. The last straight piece belongs to "
            "lesions and scans without a mark."
        ),
    ),
)
