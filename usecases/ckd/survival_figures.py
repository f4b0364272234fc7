"""The figures of ckd/survival, drawn from a stored Result alone. No Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.figures import colour, empty_figure, headline
from portal.marks import DOTS, band, column, label, nearest_point, share_axis, why
from portal.usecase import Figure, Translate, gettext_noop
from usecases.ckd.calibration_figure import draw_calibration
from usecases.ckd.figures import draw_decision, draw_roc
from usecases.ckd.updating_figure import draw_updating

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from portal.result import Curve, Result


def draw_observed(result: Result, _: Translate) -> go.Figure:
    """The observed risks of the event and of death over time, and the risk predicted."""
    import plotly.graph_objects as go

    curve = result.curves.get("observed")
    if curve is None:
        return empty_figure(why(result, "observed_risk", _))
    times = column(curve, "time")
    event, death = column(curve, "event"), column(curve, "death")
    figure = go.Figure(
        [
            band(curve_of(curve, "event"), "time"),
            _line(times, event, _("the event"), "uc", None, _),
        ]
    )
    shown = [value for value in [*event, *column(curve, "event_upper")] if value is not None]
    if any(death):
        figure.add_trace(_line(times, death, _("death before it"), "ink-2", DOTS, _))
        shown += [value for value in death if value is not None]
    expected = headline(result, "expected_risk")
    if expected is not None and expected.value is not None:
        shown.append(expected.value)
        figure.add_trace(
            go.Scatter(
                x=[times[-1]],
                y=[expected.value],
                mode="markers",
                name=_("predicted"),
                marker={
                    "symbol": "diamond-open",
                    "size": 11,
                    "color": colour("ink"),
                    "line": {"width": 2},
                },
                cliponaxis=False,
                hovertemplate=_("predicted {value}").format(value="%{y:.2%}") + "<extra></extra>",
            )
        )
        label(
            figure,
            times[-1],
            expected.value,
            _("predicted"),
            xanchor="right",
            yanchor="bottom" if expected.value >= (event[-1] or 0) else "top",
            yshift=6 if expected.value >= (event[-1] or 0) else -12,  # clear of the curve
            name="ink",
        )
    top = 1.08 * max(shown) or 1
    _name_curves(figure, curve, _)
    share_axis(figure.layout.yaxis, _("observed risk"), top)
    figure.update_xaxes(title_text=_("years"), range=[0, 1.02 * times[-1]])
    return figure


def _name_curves(figure: go.Figure, curve: Curve, _: Translate) -> None:
    """Each curve's name beside it: the upper one's above it, the lower one's below."""
    times = column(curve, "time")
    named = [
        (nearest_point(times, column(curve, key), 0.5 * times[-1]), words, name)
        for key, words, name in (
            ("event", _("event"), "uc"),
            ("death", _("death before it"), "ink-2"),
        )
        if any(column(curve, key))
    ]
    places = sorted(
        ((place, words, name) for place, words, name in named if place is not None),
        key=lambda one: -one[0][1],
    )
    for number, (place, words, name) in enumerate(places):
        upper = number == 0
        label(
            figure,
            *place,
            f"<b>{words}</b>",
            name=name,
            xanchor="right" if upper else "left",
            yanchor="bottom" if upper else "top",
            xshift=-6 if upper else 6,
            yshift=4 if upper else -4,
        )


def curve_of(curve: Curve, name: str) -> Curve:
    """The curve with the interval of one of its columns as ``lower`` and ``upper``."""
    columns = {"time": column(curve, "time")}
    columns |= {end: column(curve, f"{name}_{end}") for end in ("lower", "upper")}
    return curve.model_copy(update={"columns": columns})


def _line(
    x: list[float | None],
    y: list[float | None],
    words: str,
    name: str,
    dash: str | None,
    _: Translate,
) -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        name=words,
        line={"color": colour(name), "width": 2.5, **({"dash": dash} if dash else {})},
        hovertemplate=f"{words}<br>"
        + _("by {time} years: {value}").format(time="%{x:.2f}", value="%{y:.2%}")
        + "<extra></extra>",
    )


def draw_survival_roc(result: Result, _: Translate) -> go.Figure:
    """Sensitivity against false positives at the horizon, with the area."""
    if "roc" not in result.curves:
        return empty_figure(why(result, "auc", _))
    figure = strictly_above(draw_roc(result, _))
    auc = headline(result, "auc")
    if auc is not None and auc.value is not None:
        interval = ""
        if auc.lower is not None and auc.upper is not None:
            interval = f"<br>95% CI {auc.lower:.3f}\N{EN DASH}{auc.upper:.3f}"
        figure.add_annotation(
            text=f"<b>AUC {auc.value:.3f}</b>{interval}",
            x=1,
            y=0.04,
            xanchor="right",
            yanchor="bottom",
            align="right",
            showarrow=False,
            font={"size": 14, "color": colour("uc")},
        )
    return figure


def draw_survival_decision(result: Result, _: Translate) -> go.Figure:
    """Net benefit of the model, of treating all and of treating none, by threshold."""
    return strictly_above(draw_decision(result, _))


def strictly_above(figure: go.Figure) -> go.Figure:
    """Say "> 10%" where a figure of yes/no outcomes, whose convention differs, says "≥ 10%"."""
    at_least, above = "\N{GREATER-THAN OR EQUAL TO}", ">"
    for trace in figure.data:
        if isinstance(trace.hovertemplate, str):
            trace.hovertemplate = trace.hovertemplate.replace(at_least, above)
        if trace.text is not None:
            trace.text = [text.replace(at_least, above) for text in trace.text]
        if trace.meta is not None and "text" in trace.meta:
            labels = [[text.replace(at_least, above) for text in row] for row in trace.meta["text"]]
            trace.meta = {**trace.meta, "text": labels}
    return figure


FIGURES = (
    Figure(
        slug="calibration",
        question=gettext_noop("Are predicted risks the risks observed?"),
        curves=("calibration", "calibration_groups", "risk_distribution"),
        draw=draw_calibration,
        note=gettext_noop(
            "Line: smoothed, patients weighted for those lost to follow-up, with its 95% "
            "interval. Dots: groups of patients by predicted risk, with 95% intervals; death "
            "counts as a competing event. Below: how the predicted risks are distributed, each "
            "bar as a share of its group. The axes leave out the few highest risks."
        ),
    ),
    Figure(
        slug="updating",
        question=gettext_noop("Would local recalibration repair it?"),
        curves=("updated_calibration", "updating"),
        draw=draw_updating,
        note=gettext_noop(
            "The model as it is, with a new baseline, and with a new baseline and slope. Below: "
            "the ratio and the slope of each with its 95% interval; both are 1 where the risks "
            "are right. Each patient's risk is updated with the help of other patients only."
        ),
    ),
    Figure(
        slug="observed",
        question=gettext_noop("How many have the event, and how many die before it?"),
        curves=("observed",),
        draw=draw_observed,
        note=gettext_noop(
            "Aalen-Johansen estimates; the shaded band is the 95% interval of the event. The "
            "diamond is the mean predicted risk."
        ),
    ),
    Figure(
        slug="roc",
        question=gettext_noop("How well does it rank patients?"),
        curves=("roc",),
        draw=draw_survival_roc,
        note=gettext_noop(
            "Each point of the line is one threshold: acting on more patients finds more events "
            "and raises more false alarms. Patients are weighted for those lost to follow-up."
        ),
    ),
    Figure(
        slug="decision",
        question=gettext_noop("Does acting on it help more than treating all or none?"),
        curves=("decision",),
        draw=draw_survival_decision,
        note=gettext_noop(
            "Net benefit of acting on risks above the threshold: true positives, less false "
            "positives weighed by the odds of the threshold. The shaded band is the 95% interval."
        ),
    ),
)
