"""What a result says in words: rules from estimates and their 95% intervals. No Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.figures import headline
from portal.usecase import Finding, Translate, gettext_noop
from usecases.rules import Rule, above, below, reason, word

if TYPE_CHECKING:
    from portal.result import Estimate, Result

MOST, HALF = 0.7, 0.5
"""Sensitivity: an alert came before 70% of the events of MultiSENSE (Boehmer et al., JACC: Heart
Failure 2017), the study that such algorithms are compared with."""

WARNS = (
    Rule(gettext_noop("Warns before most events"), lower_from=MOST),
    Rule(gettext_noop("Warns before more than half of the events"), lower_from=above(HALF)),
    Rule(gettext_noop("Warns before fewer than half of the events"), upper_to=below(HALF)),
    Rule(gettext_noop("Warns before about half of the events"), lower_from=0.4, upper_to=0.6),
    Rule(gettext_noop("How many events it warns before is uncertain")),
)
"""The interval of the sensitivity."""

SELDOM, OFTEN = 0.5, 2.0
"""Unexplained alerts per patient-year: one in two years, and two a year."""

BURDEN = (
    Rule(gettext_noop("unexplained alerts are rare"), upper_to=SELDOM),
    Rule(gettext_noop("unexplained alerts are frequent"), lower_from=OFTEN),
    Rule(gettext_noop("about {rate} unexplained alerts per patient-year")),
)
"""The interval of the rate of unexplained alerts."""


def find(result: Result, _: Translate) -> Finding:
    """The title and the sentence of each card for a heart-failure/alerts result."""
    return Finding(
        title=_title(result, _),
        sentences={
            "event_sensitivity": _sensitivity(result, _),
            "unexplained_alert_rate": _unexplained(result, _),
            "alert_ppv": _ppv(result, _),
            "lead_time_median": _lead(result, _),
        },
    )


def _title(result: Result, _: Translate) -> str:
    warns = word(WARNS, headline(result, "event_sensitivity"))
    rate = headline(result, "unexplained_alert_rate")
    burden = word(BURDEN, rate)
    if warns is None:
        if result.population.get("events") == 0:
            return _("No event: nothing to say about warning")
        return _("Too few events to say")
    if rate is None or rate.value is None or burden is None:
        return _(warns)
    return _("{warns}; {burden}").format(
        warns=_(warns), burden=_(burden).format(rate=_rounded(rate.value))
    )


def _rounded(value: float) -> str:
    return f"{value:.1f}" if value >= 0.95 else f"{value:.2g}"


def _sensitivity(result: Result, _: Translate) -> str:
    estimate = headline(result, "event_sensitivity")
    if estimate is None or estimate.value is None:
        return reason(estimate, _)
    return _("An alert started within {window} days before {share} of 100 events.").format(
        window=result.protocol.get("window", ""), share=_of_100(estimate.value, _)
    )


def _unexplained(result: Result, _: Translate) -> str:
    estimate = headline(result, "unexplained_alert_rate")
    if estimate is None or estimate.value is None:
        return reason(estimate, _)
    if estimate.value == 0:
        return _("No alert was left without an event after it.")
    return _(
        "For every 100 patients in a year, {count} alerts with no event in the days after."
    ).format(count=f"{100 * estimate.value:.0f}" if estimate.value >= 0.01 else _("less than 1"))


def _ppv(result: Result, _: Translate) -> str:
    estimate = headline(result, "alert_ppv")
    if estimate is None or estimate.value is None:
        return reason(estimate, _)
    return _("Of 100 alerts, {share} had an event in the {window} days after them.").format(
        share=_of_100(estimate.value, _), window=result.protocol.get("window", "")
    )


def _lead(result: Result, _: Translate) -> str:
    estimate = headline(result, "lead_time_median")
    quarters: list[Estimate | None] = [
        headline(result, name) for name in ("lead_time_q25", "lead_time_q75")
    ]
    values = [None if quarter is None else quarter.value for quarter in quarters]
    if estimate is None or estimate.value is None:
        return reason(estimate, _)
    if None in values:
        return _("Half of the warnings came this many days ahead, or more.")
    return _("The middle half of the warnings came {low} to {high} days ahead.").format(
        low=f"{values[0]:g}", high=f"{values[1]:g}"
    )


def _of_100(value: float, _: Translate) -> str:
    rounded = f"{100 * value:.0f}"
    if rounded == "100" and value < 1:
        return _("more than 99")
    if rounded == "0" and value > 0:
        return _("fewer than 1")
    return rounded
