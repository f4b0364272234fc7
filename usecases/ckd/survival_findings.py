"""What a ckd/survival result says in words: rules from estimates and their intervals. No Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.figures import headline
from portal.usecase import Finding, Translate, gettext_noop
from usecases.ckd.findings import (
    EXTREME,
    MODERATE,
    NET_BENEFIT,
    OBSERVED_EXPECTED,
    OPEN,
    OVER,
    RANKING,
    RIGHT,
    RISKS,
    SLOPE,
    SLOPE_SENTENCES,
    UNDER,
    word,
)
from usecases.rules import reason

if TYPE_CHECKING:
    from portal.result import Estimate, Result

CHANCE = 0.5

REPAIRS = {
    "recalibrated_baseline": gettext_noop("{title}; a new baseline would set it right"),
    "recalibrated_slope": gettext_noop("{title}; a new baseline and slope would set it right"),
}
"""Last part of the title: the least update after which observed / expected and slope are right."""


def find(result: Result, _: Translate) -> Finding:
    """The title and the sentence of each card for a ckd/survival result."""
    return Finding(
        title=_title(result, _),
        sentences={
            "auc": _auc(result, _),
            "observed_expected_ratio": _observed_expected(result, _),
            "calibration_slope": _slope(result, _),
            "net_benefit": _net_benefit(result, _),
        },
    )


def _title(result: Result, _: Translate) -> str:
    auc = headline(result, "auc")
    ranking = word(RANKING, auc)
    if auc is None or auc.lower is None or ranking is None:
        return _too_few(result, _)
    ratio = headline(result, "observed_expected_ratio")
    average = word(OBSERVED_EXPECTED, ratio)
    if ratio is None or average is None:
        return _(ranking)
    slope = word(SLOPE, headline(result, "calibration_slope")) or OPEN
    if auc.lower <= CHANCE:
        slope = OPEN  # how risks are spread means nothing where they may not rank at all
    risks = _(RISKS[average, slope if average == RIGHT else None])
    title = _("{ranking}; {risks}").format(
        ranking=_(ranking), risks=risks.format(percent=_excess(ratio, _))
    )
    repair = _repair(result, average, slope)
    return _(REPAIRS[repair]).format(title=title) if repair else title


def _repair(result: Result, average: str, slope: str) -> str | None:
    """The least update that sets right what is shown to be wrong; None where nothing is, or can."""
    if average not in (OVER, UNDER) and slope not in (EXTREME, MODERATE):
        return None
    for update in REPAIRS:
        ratio = headline(result, f"observed_expected_ratio_{update}")
        spread = headline(result, f"calibration_slope_{update}")
        if word(OBSERVED_EXPECTED, ratio) == RIGHT and word(SLOPE, spread) == RIGHT:
            return update
    return None


def _too_few(result: Result, _: Translate) -> str:
    auc = headline(result, "auc")
    if result.population.get("events") == 0:
        return _("No patient has the event by the horizon: nothing to say about ranking")
    if auc is not None and auc.unavailable and "followed to the horizon" in auc.unavailable:
        return _("Follow-up is too short to say")
    if auc is not None and auc.value is not None:
        return _("Without an interval there is nothing to say about ranking")
    return _("Too few patients with the event by the horizon, or without it, to say")


def _excess(ratio: Estimate, _: Translate) -> str:
    """How far the risks lie from what was observed, as a share of what was observed."""
    if not ratio.value:
        return ""
    percent = abs(1 / ratio.value - 1) * 100
    if percent < 0.5:
        return _("less than 1%")
    return _("{number}%").format(number=f"{percent:.0f}")


def _auc(result: Result, _: Translate) -> str:
    estimate = headline(result, "auc")
    if estimate is None or estimate.value is None:
        return reason(estimate, _)
    rounded = f"{estimate.value * 100:.0f}"
    return _(
        "A patient with the event by the horizon ranks above one without in {pairs} of 100 pairs."
    ).format(pairs=_("more than 99") if rounded == "100" and estimate.value < 1 else rounded)


def _observed_expected(result: Result, _: Translate) -> str:
    estimate = headline(result, "observed_expected_ratio")
    rule = word(OBSERVED_EXPECTED, estimate)
    if estimate is None or rule is None:
        return reason(estimate, _)
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
    return reason(estimate, _) if rule is None else _(SLOPE_SENTENCES[rule])


def _net_benefit(result: Result, _: Translate) -> str:
    """Against treating nobody, whose net benefit is exactly 0."""
    estimate = headline(result, "net_benefit")
    rule = word(NET_BENEFIT, estimate)
    if estimate is None or estimate.value is None or rule is None:
        return reason(estimate, _)
    count = f"{estimate.value * 1000:.0f}"
    return {
        "helps": _(
            "As good as finding the event in {count} more of 1,000 patients with no false alarm, "
            "against treating nobody."
        ).format(count=count if count != "0" else _("less than 1")),
        "harms": _("Acting above this threshold does more harm than treating nobody."),
        OPEN: _("Not shown to help more than treating nobody."),
    }[rule]
