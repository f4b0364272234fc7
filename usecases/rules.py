"""Rules from an interval to words: a sentence never says more than the interval allows.

A rule looks at the ends of a 95% interval only, and the first that fits speaks. No Django.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal.result import Estimate
    from portal.usecase import Translate


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


def above(limit: float) -> float:
    """The smallest number above ``limit``: for limits that are not included."""
    return math.nextafter(limit, math.inf)


def below(limit: float) -> float:
    """The largest number below ``limit``."""
    return math.nextafter(limit, -math.inf)


def word(rules: Sequence[Rule], estimate: Estimate | None) -> str | None:
    """The words of the first rule that fits the estimate's interval; None without an interval.

    Raises
    ------
    LookupError
        If no rule fits: the last rule of a table should have no limits.
    """
    if estimate is None or estimate.lower is None or estimate.upper is None:
        return None
    for rule in rules:
        if rule.fits(estimate.lower, estimate.upper):
            return rule.words
    raise LookupError(f"No rule fits the interval {estimate.lower} to {estimate.upper}.")


def reason(estimate: Estimate | None, _: Translate) -> str:
    """Why an estimate has no value, or no interval to speak from."""
    if estimate is None:
        return _("Not estimated.")
    if estimate.unavailable is not None:
        return _(estimate.unavailable)
    return _("Without an interval there is nothing to say.")
