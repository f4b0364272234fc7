"""Numbers as people read them, in their language, and as a browser parses them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from django.utils.formats import number_format
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from portal.usecase import Measure

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
"""Shown where there is no number."""


class Interval(Protocol):
    """What has a value and the ends of its interval: an Estimate, or a Pooled."""

    @property
    def value(self) -> float | None: ...
    @property
    def lower(self) -> float | None: ...
    @property
    def upper(self) -> float | None: ...


def number(value: float | None, digits: int = 0) -> str:
    """``value`` with ``digits`` decimals in the reader's language: "11,683", "−0.13"."""
    if value is None or not math.isfinite(value):
        return NOTHING
    fixed = f"{value:.{digits}f}"
    if not fixed.strip("-0."):
        fixed = fixed.lstrip("-")  # no minus before a nought
    localised = number_format(fixed, decimal_pos=digits, use_l10n=True, force_grouping=True)
    return localised.replace("-", MINUS, 1)


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as a percentage: 0.665 is "66.5%"."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{number(100 * value, digits)}%"


def count(value: int | None) -> str:
    """A count of people; None is a count too small to be shown."""
    return _("too few to show") if value is None else number(value)


def measured(value: float | None, measure: Measure) -> str:
    """``value`` with the decimals and unit of ``measure``."""
    if measure.percent:
        return percent(value, max(measure.digits - 2, 0))
    return number(value, measure.digits)


def interval(estimate: Interval, measure: Measure) -> str:
    """The interval of ``estimate``: "0.807 to 0.837"; empty where there is none."""
    if estimate.lower is None or estimate.upper is None:
        return ""
    return _("%(lower)s to %(upper)s") % {
        "lower": measured(estimate.lower, measure),
        "upper": measured(estimate.upper, measure),
    }


def coordinate(value: float) -> str:
    """A number for the browser: a full stop whatever the language, four significant decimals."""
    return f"{value:.4f}".rstrip("0").rstrip(".")
