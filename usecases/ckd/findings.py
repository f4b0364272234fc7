"""What a result says in words: rules from estimates and their 95% intervals. No Django.

A rule looks at an interval only and the first that fits speaks, so a sentence never says more
than the interval allows: a model "ranks patients well" when even the lower end does, and
"overstates" only when the whole interval says so. The limits are the tables below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portal.figures import headline
from portal.usecase import Finding, Translate, gettext_noop

if TYPE_CHECKING:
    from portal.result import Estimate, Result


@dataclass(frozen=True)
class Rule:
    """Words for an interval whose ends lie within limits (both ends of a limit included)."""

    words: str
    lower_from: float = -math.inf
    lower_to: float = math.inf
    upper_from: float = -math.inf
    upper_to: float = math.inf

    def fits(self, lower: float, upper: float) -> bool:
        """Whether the interval from ``lower`` to ``upper`` lies within the limits."""
        return (
            self.lower_from <= lower <= self.lower_to and self.upper_from <= upper <= self.upper_to
        )


def _above(limit: float) -> float:
    """The smallest number above ``limit``: for limits that are not included."""
    return math.nextafter(limit, math.inf)


def _below(limit: float) -> float:
    return math.nextafter(limit, -math.inf)


WELL, FAIRLY, CHANCE = 0.8, 0.7, 0.5
"""AUROC: Hosmer, Lemeshow & Sturdivant, Applied Logistic Regression, 3rd ed., 2013, 5.2.4
call 0.7 to 0.8 acceptable and 0.8 to 0.9 excellent; "well" and "fairly well" here, more soberly."""

RANKING = (
    Rule(gettext_noop("Ranks patients well"), lower_from=WELL),
    Rule(gettext_noop("Ranks patients fairly well"), lower_from=FAIRLY),
    Rule(
        gettext_noop("Ranks patients poorly, though better than chance"),
        lower_from=_above(CHANCE),
        upper_to=_below(FAIRLY),
    ),
    Rule(
        gettext_noop("Ranks patients better than chance, how well is uncertain"),
        lower_from=_above(CHANCE),
    ),
    Rule(gettext_noop("Ranks patients the wrong way round"), upper_to=_below(CHANCE)),
    Rule(gettext_noop("Ranks patients no better than chance"), upper_to=0.6),
    Rule(gettext_noop("Not shown to rank patients better than chance")),
)
"""The interval of the AUROC; the last two hold 0.5, and only the narrow one says "no better"."""

SAME_LOW, SAME_HIGH = 0.95, 1.05
"""Ratios so close to 1 that they are called right however narrow the interval: with a million
patients 0.99 differs from 1, and no decision does."""

NEAR_LOW, NEAR_HIGH = 0.8, 1.25
"""An interval that holds 1 says "match" within these; a wider one leaves the matter open."""

OVER, UNDER, RIGHT, OPEN = "over", "under", "right", "open"

OBSERVED_EXPECTED = (
    Rule(RIGHT, lower_from=SAME_LOW, upper_to=SAME_HIGH),
    Rule(OVER, upper_to=_below(1)),
    Rule(UNDER, lower_from=_above(1)),
    Rule(RIGHT, lower_from=NEAR_LOW, upper_to=NEAR_HIGH),
    Rule(OPEN),
)
"""The interval of observed / expected."""

EXTREME, MODERATE = "extreme", "moderate"

SLOPE = (
    Rule(RIGHT, lower_from=SAME_LOW, upper_to=SAME_HIGH),
    Rule(EXTREME, upper_to=_below(1)),
    Rule(MODERATE, lower_from=_above(1)),
    Rule(RIGHT, lower_from=NEAR_LOW, upper_to=NEAR_HIGH),
    Rule(OPEN),
)
"""The interval of the calibration slope."""

HELPS, HARMS = "helps", "harms"

NET_BENEFIT = (
    Rule(HELPS, lower_from=_above(0)),
    Rule(HARMS, upper_to=_below(0)),
    Rule(OPEN),
)
"""The interval of the net benefit, against treating nobody, whose net benefit is exactly 0."""

RISKS = {
    (OVER, None): gettext_noop("overstates their risk by {percent}"),
    (UNDER, None): gettext_noop("understates their risk by {percent}"),
    (RIGHT, RIGHT): gettext_noop("its risks match what was observed"),
    (RIGHT, EXTREME): gettext_noop("its risks are right on average but too extreme"),
    (RIGHT, MODERATE): gettext_noop("its risks are right on average but too close together"),
    (RIGHT, OPEN): gettext_noop("its risks are right on average"),
    (OPEN, None): gettext_noop("too few events to say whether its risks are right"),
}
"""Second half of the title, by observed / expected and slope (None: whatever the slope)."""

SLOPE_SENTENCES = {
    RIGHT: gettext_noop("Close to 1: high and low risks are spread as they should be."),
    EXTREME: gettext_noop("Below 1: high and low risks are spread too far apart."),
    MODERATE: gettext_noop("Above 1: high and low risks are too close together."),
    OPEN: gettext_noop("Too uncertain to say whether risks are spread as they should be."),
}


def word(rules: tuple[Rule, ...], estimate: Estimate | None) -> str | None:
    """The words of the first rule that fits the estimate's interval; None without an interval."""
    if estimate is None or estimate.lower is None or estimate.upper is None:
        return None
    for rule in rules:
        if rule.fits(estimate.lower, estimate.upper):
            return rule.words
    raise LookupError(f"No rule fits the interval {estimate.lower} to {estimate.upper}.")


def find(result: Result, _: Translate) -> Finding:
    """The title and the sentence of each card for a ckd/binary result."""
    sentences = {
        "auroc": _auroc(result, _),
        "observed_expected_ratio": _observed_expected(result, _),
        "calibration_slope": _slope(result, _),
        "net_benefit": _net_benefit(result, _),
    }
    return Finding(title=_title(result, _), sentences=sentences)


def _title(result: Result, _: Translate) -> str:
    auroc = headline(result, "auroc")
    ranking = word(RANKING, auroc)
    if auroc is None or auroc.lower is None or ranking is None:
        return _too_few(result, _)
    ratio = headline(result, "observed_expected_ratio")
    average = word(OBSERVED_EXPECTED, ratio)
    if ratio is None or average is None:
        return _(ranking)
    slope = word(SLOPE, headline(result, "calibration_slope")) or OPEN
    if auroc.lower <= CHANCE:
        slope = OPEN  # how risks are spread means nothing where they may not rank at all
    risks = _(RISKS[average, slope if average == RIGHT else None])
    return _("{ranking}; {risks}").format(
        ranking=_(ranking), risks=risks.format(percent=_excess(ratio, _))
    )


def _too_few(result: Result, _: Translate) -> str:
    events, without = result.population.get("events"), result.population.get("non_events")
    if events == 0:
        return _("No patient has the event: nothing to say about ranking")
    if without == 0:
        return _("Every patient has the event: nothing to say about ranking")
    if events is None or without is None:  # hidden, and so the title must not tell which
        return _("Too few patients with the event, or without it, to say")
    if without < events:
        return _("Too few patients without the event to say")
    return _("Too few events to say")


def _excess(ratio: Estimate, _: Translate) -> str:
    """How far the risks lie from what was observed, as a share of what was observed."""
    if not ratio.value:
        return ""
    percent = abs(1 / ratio.value - 1) * 100
    if percent < 0.5:
        return _("less than 1%")
    return _("{number}%").format(number=f"{percent:.0f}")


def _auroc(result: Result, _: Translate) -> str:
    estimate = headline(result, "auroc")
    if estimate is None or estimate.value is None:
        return _reason(estimate, _)
    rounded = f"{estimate.value * 100:.0f}"
    return _("A patient with the event ranks above one without in {pairs} of 100 pairs.").format(
        pairs=_("more than 99") if rounded == "100" and estimate.value < 1 else rounded
    )


def _observed_expected(result: Result, _: Translate) -> str:
    estimate = headline(result, "observed_expected_ratio")
    rule = word(OBSERVED_EXPECTED, estimate)
    if estimate is None or rule is None:
        return _reason(estimate, _)
    sentence = {
        OVER: _("Fewer events than predicted: risks are too high by {percent}."),
        UNDER: _("More events than predicted: risks are too low by {percent}."),
        RIGHT: _("Close to 1: about as many events as predicted."),
        OPEN: _("Too uncertain to say whether risks are right on average."),
    }[rule]
    return sentence.format(percent=_excess(estimate, _))


def _slope(result: Result, _: Translate) -> str:
    estimate = headline(result, "calibration_slope")
    rule = word(SLOPE, estimate)
    return _reason(estimate, _) if rule is None else _(SLOPE_SENTENCES[rule])


def _net_benefit(result: Result, _: Translate) -> str:
    """Net benefit counts true positives, less false positives at the threshold's odds.

    So 0.027 is worth 27 true positives and no false positive per 1,000 patients: Vickers &
    Elkin, Medical Decision Making 2006;26:565-574. The comparison is with treating nobody,
    whose net benefit is 0; against treating everyone the interval says nothing.
    """
    estimate = headline(result, "net_benefit")
    rule = word(NET_BENEFIT, estimate)
    if estimate is None or estimate.value is None or rule is None:
        return _reason(estimate, _)
    count = f"{estimate.value * 1000:.0f}"
    return {
        HELPS: _(
            "As good as finding the event in {count} more of 1,000 patients with no false alarm, "
            "against treating nobody."
        ).format(count=count if count != "0" else _("less than 1")),
        HARMS: _("Acting above this threshold does more harm than treating nobody."),
        OPEN: _("Not shown to help more than treating nobody."),
    }[rule]


def _reason(estimate: Estimate | None, _: Translate) -> str:
    if estimate is None or estimate.unavailable is None:
        return _("Not estimated.")
    return _(estimate.unavailable)
