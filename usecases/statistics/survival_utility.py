"""Who is above a threshold, and what acting on it gains, under censoring: risk > threshold.

The risks observed above and below the threshold are Aalen-Johansen estimates of their own, so
censoring may depend on which side somebody is. Standard errors by the delta method: the two
risks and the share of people above are independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from usecases.statistics.quantity import Z95, Quantity, normal_quantity
from usecases.statistics.survival import CENSORED, EVENT, FollowUp, Incidence

PROPORTIONS = ("sensitivity", "specificity", "ppv", "npv")
NET_BENEFIT = "Net benefit, risk > threshold, {estimator} above it; normal, delta method"
GAIN = "Net benefit less treating all, {estimator} below the threshold; normal, delta method"
PROPORTION = "Risk > threshold, {estimator} above and below it; logit interval, delta method"
NO_VARIATION = "; no interval, as the sample shows no variation"


@dataclass(frozen=True)
class Side:
    """People on one side of a threshold: how many, their observed risk and its variance."""

    people: int
    risk: float
    variance: float
    unknown: bool
    """Whether nobody among them is followed to the horizon, so that the risk is not known."""


@dataclass(frozen=True)
class Split:
    """People above a threshold and the others."""

    threshold: float
    above: Side
    below: Side
    estimator: str

    @property
    def share(self) -> float:
        """Of the people, those above."""
        return self.above.people / (self.above.people + self.below.people)

    @property
    def shares(self) -> dict[str, float]:
        """Of all people: above and below, with and without the event by the horizon."""
        share, above, below = self.share, self.above.risk, self.below.risk
        return {
            "true_positive": share * above,
            "false_positive": share * (1 - above),
            "false_negative": (1 - share) * below,
            "true_negative": (1 - share) * (1 - below),
        }

    def net_benefit(self) -> Quantity:
        """True positives less false positives at the threshold's odds, per person.

        Vickers, Cronin, Elkin & Gonen, BMC Medical Informatics and Decision Making 2008;8:53.
        """
        method = NET_BENEFIT.format(estimator=self.estimator)
        if self.above.unknown:
            return Quantity(method, unavailable=_unknown("above"))
        odds = self.threshold / (1 - self.threshold)
        each = self.above.risk * (1 + odds) - odds
        people = self.above.people + self.below.people
        variance = (self.share * (1 + odds)) ** 2 * self.above.variance
        variance += each**2 * self.share * (1 - self.share) / people
        return normal_quantity(self.share * each, math.sqrt(variance), method)

    def gain_over_treat_all(self) -> Quantity:
        """Net benefit less that of treating everyone: what leaving out those below gains.

        Both are taken from the risks observed above and below the threshold, so only those below
        matter: they are spared as false positives, at the cost of the events among them.
        """
        method = GAIN.format(estimator=self.estimator)
        if self.below.unknown:
            return Quantity(method, unavailable=_unknown("below"))
        odds = self.threshold / (1 - self.threshold)
        each = odds - self.below.risk * (1 + odds)
        people = self.above.people + self.below.people
        left = 1 - self.share
        variance = (left * (1 + odds)) ** 2 * self.below.variance
        variance += each**2 * self.share * left / people
        return normal_quantity(left * each, math.sqrt(variance), method)

    def proportion(self, name: str, smallest: int = 1) -> Quantity:
        """One of :data:`PROPORTIONS`; a reason where it would be of too few people.

        Heagerty, Lumley & Pepe, Biometrics 2000;56:337-344, with the Kaplan-Meier estimator.
        """
        method = PROPORTION.format(estimator=self.estimator)
        used = {"ppv": ("above",), "npv": ("below",)}.get(name, ("above", "below"))
        for name_of_side in used:
            if getattr(self, name_of_side).unknown:
                return Quantity(method, unavailable=_unknown(name_of_side))
        share, above, below = self.share, self.above, self.below
        parts = self.shares
        people = above.people + below.people
        if name in ("ppv", "npv"):
            side = above if name == "ppv" else below
            if side.people < max(1, smallest):
                return _too_few(method, smallest)
            value = side.risk if name == "ppv" else 1 - side.risk
            return _logit_quantity(value, math.sqrt(side.variance), method)
        if name == "sensitivity":
            top, rest = parts["true_positive"], parts["false_negative"]
            by_share = rest * above.risk + top * below.risk
            weights = rest * share, top * (1 - share)
        else:
            top, rest = parts["true_negative"], parts["false_positive"]
            by_share = (1 - below.risk) * rest + top * (1 - above.risk)
            weights = top * share, rest * (1 - share)
        whole = top + rest
        if whole * people < max(1, smallest):
            return _too_few(method, smallest)
        variance = (
            weights[0] ** 2 * above.variance
            + weights[1] ** 2 * below.variance
            + by_share**2 * share * (1 - share) / people
        )
        return _logit_quantity(top / whole, math.sqrt(variance) / whole**2, method)


def splits(follow: FollowUp, thresholds: np.ndarray, risk: np.ndarray | None = None) -> list[Split]:
    """The people above and below each threshold (above: risk > threshold).

    ``risk`` are other risks than ``follow.risk``, in its order.
    """
    predicted = follow.risk if risk is None else risk
    estimator = "Aalen-Johansen" if follow.total_deaths else "Kaplan-Meier"
    ended = np.flatnonzero(follow.event != CENSORED)
    points = follow.point[ended]
    first = np.searchsorted(follow.time, follow.time[ended], side="left")
    of_event = (follow.event[ended] == EVENT).astype(np.int64)
    found = []
    for threshold in thresholds:
        is_above = predicted > threshold
        running = np.concatenate(([0], np.cumsum(is_above, dtype=np.int64)))
        total = int(running[-1])
        above_before = running[first]
        sides = []
        for chosen, people, before in (
            (is_above, total, above_before),
            (~is_above, follow.people - total, first - above_before),
        ):
            here = np.flatnonzero(chosen[ended])
            at_risk = (people - before)[here]
            place = np.flatnonzero(chosen)[-1] if people else -1
            unknown = people > 0 and not (follow.at_horizon[place] or follow.event[place])
            sides.append(_side(people, points[here], at_risk, of_event[here], bool(unknown)))
        found.append(Split(float(threshold), sides[0], sides[1], estimator))
    return found


def net_benefit_treat_all(follow: FollowUp, threshold: float) -> float:
    """Net benefit of treating everyone; treating nobody has 0."""
    odds = threshold / (1 - threshold)
    return follow.incidence.value * (1 + odds) - odds


def _side(
    people: int, points: np.ndarray, at_risk: np.ndarray, of_event: np.ndarray, unknown: bool
) -> Side:
    if not points.size:
        return Side(people, 0.0, 0.0, unknown)
    starts = np.flatnonzero(np.concatenate(([True], points[1:] != points[:-1])))
    ended = np.diff(starts, append=points.size)
    events = np.add.reduceat(of_event, starts)
    found = Incidence.of(at_risk[starts], events, ended - events)
    return Side(people, found.value, found.standard_error**2, unknown)


def _unknown(side: str) -> str:
    return f"Nobody {side} the threshold is followed to the horizon."


def _too_few(method: str, smallest: int) -> Quantity:
    return Quantity(
        method, unavailable=f"It is a proportion of fewer than {max(1, smallest)} people."
    )


def _logit_quantity(value: float, error: float, method: str) -> Quantity:
    """A proportion with an interval on the logit scale, within 0 and 1."""
    if not 0 < value < 1 or not error > 0:
        return Quantity(method + NO_VARIATION, min(1.0, max(0.0, value)))
    half = Z95 * error / (value * (1 - value))
    centre = float(special.logit(value))
    return Quantity(
        method,
        value,
        float(special.expit(centre - half)),
        float(special.expit(centre + half)),
        error,
    )
