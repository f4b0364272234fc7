"""The figures of the heart failure use case, drawn from a stored Result alone. No Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.figures import colour, empty_figure, headline
from portal.marks import NO_BREAK, band, chosen, column, label, share_axis, why
from portal.result import Curve
from portal.usecase import Figure, Translate, gettext_noop
from usecases.heart_failure.explorers import BURDEN

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from portal.result import Result

MOST_ALERTS = 6.0
"""Unexplained alerts per patient-year that are shown at most, unless the result has more."""


def draw_free_response(result: Result, _: Translate) -> go.Figure:
    """Sensitivity against unexplained alerts per patient-year, with the chosen threshold."""
    import plotly.graph_objects as go

    sensitivity = headline(result, "event_sensitivity")
    rate = headline(result, "unexplained_alert_rate")
    curve = _rising(result)
    known = (
        sensitivity is not None
        and rate is not None
        and sensitivity.value is not None
        and rate.value is not None
    )
    if curve is None and not known:
        return empty_figure(why(result, "event_sensitivity", _))
    figure = go.Figure()
    shown = [1.0]
    if curve is not None:
        rates = column(curve, "unexplained_alert_rate")
        shown.append(min(max(rates, default=0.0), MOST_ALERTS))
        figure.add_trace(band(curve, "unexplained_alert_rate"))
        figure.add_trace(
            go.Scatter(
                x=rates,
                y=column(curve, "event_sensitivity"),
                customdata=[f"{value:.4g}" for value in column(curve, "threshold")],
                mode="lines",
                name=_("all thresholds"),
                line={"color": colour("uc"), "width": 2.5},
                hovertemplate=_("score ≥ {threshold}").format(threshold="%{customdata}")
                + "<br>"
                + _("events warned of {value}").format(value="%{y:.1%}")
                + "<br>"
                + _("unexplained alerts {value} a year").format(value="%{x:.2f}")
                + "<extra></extra>",
            )
        )
    if known and sensitivity is not None and rate is not None and rate.value is not None:
        shown.append(1.15 * (rate.upper or rate.value))
        figure.add_trace(
            go.Scatter(
                x=[rate.value],
                y=[sensitivity.value],
                error_x=_error(rate.value, rate.lower, rate.upper),
                error_y=_error(sensitivity.value, sensitivity.lower, sensitivity.upper),
                mode="markers",
                name=_("as evaluated"),
                marker={"color": colour("uc"), "size": 10},
                hovertemplate=_("events warned of {value}").format(value="%{y:.1%}")
                + "<br>"
                + _("unexplained alerts {value} a year").format(value="%{x:.2f}")
                + "<extra></extra>",
            )
        )
        if curve is None:
            left = rate.value < 0.6 * max(shown)
            label(
                figure,
                rate.value,
                sensitivity.value or 0.0,
                "<b>" + _("as evaluated") + "</b>",
                xanchor="left" if left else "right",
                yanchor="top",
                name="uc",
                xshift=8 if left else -8,
                yshift=-6,
            )
    figure.add_traces(
        chosen(
            result,
            BURDEN,
            "unexplained_alert_rate",
            "event_sensitivity",
            say=_at_least,
            said="threshold",
            beside="bottom right",
            turn=0.75 * max(shown),
            turned="top left",  # the line rises to the mark
        )
    )
    top = max(shown)
    figure.update_xaxes(
        title_text=_("unexplained alerts per patient-year"), range=[-0.015 * top, 1.015 * top]
    )
    share_axis(figure.layout.yaxis, _("events warned of"), 1)
    return figure


def _error(value: float | None, lower: float | None, upper: float | None) -> dict[str, object]:
    if value is None or lower is None or upper is None:
        return {"visible": False}
    return {
        "type": "data",
        "symmetric": False,
        "array": [upper - value],
        "arrayminus": [value - lower],
        "color": colour("uc"),
        "thickness": 1.5,
        "width": 5,
    }


def _rising(result: Result) -> Curve | None:
    """The part of the curve above the threshold with the most unexplained alerts.

    Below it patients are in alert most of the time, so that lower thresholds make fewer alerts.
    """
    curve = result.curves.get("free_response")
    if curve is None:
        return None
    rates = column(curve, "unexplained_alert_rate")
    if not rates:
        return None
    first = max(range(len(rates)), key=lambda index: rates[index])
    names = {
        "threshold": "threshold",
        "unexplained_alert_rate": "unexplained_alert_rate",
        "event_sensitivity": "event_sensitivity",
        "event_sensitivity_lower": "lower",
        "event_sensitivity_upper": "upper",
    }
    return Curve(
        method=curve.method,
        columns={name: column(curve, stored)[first:] for stored, name in names.items()},
    )


def _at_least(score: float) -> str:
    return f"{NO_BREAK}≥{NO_BREAK}{score:.3g}"


def draw_burden(result: Result, _: Translate) -> go.Figure:
    """Unexplained alerts by threshold: which threshold keeps which burden."""
    import plotly.graph_objects as go

    curve = result.curves.get("burden")
    if curve is None or not curve.columns["threshold"]:
        return empty_figure(_burden_reason(result, _))
    bounds = Curve(
        method=curve.method,
        columns={
            "threshold": column(curve, "threshold"),
            "lower": column(curve, "unexplained_alert_rate_lower"),
            "upper": column(curve, "unexplained_alert_rate_upper"),
        },
    )
    figure = go.Figure(
        [
            band(bounds, "threshold"),
            go.Scatter(
                x=column(curve, "threshold"),
                y=column(curve, "unexplained_alert_rate"),
                mode="lines",
                name=_("unexplained alerts"),
                line={"color": colour("uc"), "width": 2.5},
                hovertemplate=_("score ≥ {threshold}").format(threshold="%{x:.4g}")
                + "<br>"
                + _("unexplained alerts {value} a year").format(value="%{y:.2f}")
                + "<extra></extra>",
            ),
        ]
    )
    rate = headline(result, "unexplained_alert_rate")
    threshold = result.protocol.get("threshold")
    if rate is not None and rate.value is not None and threshold is not None:
        figure.add_trace(
            go.Scatter(
                x=[threshold],
                y=[rate.value],
                mode="markers",
                name=_("as evaluated"),
                marker={"color": colour("uc"), "size": 10},
                hoverinfo="skip",
            )
        )
    rates, thresholds = column(curve, "unexplained_alert_rate"), column(curve, "threshold")
    evaluated = 0.0 if rate is None or rate.value is None else rate.value
    top = min(max(rates), max(MOST_ALERTS, 1.3 * evaluated)) * 1.04
    low = min(at for at, value in zip(thresholds, rates, strict=True) if value <= top)
    figure.add_traces(
        chosen(
            result,
            BURDEN,
            "threshold",
            "unexplained_alert_rate",
            say=lambda value: NO_BREAK + _("{value} a year").format(value=f"{value:.2f}"),
            turn=0.15 * low + 0.85 * max(thresholds),
        )
    )
    figure.update_xaxes(title_text=_("threshold of the score"), range=[low, max(thresholds)])
    figure.update_yaxes(title_text=_("unexplained alerts per patient-year"), range=[0, top])
    return figure


def _burden_reason(result: Result, _: Translate) -> str:
    if "alerts" in result.inputs:
        return _("Alerts were given, and no daily scores: there is no other threshold to look at.")
    return why(result, "unexplained_alert_rate", _)


def draw_lead_time(result: Result, _: Translate) -> go.Figure:
    """How many days ahead the first alert came, by event."""
    import plotly.graph_objects as go

    curve = result.curves.get("lead_time")
    if curve is None:
        return empty_figure(why(result, "lead_time_median", _))
    first, last = column(curve, "days_from"), column(curve, "days_to")
    events = column(curve, "events")
    widths = [end - start + 1 for start, end in zip(first, last, strict=True)]
    # Bins of several days show the mean of their days, so that areas can be compared.
    heights = [count / width for count, width in zip(events, widths, strict=True)]
    figure = go.Figure(
        [
            go.Bar(
                x=[start + (width - 1) / 2 for start, width in zip(first, widths, strict=True)],
                y=heights,
                width=[0.9 * width for width in widths],
                customdata=[
                    f"{start}" if start == end else f"{start}\N{EN DASH}{end}"
                    for start, end in zip(first, last, strict=True)
                ],
                text=[str(count) for count in events],
                textposition="none",
                marker={"color": colour("uc")},
                hovertemplate=_("{days} days ahead").format(days="%{customdata}")
                + "<br>"
                + _("{count} events").format(count="%{text}")
                + "<extra></extra>",
            )
        ]
    )
    median = headline(result, "lead_time_median")
    top = 1.15 * max(heights)
    if median is not None and median.value is not None:
        figure.add_trace(
            go.Scatter(
                x=[median.value, median.value],
                y=[0, top],
                mode="lines",
                line={"color": colour("ink"), "width": 1.25, "dash": "6px 4px"},
                hoverinfo="skip",
            )
        )
        label(
            figure,
            median.value,
            top,
            _("median {days} days").format(days=f"{median.value:g}"),
            xanchor="left",
            yanchor="top",
            xshift=5,
            name="ink",
        )
    figure.update_xaxes(title_text=_("days from first alert to event"), autorange="reversed")
    figure.update_yaxes(title_text=_("events, per day"), range=[0, top])
    return figure


def draw_mean_events(result: Result, _: Translate) -> go.Figure:
    """The mean number of events of a patient by time since the start of follow-up."""
    import plotly.graph_objects as go

    curve = result.curves.get("mean_cumulative_events")
    if curve is None:
        return empty_figure(why(result, "event_rate", _))
    figure = go.Figure(
        [
            band(curve, "years"),
            go.Scatter(
                x=column(curve, "years"),
                y=column(curve, "mean"),
                customdata=column(curve, "at_risk"),
                mode="lines",
                name=_("mean number of events"),
                line={"color": colour("uc"), "width": 2.5, "shape": "hv"},
                hovertemplate=_("{years} years").format(years="%{x:.2f}")
                + "<br>"
                + _("{value} events a patient").format(value="%{y:.2f}")
                + "<br>"
                + _("{count} patients still followed").format(count="%{customdata}")
                + "<extra></extra>",
            ),
        ]
    )
    figure.update_xaxes(title_text=_("years since the start of follow-up"), rangemode="tozero")
    figure.update_yaxes(title_text=_("events a patient, mean"), rangemode="tozero")
    return figure


FIGURES = (
    Figure(
        slug="free-response",
        question=gettext_noop("How many events does it warn of, at how many alerts for nothing?"),
        curves=("free_response",),
        draw=draw_free_response,
        note=gettext_noop(
            "Each point of the line is one threshold: a lower one warns of more events and makes "
            "more alerts that no event follows. The shaded band and the bars are 95% intervals."
        ),
    ),
    Figure(
        slug="burden",
        question=gettext_noop("Which threshold keeps the alerts within what a team can answer?"),
        curves=("burden",),
        draw=draw_burden,
        note=gettext_noop(
            "For each burden the lowest threshold that keeps it. The shaded band is the 95% "
            "interval."
        ),
    ),
    Figure(
        slug="lead-time",
        question=gettext_noop("How early do the warnings come?"),
        curves=("lead_time",),
        draw=draw_lead_time,
        note=gettext_noop(
            "Days from the first alert in the window to the event, of the events that were warned "
            "of; where events are few, days are joined."
        ),
    ),
    Figure(
        slug="mean-events",
        question=gettext_noop("How many events does a patient have?"),
        curves=("mean_cumulative_events",),
        draw=draw_mean_events,
        note=gettext_noop(
            "The mean number of events since the start of follow-up; a patient who died has no "
            "more. The shaded band is the 95% interval."
        ),
    ),
)
