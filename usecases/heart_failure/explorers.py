"""The slider of the heart failure use case: what a burden of alerts buys. No Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.figures import headline
from portal.usecase import Explorer, Followed, gettext_noop

if TYPE_CHECKING:
    from portal.result import Result


def _as_evaluated(result: Result) -> float | None:
    estimate = headline(result, "unexplained_alert_rate")
    return None if estimate is None else estimate.value


BURDEN = Explorer(
    curve="burden",
    parameter="unexplained_alert_rate",
    label=gettext_noop("Unexplained alerts per patient-year"),
    title=gettext_noop("If unexplained alerts are held to {at} per patient-year"),
    format="number:2",
    start=_as_evaluated,
    followed=(
        Followed("event_sensitivity", gettext_noop("Events warned of"), "percent:1"),
        Followed("alert_ppv", gettext_noop("Alerts with event"), "percent:1"),
        Followed("unexplained_alert_rate", gettext_noop("Unexplained alerts, yearly"), "number:2"),
        Followed("alert_rate", gettext_noop("All alerts, yearly"), "number:2"),
        Followed("lead_time_median", gettext_noop("Warning ahead, median"), "days:0"),
        Followed("time_in_alert", gettext_noop("Time in alert"), "percent:1"),
        Followed("threshold", gettext_noop("Alert from a score of"), "significant:3"),
    ),
    sentence=gettext_noop(
        "With at most {unexplained_alert_rate} unexplained alerts per patient-year, "
        "{event_sensitivity:of:10} events are warned of. A team answers {alert_rate} alerts per "
        "patient-year in all: {alert_ppv:of:10} come before an event."
    ),
    hidden=gettext_noop("Too few events or alerts to say what this leads to."),
)
