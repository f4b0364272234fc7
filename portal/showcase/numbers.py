"""Numbers as people read them, in their language, and as a browser parses them."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Protocol

from django.utils.formats import get_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

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
    return _localised(f"{_half_up(value, digits):f}", digits)


def _half_up(value: float, digits: int) -> Decimal:
    """Rounded as a browser rounds, so that the two agree: the shortest digits that stand for the
    number, a tie away from zero."""
    return Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _localised(fixed: str, digits: int) -> str:
    if not fixed.strip("-0."):
        fixed = fixed.lstrip("-")  # no minus before a nought
    if len(fixed.partition(".")[0].lstrip("-")) < 4:  # nothing to group, as in nearly all
        localised = fixed.replace(".", get_format("DECIMAL_SEPARATOR"))
    else:
        localised = number_format(fixed, decimal_pos=digits, use_l10n=True, force_grouping=True)
    return localised.replace("-", MINUS, 1)


def significant(value: float | None, digits: int = 3) -> str:
    """``value`` with at most ``digits`` significant digits: "0.512", "12", "12,300"."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = _half_up(value, places)
    if rounded.adjusted() > digits - 1 - places:  # 9.999 has become 10.00
        places -= 1
    plain = rounded.normalize()
    decimals = max(-int(plain.as_tuple().exponent), 0)
    return _localised(f"{plain:.{decimals}f}", decimals)


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as a percentage: 0.665 is "66.5%"."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{number(100 * value, digits)}%"


def count(value: int | None) -> str:
    """A count of people; None is a count too small to be shown."""
    return _("too few to show") if value is None else number(value)


def out_of(value: float, people: int = 10) -> str:
    """A share as people: 0.81 is "8 of 10"; 0.97 is "97 of 100", for it is not "10 of 10"."""
    total, found = people, 0
    while True:
        found = math.floor(total * value + 0.5)
        if 0 < found < total or value in (0, 1) or total >= 10_000:
            break
        total *= 10
    return _("{part} of {whole}").format(part=number(found), whole=number(total))


def formatted(value: float | None, style: str) -> str:
    """``value`` in a style that a declaration names; explorer.js has the same ones.

    Parameters
    ----------
    style
        ``count``, ``number:2`` (decimals), ``percent:1``, ``thousand:1`` (a share of 1,000),
        ``significant:3`` (digits at most), ``share:3`` (percent with as many digits at most),
        ``of:10`` ("8 of 10") or ``days:0`` ("12 days").

    Raises
    ------
    LookupError
        If there is no such style.
    """
    if value is None:
        return count(None)
    kind, _colon, digits = style.partition(":")
    places = int(digits or 0)
    match kind:
        case "count" | "number":
            return number(value, places)
        case "percent":
            return percent(value, places)
        case "thousand":
            return number(1000 * value, places)
        case "significant":
            return significant(value, places)
        case "share":
            return f"{significant(100 * value, places)}%"
        case "of":
            return out_of(value, places)
        case "days":
            return ngettext("%(days)s day", "%(days)s days", 1 if value == 1 else 2) % {
                "days": number(value, places)
            }
    raise LookupError(f"No format '{style}' for a number.")


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
