"""The figures of metastasis/lung-ct, drawn from a stored Result alone. No Django."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portal.figures import CHOSEN, colour, empty_figure, follow, headline
from portal.marks import DASH, NO_BREAK, band, chosen, column, label, reference, share_axis, why
from portal.usecase import Figure, Translate, gettext_noop
from usecases.metastasis.explorers import FALSE_MARKS
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
            *chosen(
                result,
                FALSE_MARKS,
                AT,
                "sensitivity",
                say=lambda value: f"{value:.3g}{NO_BREAK}",
                beside="top left",
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
    """Share of lesions found in each band of diameters, with its interval.

    It follows the slider from one operating point of the protocol to the next.
    """
    import plotly.graph_objects as go

    curve, shown = result.curves.get("sensitivity_by_size"), title_estimate(result)
    if curve is None or shown is None or shown.at is None:
        return empty_figure(why(result, "cpm", _))
    places = sorted({float(row[AT] or 0) for row in curve.rows})
    bands = {at: [row for row in curve.rows if row[AT] == at] for at in places}
    # A band that is hidden at one operating point has too few lesions at all.
    names = [str(row["size"]) for row in bands[shown.at[AT]] if row["sensitivity"] is not None]
    if not names:
        return empty_figure(_("No band of diameters holds enough lesions."))
    rows = {at: [row for row in bands[at] if row["size"] in names] for at in places}
    now = places.index(shown.at[AT])
    ends = [_ends(rows[at]) for at in places]
    values: list[list[Any]] = [[row["sensitivity"] for row in rows[at]] for at in places]
    lines = list(range(len(names)))
    doubled = [place for line in lines for place in (line, line, None)]
    intervals = follow(AT, places, ends, [doubled] * len(places))
    points = follow(AT, places, values, [lines] * len(places))
    figure = go.Figure(
        [
            go.Scatter(
                x=intervals["x"][now],
                y=intervals["y"][now],
                mode="lines",
                name=CHOSEN,
                meta=intervals,
                line={"color": colour("uc"), "width": 2},
                hoverinfo="skip",
            ),
            go.Scatter(
                x=points["x"][now],
                y=points["y"][now],
                mode="markers",
                name=CHOSEN,
                meta=points,
                marker={"color": colour("uc"), "size": 11},
                customdata=[
                    [name, _lesions(row["lesions"], _)]
                    for name, row in zip(names, rows[places[now]], strict=True)
                ],
                hovertemplate="%{customdata[0]}<br>"
                + _("lesions found {value}").format(value="%{x:.1%}")
                + "<br>%{customdata[1]}<extra></extra>",
            ),
        ]
    )
    _mark_all(figure, result, places, now, len(names), _)
    share_axis(figure.layout.xaxis, _("lesions found"), 1)
    figure.update_xaxes(tickvals=[0, 0.25, 0.5, 0.75, 1], tickangle=0)
    figure.update_yaxes(
        range=[len(names) - 0.5, -0.5],
        tickvals=lines,
        ticktext=names,
        showgrid=False,
        tickfont={"color": colour("ink")},
    )
    figure.update_layout(height=110 + 52 * len(names), margin={"t": 26})
    return figure


def _ends(rows: list[dict[str, Any]]) -> list[Any]:
    """The intervals as stretches of one line, a gap between them."""
    return [end for row in rows for end in (row["lower"], row["upper"], None)]


def _mark_all(
    figure: go.Figure,
    result: Result,
    places: list[float],
    now: int,
    bands: int,
    _: Translate,
) -> None:
    """A dashed line at the lesions of any size, which says the operating point."""
    import plotly.graph_objects as go

    found = {
        estimate.at[AT]: estimate.value
        for estimate in result.estimates
        if estimate.measure == "sensitivity" and estimate.subgroup is None and estimate.at
    }
    values = [found.get(at) for at in places]
    words = [
        _("all: {percent} at {point} false per scan").format(
            percent="" if value is None else f"{100 * value:.0f}%", point=f"{at:g}"
        )
        for at, value in zip(places, values, strict=True)
    ]
    reach = [-0.5, bands - 0.5]
    line = follow(
        AT,
        places,
        [[value, value] for value in values],
        [reach] * len(places),
        [[text, ""] for text in words],
    )
    figure.add_trace(
        go.Scatter(
            x=line["x"][now],
            y=line["y"][now],
            text=line["text"][now],
            mode="lines+text",
            name=CHOSEN,
            meta=line,
            textposition="top left",
            textfont={"size": 12.5, "color": colour("ink-2")},
            line={"color": colour("ink-2"), "width": 1.25, "dash": DASH},
            cliponaxis=False,
            hoverinfo="skip",
        )
    )


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
    share_axis(figure.layout.xaxis, _("scans without a lesion, above score"), 1)
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
