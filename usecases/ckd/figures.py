"""The figures of the kidney use case, drawn from a stored Result alone. No Django."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from portal.figures import colour, empty_figure, headline
from portal.marks import (
    DOTS,
    band,
    chosen,
    column,
    label,
    nearest_point,
    percents,
    reference,
    share_axis,
    thousands,
    thresholds_of,
    why,
)
from portal.usecase import Figure, Translate, gettext_noop
from usecases.ckd.calibration_figure import draw_calibration, risk_shown
from usecases.ckd.explorers import RISK

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from portal.result import Result


def draw_roc(result: Result, _: Translate) -> go.Figure:
    """Sensitivity against false positives, with the chosen threshold on the curve."""
    import plotly.graph_objects as go

    curve = result.curves.get("roc")
    if curve is None:
        return empty_figure(why(result, "auroc", _))
    figure = go.Figure(
        [
            reference([0, 1], [0, 1]),
            go.Scatter(
                x=column(curve, "false_positive_rate"),
                y=column(curve, "sensitivity"),
                customdata=percents(column(curve, "threshold")),
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
            *chosen(result, RISK, "1 - specificity", "sensitivity", beside="bottom right"),
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
    label(figure, 0.36, 0.32, _("chance"), xanchor="left", yanchor="top")
    share_axis(figure.layout.xaxis, _("false positives (1 − specificity)"), 1)
    share_axis(figure.layout.yaxis, _("sensitivity"), 1)
    return figure


def draw_precision_recall(result: Result, _: Translate) -> go.Figure:
    """The share of those flagged who have the event, against the share of events found."""
    import plotly.graph_objects as go

    curve = result.curves.get("precision_recall")
    if curve is None:
        return empty_figure(why(result, "average_precision", _))
    prevalence = _prevalence(result)
    figure = go.Figure()
    if prevalence is not None:
        figure.add_trace(reference([0, 1], [prevalence, prevalence]))
        label(
            figure,
            0,
            prevalence,
            _("flagging at random: {percent}").format(percent=f"{prevalence:.1%}"),
            xanchor="left",
            yanchor="bottom",
        )
    figure.add_trace(
        go.Scatter(
            x=column(curve, "recall"),
            y=column(curve, "precision"),
            customdata=percents(column(curve, "threshold")),
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
    figure.add_traces(chosen(result, RISK, "sensitivity", "ppv", turn=math.inf))
    average = headline(result, "average_precision")
    if average is not None and average.value is not None:
        interval = ""
        if average.lower is not None and average.upper is not None:
            interval = f"<br>95% CI {average.lower:.3f}\N{EN DASH}{average.upper:.3f}"
        figure.add_annotation(
            text="<b>"
            + _("average precision<br>{value}").format(value=f"{average.value:.3f}")
            + f"</b>{interval}",
            x=1,
            y=0.98,
            xanchor="right",
            yanchor="top",
            align="right",
            showarrow=False,
            font={"size": 14, "color": colour("uc")},
        )
    share_axis(figure.layout.xaxis, _("sensitivity (recall)"), 1)
    # A low threshold's label stands beyond the line's end: it falls too steeply for one beside it.
    figure.update_layout(margin_r=56)
    share_axis(figure.layout.yaxis, _("of those flagged, with the event"), 1)
    return figure


def draw_decision(result: Result, _: Translate) -> go.Figure:
    """Net benefit of the model, of treating all and of treating none, by threshold."""
    import plotly.graph_objects as go

    curve = result.curves.get("decision")
    if curve is None:
        return empty_figure(why(result, "net_benefit", _))
    thresholds = column(curve, "threshold")
    model = thousands(column(curve, "net_benefit"))
    everyone = thousands(column(curve, "treat_all"))
    limits = [value for value in thresholds if value is not None]
    most = min(
        max(limits), max([risk_shown(result), *(1.25 * value for value in thresholds_of(result))])
    )
    seen = [
        value
        for values in (model, thousands(column(curve, "upper")), everyone)
        for threshold, value in zip(thresholds, values, strict=True)
        if value is not None and threshold is not None and threshold <= most
    ]
    top = 1.08 * max([*seen, 0]) or 1
    bottom = -0.25 * top
    figure = go.Figure(
        [
            reference([0, 1], [0, 0]),
            go.Scatter(
                x=thresholds,
                y=everyone,
                mode="lines",
                name=_("treat all"),
                line={"color": colour("ink-2"), "width": 1.75, "dash": DOTS},
                hovertemplate=_("treat all: {value} per 1,000").format(value="%{y:.1f}")
                + "<extra></extra>",
            ),
            band(curve, "threshold", 1000),
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
            *chosen(
                result,
                RISK,
                "threshold",
                "net_benefit",
                scale=1000,
                drop=bottom,
                turn=0.75 * most,
            ),
        ]
    )
    label(figure, most, 0, _("treat none"), xanchor="right", yanchor="top")
    crossing = next(
        (
            (threshold, value)
            for threshold, value in zip(thresholds, everyone, strict=True)
            if threshold is not None and value is not None and value < 0.45 * bottom
        ),
        None,
    )
    if crossing is not None and crossing[0] < 0.75 * most:  # else there is no room beside it
        label(
            figure,
            crossing[0],
            0.45 * bottom,
            _("treat all"),
            xanchor="left",
            yanchor="top",
            xshift=6,
            bgcolor=colour("paper"),  # the chosen threshold may stand behind it
        )
    place = nearest_point(thresholds, model, 0.55 * most)
    if place is not None:
        label(
            figure,
            *place,
            "<b>" + _("model") + "</b>",
            xanchor="left",
            yanchor="bottom",
            name="uc",
            yshift=8,
        )
    share_axis(figure.layout.xaxis, _("threshold: act above this risk"), most)
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


def _prevalence(result: Result) -> float | None:
    events, patients = result.population.get("events"), result.population.get("patients")
    return events / patients if events and patients else None
