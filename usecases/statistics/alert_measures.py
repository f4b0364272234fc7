"""The measures of an alert algorithm at one threshold, with intervals that draw patients."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from usecases.statistics.alert_cuts import LEADS, untold
from usecases.statistics.alerts import DAYS_PER_YEAR, Totals
from usecases.statistics.quantity import Quantity, percentile_quantity
from usecases.statistics.ratios import METHOD, patient_draws, ratio_quantity

NAMES = (
    "event_sensitivity",
    "unexplained_alert_rate",
    "alert_rate",
    "alert_ppv",
    *LEADS,
    "time_in_alert",
    "event_rate",
)


@dataclass(frozen=True)
class Settings:
    """What the measures need to know of a protocol."""

    minimum_events: int
    smallest_count: int
    replicates: int
    seed: int


@dataclass(frozen=True)
class Ratio:
    """Numerator and denominator, a patient each; ``scale`` turns the denominator into years."""

    above: np.ndarray
    below: np.ndarray
    scale: float = 1.0

    @property
    def value(self) -> float:
        """Of all patients; they must have something to take the share of."""
        return int(self.above.sum()) / (float(self.below.sum()) * self.scale)


def measure(
    totals: Totals,
    settings: Settings,
    tick: Callable[[float], None] | None = None,
    untold_here: Collection[str] = (),
) -> dict[str, Quantity]:
    """Every measure of :data:`NAMES`: its value and interval, or the reason why there is none.

    Those of ``untold_here`` are not given, as others than these patients would follow from them.

    Rates of alerts are per monitored year where the monitored days are known, and per year of
    follow-up where they are not; the rate of events is per year of follow-up, for events are
    known without monitoring too.

    Notes
    -----
    The bootstrap draws patients with everything that they have (Davison & Hinkley, Bootstrap
    Methods and their Application, 1997, 3.8). Quantiles of the lead time interpolate linearly
    (Hyndman & Fan's type 7, as in R and NumPy).
    """
    reasons = reasons_of(totals, settings)
    for name in sorted(untold_here):
        reasons.setdefault(name, few_reason(settings.smallest_count))
    ratios = ratios_of(totals)
    known = [name for name in ratios if name not in reasons]
    drawn, leads = _replicates(totals, [ratios[name] for name in known], settings, tick)
    found: dict[str, Quantity] = {}
    for name in NAMES:
        if name in reasons:
            found[name] = Quantity(METHOD, unavailable=reasons[name])
        elif name in LEADS:
            value = float(np.quantile(totals.lead, LEADS[name]))
            replicates = _quantiles(leads, LEADS[name])
            found[name] = percentile_quantity(value, replicates, METHOD, low=0.0)
        else:
            ratio = ratios[name]
            # A rate is a ratio whose denominator is time.
            of_time = ratio.scale != 1.0
            found[name] = ratio_quantity(
                int(ratio.above.sum()),
                float(ratio.below.sum()) * ratio.scale,
                drawn[:, known.index(name)],
                patients=None if of_time else int(np.count_nonzero(ratio.below)),
            )
    return found


def ratios_of(totals: Totals) -> dict[str, Ratio]:
    year = 1 / DAYS_PER_YEAR
    ratios = {
        "event_sensitivity": Ratio(totals.detected, totals.events),
        "unexplained_alert_rate": Ratio(totals.unexplained, totals.at_risk, year),
        "alert_rate": Ratio(totals.alerts, totals.at_risk, year),
        "alert_ppv": Ratio(totals.alerts - totals.unexplained, totals.alerts),
        "event_rate": Ratio(totals.events, totals.days, year),
    }
    if totals.in_alert is not None:
        ratios["time_in_alert"] = Ratio(totals.in_alert, totals.at_risk)
    return ratios


def reasons_of(totals: Totals, settings: Settings) -> dict[str, str]:
    """Why some measures have no value, in a sentence."""
    few, least = settings.smallest_count, settings.minimum_events
    if totals.patients < few:
        return dict.fromkeys(NAMES, f"There are fewer than {few} patients.")
    reasons: dict[str, str] = {}

    def enough(count: int, words: str, *names: str) -> None:
        if count < least:
            start = "no" if count == 0 else f"fewer than {least}"
            reason = f"There are {start} {words}; at least {least} are needed."
            for name in names:
                reasons.setdefault(name, reason)

    enough(int(totals.events.sum()), "events", "event_sensitivity", "event_rate", *LEADS)
    enough(int(totals.alerts.sum()), "alerts", "alert_ppv")
    enough(int(totals.lead.size), "events with an alert before them", *LEADS)
    if totals.in_alert is None:
        reasons["time_in_alert"] = (
            "Alerts are given by the day on which they started; how long they lasted is not known."
        )
    if not totals.at_risk.sum():
        for name in ("unexplained_alert_rate", "alert_rate", "time_in_alert"):
            reasons.setdefault(name, "There is no monitored time.")
    if not totals.days.sum():
        reasons.setdefault("event_rate", "There is no follow-up time.")
    for name in sorted(untold(totals, few)):
        reasons.setdefault(name, few_reason(few))
    return reasons


def few_reason(smallest: int) -> str:
    """Why a number is not given that a small count would follow from."""
    return f"Not given: it would give away a number of fewer than {smallest} patients."


def withheld(reason: str) -> dict[str, Quantity]:
    """Every measure with the reason why it is not given."""
    return dict.fromkeys(NAMES, Quantity(METHOD, unavailable=reason))


def _replicates(
    totals: Totals,
    ratios: list[Ratio],
    settings: Settings,
    tick: Callable[[float], None] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap ratios, and how often each lead time occurs in each replicate."""
    columns = [column for ratio in ratios for column in (ratio.above, ratio.below)]
    table = np.stack(columns, axis=1).astype(np.float64) if columns else np.zeros((0, 0))
    sums = np.zeros((settings.replicates, len(columns)))
    days = int(totals.lead.max(initial=0)) + 1
    leads = np.zeros((settings.replicates, days))
    if columns:
        draws = patient_draws(totals.patients, settings.replicates, settings.seed)
        for index, times in enumerate(draws):
            # Whole numbers below 2^53: the sums are exact, in whatever order they are made.
            sums[index] = times.astype(np.float64) @ table
            weights = times[totals.lead_patient]
            leads[index] = np.bincount(totals.lead, weights=weights, minlength=days)
            if tick is not None and index % 100 == 0:
                tick(index / settings.replicates)
    scales = np.array([ratio.scale for ratio in ratios])
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums[:, ::2] / (sums[:, 1::2] * scales), leads


def _quantiles(counts: np.ndarray, share: float) -> np.ndarray:
    """The quantile of each row of counts of 0, 1, 2, ... days; NaN for a row without any."""
    running = np.cumsum(counts, axis=1)
    total = running[:, -1]
    place = np.maximum(total - 1, 0) * share
    low = np.floor(place)
    at_low = np.argmax(running > low[:, None], axis=1)
    at_high = np.argmax(running > np.minimum(low + 1, total - 1)[:, None], axis=1)
    return np.where(total > 0, at_low + (place - low) * (at_high - at_low), np.nan)
