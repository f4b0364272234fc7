"""Every measure of predicted risks by a horizon, with its interval.

Death is a competing event; measures that end in :data:`CENSORED` take it as the end of
observation instead, as if those who died could still have the event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from usecases.statistics import survival_calibration, time_dependent
from usecases.statistics.concordance import Concordance, concordance
from usecases.statistics.quantity import Quantity
from usecases.statistics.survival import (
    FollowUp,
    death_risk,
    kaplan_meier_excess,
    observed_risk,
)
from usecases.statistics.survival_calibration import Calibration, SmoothErrors
from usecases.statistics.survival_updating import METHOD, UPDATES, cross_validated
from usecases.statistics.survival_utility import PROPORTIONS, splits

CENSORED = "_deaths_censored"
BOTH = (
    "observed_risk",
    "observed_expected_ratio",
    "calibration_intercept",
    "calibration_slope",
    "ici",
    "e50",
    "e90",
    "auc",
    "brier",
    "ipa",
)
"""The measures without a threshold that exist with death competing and with deaths censored."""

SINGLE = (
    *BOTH,
    "expected_risk",
    "death_risk",
    "kaplan_meier_excess",
    *(name + CENSORED for name in BOTH),
    "harrell_c",
    "uno_c",
)
AT_THRESHOLD = ("net_benefit", *PROPORTIONS)
UPDATED = (
    "observed_expected_ratio",
    "calibration_intercept",
    "calibration_slope",
    "ici",
    "brier",
    "ipa",
)
"""The measures without a threshold that updates are judged by; net benefit is one as well."""


@dataclass(frozen=True)
class Settings:
    """What the measures and their intervals depend on."""

    thresholds: tuple[float, ...]
    minimum_events: int
    smallest_count: int
    replicates: int
    seed: int


@dataclass
class Measured:
    """What was found: quantities, and what curves are drawn from."""

    single: dict[str, Quantity] = field(default_factory=dict)
    at_threshold: dict[tuple[str, float], Quantity] = field(default_factory=dict)
    pairs: Concordance | None = None
    calibration: Calibration | None = None
    smooth: SmoothErrors | None = None
    updates: dict[str, Calibration] = field(default_factory=dict)
    reason: str | None = None
    """Why there is nothing but reasons, with death competing."""


def too_few(follow: FollowUp, minimum: int) -> str | None:
    """Why nothing is estimated; None where enough is known about enough people."""
    free = follow.total_at_horizon + follow.total_deaths
    for count, words in (
        (follow.total_events, "have the event by the horizon"),
        (free, "are known not to have the event by the horizon"),
    ):
        if count == 0:
            return f"No people {words}; at least {minimum} are needed."
        if count < minimum:
            return f"Fewer than {minimum} people {words}; at least {minimum} are needed."
    if follow.total_lost and not follow.total_at_horizon:
        return "Nobody is followed to the horizon, so the risk by then is not known."
    return None


def measure(
    follow: FollowUp,
    settings: Settings,
    tick: Callable[[float], None],
    *,
    updating: bool = True,
) -> Measured:
    """Every measure of ``follow``.

    Parameters
    ----------
    follow : FollowUp
    settings : Settings
    tick : callable
        Called with the fraction done, often enough to be stopped by what it raises.
    updating : bool
        Whether to judge updated risks as well.
    """
    found = Measured(reason=too_few(follow, settings.minimum_events))
    tick(0.0)
    if found.reason is None:
        found.single["expected_risk"] = survival_calibration.expected_risk(follow)
        found.single["death_risk"] = _of_deaths(follow, death_risk, settings.smallest_count)
        found.calibration = _variant(follow, settings, found, "")
    else:
        _missing(found, settings, found.reason, "")
        for name in ("expected_risk", "death_risk"):
            found.single[name] = _none(found.reason)
    tick(0.3)
    censored = follow.deaths_censored if follow.people else follow
    reason = too_few(censored, settings.minimum_events)
    if reason is None and found.reason is None:
        found.single["kaplan_meier_excess"] = _of_deaths(
            follow, kaplan_meier_excess, settings.smallest_count
        )
        _variant(censored, settings, found, CENSORED)
        tick(0.5)
        found.pairs = concordance(censored)
        found.single["harrell_c"], found.single["uno_c"] = found.pairs.harrell, found.pairs.uno
    else:
        reason = reason or found.reason or ""
        _missing(found, settings, reason, CENSORED)
        for name in ("kaplan_meier_excess", "harrell_c", "uno_c"):
            found.single[name] = _none(reason)
    tick(0.7)
    if updating:
        _update(follow, settings, found, tick)
    tick(1.0)
    return found


def _of_deaths(
    follow: FollowUp, quantity: Callable[[FollowUp], Quantity], smallest: int
) -> Quantity:
    """``quantity``, unless it would give away how few people died."""
    if 0 < follow.total_deaths < smallest:
        return _none(f"Fewer than {smallest} people died without the event.")
    return quantity(follow)


def _variant(follow: FollowUp, settings: Settings, found: Measured, suffix: str) -> Calibration:
    """The measures with death competing, or with deaths censored."""
    single = found.single
    single["observed_risk" + suffix] = observed_risk(follow)
    calibration = _calibrated(follow, settings, found, suffix)
    single["auc" + suffix] = time_dependent.auc_at_horizon(follow)
    for split in splits(follow, np.asarray(settings.thresholds)):
        found.at_threshold["net_benefit" + suffix, split.threshold] = split.net_benefit()
        for name in PROPORTIONS:
            quantity = split.proportion(name, settings.smallest_count)
            found.at_threshold[name + suffix, split.threshold] = quantity
    return calibration


def _calibrated(follow: FollowUp, settings: Settings, found: Measured, suffix: str) -> Calibration:
    """Observed / expected, calibration, Brier score and IPA."""
    single = found.single
    single["observed_expected_ratio" + suffix] = survival_calibration.observed_expected_ratio(
        follow
    )
    calibration = Calibration.of(follow)
    single["calibration_intercept" + suffix] = calibration.intercept()
    single["calibration_slope" + suffix] = calibration.slope()
    smooth = survival_calibration.smooth_errors(calibration, settings.replicates, settings.seed)
    single.update({name + suffix: one for name, one in smooth.quantities.items()})
    if not suffix:
        found.smooth = smooth
    single["brier" + suffix], single["ipa" + suffix] = time_dependent.brier_at_horizon(follow)
    return calibration


def _update(
    follow: FollowUp, settings: Settings, found: Measured, tick: Callable[[float], None]
) -> None:
    """Judge the updated risks; nobody's risk was updated with the help of that person."""
    updates = {}
    if found.reason is None:
        updates = cross_validated(follow, settings.seed, lambda part: tick(0.7 + 0.2 * part))
    for name in UPDATES:
        suffix = f"_{name}"
        updated = updates.get(name)
        if updated is None or updated.follow is None:
            reason = (updated.reason if updated else found.reason) or ""
            _missing(found, settings, reason, suffix, UPDATED, ("net_benefit",))
            continue
        judged = Measured()
        found.updates[name] = _calibrated(updated.follow, settings, judged, suffix)
        for measure_name in UPDATED:
            quantity = judged.single[measure_name + suffix]
            found.single[measure_name + suffix] = _of_update(quantity)
        for split in splits(updated.follow, np.asarray(settings.thresholds)):
            quantity = _of_update(split.net_benefit())
            found.at_threshold["net_benefit" + suffix, split.threshold] = quantity


def _of_update(quantity: Quantity) -> Quantity:
    """The interval takes the update as given, and the method says so."""
    return Quantity(
        f"{METHOD}, taken as given; {quantity.method[0].lower()}{quantity.method[1:]}",
        quantity.value,
        quantity.lower,
        quantity.upper,
        quantity.standard_error,
        quantity.unavailable,
    )


def _missing(
    found: Measured,
    settings: Settings,
    reason: str,
    suffix: str,
    single: tuple[str, ...] = BOTH,
    at_threshold: tuple[str, ...] = AT_THRESHOLD,
) -> None:
    for name in single:
        found.single[name + suffix] = _none(reason)
    for threshold in settings.thresholds:
        for name in at_threshold:
            found.at_threshold[name + suffix, threshold] = _none(reason)


def _none(reason: str) -> Quantity:
    return Quantity("None", unavailable=reason)
