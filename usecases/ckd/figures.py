"""The figures of the kidney use case, drawn from a stored Result alone. No Django."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from portal.figures import CHOSEN, colour, empty_figure, follow, headline
from portal.usecase import Figure, Translate, gettext_noop

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from portal.result import Curve, Result

    Numbers = Sequence[float | None]

SHOWN = 0.99
"""Share of the patients whose risks an axis of risk must hold; the rest would squeeze it."""

DASH, DOTS = "6px 4px", "2px 3px"
"""Reference lines are dashed, so that colour is never the only cue."""

NO_BREAK = "\N{NO-BREAK SPACE}"


def draw_roc(result: Result, _: Translate) -> go.Figure:
    """Sensitivity against false positives, with the chosen threshold on the curve."""
    import plotly.graph_objects as go

    curve = result.curves.get("roc")
    if curve is None:
        return empty_figure(_why(result, "auroc", _))
    figure = go.Figure(
        [
            _reference([0, 1], [0, 1], DASH),
            go.Scatter(
                x=_column(curve, "false_positive_rate"),
                y=_column(curve, "sensitivity"),
                customdata=_percents(_column(curve, "threshold")),
                mode="lines",
                name=_("model"),
                line={"color": colour("uc"), "width": 2.5},
                hovertemplate=_("risk ≥ {threshold}").format(threshold="%{customdata}")
                + "<br>"
                + _("sensitivity {value}").format(value="%{y:.1%}")
                + "<br>"
                + _("false positives {value}").format(value="%{x:.1%}")
                + "<extra></extra>",
            ),
            *_chosen(result, "1 - specificity", "sensitivity", _, beside="bottom right"),
        ]
    )
    auroc = headline(result, "auroc")
    if auroc is not None and auroc.value is not None:
        interval = ""
        if auroc.lower is not None and auroc.upper is not None:
            interval = f"<br>95% CI {auroc.lower:.3f}\N{EN DASH}{auroc.upper:.3f}"
        figure.add_annotation(
            text=f"<b>AUROC {auroc.value:.3f}</b>{interval}",
            x=1,
            y=0.04,
            xanchor="right",
            yanchor="bottom",
            align="right",
            showarrow=False,
            font={"size": 14, "color": colour("uc")},
        )
    _label(figure, 0.36, 0.32, _("chance"), xanchor="left", yanchor="top")
    _share_axis(figure.layout.xaxis, _("false positives (1 \N{MINUS SIGN} specificity)"), 1)
    _share_axis(figure.layout.yaxis, _("sensitivity"), 1)
    return figure


def draw_precision_recall(result: Result, _: Translate) -> go.Figure:
    """The share of those flagged who have the event, against the share of events found."""
    import plotly.graph_objects as go

    curve = result.curves.get("precision_recall")
    if curve is None:
        return empty_figure(_why(result, "average_precision", _))
    prevalence = _prevalence(result)
    figure = go.Figure()
    if prevalence is not None:
        figure.add_trace(_reference([0, 1], [prevalence, prevalence], DASH))
        _label(
            figure,
            0,
            prevalence,
            _("flagging at random: {percent}").format(percent=f"{prevalence:.1%}"),
            xanchor="left",
            yanchor="bottom",
        )
    figure.add_trace(
        go.Scatter(
            x=_column(curve, "recall"),
            y=_column(curve, "precision"),
            customdata=_percents(_column(curve, "threshold")),
            mode="lines",
            name=_("model"),
            line={"color": colour("uc"), "width": 2.5},
            hovertemplate=_("risk ≥ {threshold}").format(threshold="%{customdata}")
            + "<br>"
            + _("of those flagged, {value} with the event").format(value="%{y:.1%}")
            + "<br>"
            + _("sensitivity {value}").format(value="%{x:.1%}")
            + "<extra></extra>",
        )
    )
    figure.add_traces(_chosen(result, "sensitivity", "ppv", _))
    average = headline(result, "average_precision")
    if average is not None and average.value is not None:
        interval = ""
        if average.lower is not None and average.upper is not None:
            interval = f"<br>95% CI {average.lower:.3f}\N{EN DASH}{average.upper:.3f}"
        figure.add_annotation(
            text="<b>"
            + _("average precision {value}").format(value=f"{average.value:.3f}")
            + f"</b>{interval}",
            x=1,
            y=0.98,
            xanchor="right",
            yanchor="top",
            align="right",
            showarrow=False,
            font={"size": 14, "color": colour("uc")},
        )
    _share_axis(figure.layout.xaxis, _("sensitivity (recall)"), 1)
    _share_axis(figure.layout.yaxis, _("of those flagged, with the event"), 1)
    return figure


def draw_calibration(result: Result, _: Translate) -> go.Figure:
    """Observed against predicted risk, above the distribution of the predicted risks."""
    import plotly.graph_objects as go

    smooth = result.curves.get("calibration")
    groups = result.curves.get("calibration_groups")
    risks = result.curves.get("risk_distribution")
    if smooth is None and groups is None:
        return empty_figure(_why(result, "calibration_slope", _))
    most = _risk_shown(result)
    figure = go.Figure([_reference([0, 1], [0, 1], DASH)])
    tops = [most]
    if smooth is not None:
        figure.add_traces(
            [
                _band(smooth, "predicted"),
                go.Scatter(
                    x=_column(smooth, "predicted"),
                    y=_column(smooth, "observed"),
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
                _column(smooth, "predicted"), _column(smooth, "observed"), strict=True
            )
            if predicted is not None and observed is not None and predicted <= most
        ]
    if groups is not None:
        figure.add_trace(_group_points(groups, _))
        tops += [
            upper
            for predicted, upper in zip(
                _column(groups, "predicted"), _column(groups, "upper"), strict=True
            )
            if predicted is not None and upper is not None and predicted <= most
        ]
    top = min(1, 1.05 * max(tops))
    at = 0.82 * min(most, top)
    _label(figure, at, at, _("as predicted"), xanchor="right", yanchor="bottom", xshift=-4)
    _share_axis(figure.layout.yaxis, _("observed risk"), top)
    _share_axis(figure.layout.xaxis, _("predicted risk"), most)
    figure.update_layout(height=460)
    if risks is not None:
        _add_distribution(figure, risks, most, _)
    return figure


def draw_decision(result: Result, _: Translate) -> go.Figure:
    """Net benefit of the model, of treating all and of treating none, by threshold."""
    import plotly.graph_objects as go

    curve = result.curves.get("decision")
    if curve is None:
        return empty_figure(_why(result, "net_benefit", _))
    thresholds = _column(curve, "threshold")
    model = _thousands(_column(curve, "net_benefit"))
    everyone = _thousands(_column(curve, "treat_all"))
    limits = [value for value in thresholds if value is not None]
    chosen = _thresholds(result)
    most = min(max(limits), max([_risk_shown(result), *(1.25 * value for value in chosen)]))
    seen = [
        value
        for values in (model, _thousands(_column(curve, "upper")), everyone)
        for threshold, value in zip(thresholds, values, strict=True)
        if value is not None and threshold is not None and threshold <= most
    ]
    top = 1.08 * max([*seen, 0]) or 1
    bottom = -0.25 * top
    figure = go.Figure(
        [
            _reference([0, 1], [0, 0], DASH),
            go.Scatter(
                x=thresholds,
                y=everyone,
                mode="lines",
                name=_("treat all"),
                line={"color": colour("ink-2"), "width": 1.75, "dash": DOTS},
                hovertemplate=_("treat all: {value} per 1,000").format(value="%{y:.1f}")
                + "<extra></extra>",
            ),
            _band(curve, "threshold", 1000),
            go.Scatter(
                x=thresholds,
                y=model,
                mode="lines",
                name=_("model"),
                line={"color": colour("uc"), "width": 2.5},
                hovertemplate=_("threshold {value}").format(value="%{x:.1%}")
                + "<br>"
                + _("model: {value} per 1,000").format(value="%{y:.1f}")
                + "<extra></extra>",
            ),
            *_chosen(result, "threshold", "net_benefit", _, scale=1000, drop=bottom),
        ]
    )
    _label(figure, most, 0, _("treat none"), xanchor="right", yanchor="top")
    crossing = next(
        (
            (threshold, value)
            for threshold, value in zip(thresholds, everyone, strict=True)
            if threshold is not None and value is not None and value < 0.45 * bottom
        ),
        None,
    )
    if crossing is not None and crossing[0] < 0.75 * most:  # else there is no room beside it
        _label(
            figure,
            crossing[0],
            0.45 * bottom,
            _("treat all"),
            xanchor="left",
            yanchor="top",
            xshift=6,
            bgcolor=colour("paper"),  # the chosen threshold may stand behind it
        )
    place = _label_place(thresholds, model, 0.55 * most)
    if place is not None:
        _label(
            figure,
            *place,
            "<b>" + _("model") + "</b>",
            xanchor="left",
            yanchor="bottom",
            name="uc",
            yshift=8,
        )
    _share_axis(figure.layout.xaxis, _("threshold: act above this risk"), most)
    figure.update_yaxes(
        title_text=_("net benefit, per 1,000 patients"), range=[bottom, top], tickformat=",~r"
    )
    return figure


FIGURES = (
    Figure(
        slug="calibration",
        question=gettext_noop("Are predicted risks the risks observed?"),
        curves=("calibration", "calibration_groups", "risk_distribution"),
        draw=draw_calibration,
        note=gettext_noop(
            "Line: smoothed, with its 95% interval. Dots: groups of patients by predicted risk, "
            "with 95% intervals. Below: how the predicted risks are distributed, each bar as a "
            "share of its group; where patients are few, bars are joined. The axes leave out the "
            "few highest risks."
        ),
    ),
    Figure(
        slug="roc",
        question=gettext_noop("How well does it rank patients?"),
        curves=("roc",),
        draw=draw_roc,
        note=gettext_noop(
            "Each point of the line is one threshold: acting on more patients finds more events "
            "and raises more false alarms."
        ),
    ),
    Figure(
        slug="precision-recall",
        question=gettext_noop("How many of those flagged have the event?"),
        curves=("precision_recall",),
        draw=draw_precision_recall,
        note=gettext_noop(
            "The share depends on how common the event is here: compare it with flagging at "
            "random, not with another cohort."
        ),
    ),
    Figure(
        slug="decision",
        question=gettext_noop("Does acting on it help more than treating all or none?"),
        curves=("decision",),
        draw=draw_decision,
        note=gettext_noop(
            "Net benefit: true positives, less false positives weighed by the odds of the "
            "threshold. A threshold of 10% says that missing one event is as bad as treating "
            "nine patients in vain. The shaded band is the 95% interval."
        ),
    ),
)


def _why(result: Result, measure: str, _: Translate) -> str:
    """Why the curve of ``measure`` is not there, as the estimate says it."""
    estimate = headline(result, measure)
    if estimate is not None and estimate.unavailable is not None:
        return _(estimate.unavailable)
    return _("This result holds no such curve.")


def _column(curve: Curve, name: str) -> list[Any]:
    return curve.columns[name]


def _thousands(values: Numbers) -> list[float | None]:
    return [None if value is None else 1000 * value for value in values]


def _thresholds(result: Result) -> list[float]:
    return [float(value) for value in result.protocol.get("thresholds", ())]


def _prevalence(result: Result) -> float | None:
    events, patients = result.population.get("events"), result.population.get("patients")
    return events / patients if events and patients else None


def _risk_shown(result: Result) -> float:
    """Where an axis of risk ends: past all but one in 100 patients, and past every group.

    Bars that were joined to hide few patients reach further than their patients may, so the
    smoothed curve, which ends at the tenth highest risk, ends the axis where it comes first.
    """
    risks, groups, smooth = (
        result.curves.get(name)
        for name in ("risk_distribution", "calibration_groups", "calibration")
    )
    ends = [value for value in _column(smooth, "predicted") if value is not None] if smooth else []
    most = max(ends, default=1.0)
    if risks is not None:
        most = min(most, _quantile(risks, SHOWN))
    if groups is not None:
        tops = [1.1 * value for value in _column(groups, "predicted") if value is not None]
        most = max([most, *tops])
    return min(1.0, max(0.01, most))


def _quantile(risks: Curve, share: float) -> float:
    """The risk below which ``share`` of the patients lie, spread evenly within each bar."""
    bins = [
        (start, end, (with_event or 0) + (without or 0))
        for start, end, with_event, without in zip(
            *(
                _column(risks, name)
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


def _reference(x: Numbers, y: Numbers, dash: str) -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": colour("ink-2"), "width": 1.25, "dash": dash},
        hoverinfo="skip",
    )


def _band(curve: Curve, along: str, scale: float = 1) -> go.Scatter:
    """The interval from ``lower`` to ``upper``: a polygon a stretch without hidden values."""
    import plotly.graph_objects as go

    x: list[float | None] = []
    y: list[float | None] = []
    stretch: list[tuple[float, float, float]] = []
    rows = zip(*(_column(curve, name) for name in (along, "lower", "upper")), strict=True)
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


def _group_points(groups: Curve, _: Translate) -> go.Scatter:
    import plotly.graph_objects as go

    rows = [
        row
        for row in zip(
            *(
                _column(groups, name)
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

    low, high = _column(risks, "risk_from"), _column(risks, "risk_to")
    widths = [end - start for start, end in zip(low, high, strict=True)]
    narrowest = min(widths)
    tallest = 0.0
    for name, words, sign, fill in (
        ("with_event", _("with the event"), 1, "uc"),
        ("without_event", _("without"), -1, "ink-2"),
    ):
        counts = _column(risks, name)
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


def _chosen(
    result: Result,
    x: str,
    y: str,
    _: Translate,
    *,
    scale: float = 1,
    drop: float | None = None,
    beside: str = "top right",
) -> list[go.Scatter]:
    """The marker of the chosen threshold, which follows the slider along "thresholds".

    ``drop`` draws a line from the marker down to that height; ``beside`` is where its label
    is clear of the curve.
    """
    import plotly.graph_objects as go

    curve, chosen = result.curves.get("thresholds"), _thresholds(result)
    if curve is None or not chosen:
        return []
    at = _column(curve, "threshold")
    xs = (
        [None if value is None else 1 - value for value in _column(curve, "specificity")]
        if x == "1 - specificity"
        else _column(curve, x)
    )
    ys = [None if value is None else scale * value for value in _column(curve, y)]
    points = [
        (None, None) if None in pair else pair for pair in zip(xs, ys, strict=True)
    ]  # a count that is hidden hides the marker, on both axes
    labels = [f"{NO_BREAK}≥{NO_BREAK}{_percent(threshold)}" for threshold in at]
    if drop is None:
        places = follow(
            at, [[px] for px, _py in points], [[py] for _px, py in points], [[t] for t in labels]
        )
    else:
        places = follow(
            at,
            [[px, px] for px, _py in points],
            [[py, None if py is None else drop] for _px, py in points],
            [["", text] for text in labels],  # at the foot, clear of the lines
        )
    now = min(range(len(at)), key=lambda index: abs(at[index] - chosen[0]))
    return [
        go.Scatter(
            x=places["x"][now],
            y=places["y"][now],
            text=places["text"][now],
            mode="lines+markers+text",
            name=CHOSEN,
            meta=places,
            textposition=beside,
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


def _percent(value: float) -> str:
    return f"{100 * value:.3g}%"


def _percents(values: Numbers) -> list[str]:
    """Thresholds for a hover; None, above every risk, flags nobody."""
    return ["\N{INFINITY}" if value is None else _percent(value) for value in values]


def _label_place(x: Numbers, y: Numbers, near: float) -> tuple[float, float] | None:
    """The point of a curve closest to ``near``, to write its name beside."""
    points = [(px, py) for px, py in zip(x, y, strict=True) if px is not None and py is not None]
    return min(points, key=lambda point: abs(point[0] - near), default=None)


def _label(
    figure: go.Figure,
    x: float,
    y: float,
    text: str,
    *,
    name: str = "ink-2",
    **place: Any,
) -> None:
    figure.add_annotation(
        x=x, y=y, text=text, showarrow=False, font={"size": 12.5, "color": colour(name)}, **place
    )


def _share_axis(axis: Any, title: str, top: float) -> None:
    """An axis from 0 to ``top`` in percent, with a little room below 0 for lines on it."""
    axis.update(
        title_text=title,
        range=[-0.015 * top, 1.015 * top],
        tickformat=".0%" if top > 0.04 else ".1%",
        rangemode="tozero",
    )
