"""Every measure of predicted risks by a horizon, with its interval.

Death is a competing event; measures that end in :data:`CENSORED` take it as the end of
observation instead, as if those who died could still have the event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from usecases.statistics import survival_calibration, survival_cuts, time_dependent
from usecases.statistics.binary import FEW_RISKS
from usecases.statistics.concordance import Concordance, concordance
from usecases.statistics.cuts import Above, Cuts
from usecases.statistics.disclosure import is_small
from usecases.statistics.quantity import Quantity
from usecases.statistics.survival import (
    FollowUp,
    death_risk,
    kaplan_meier_excess,
    observed_risk,
)
from usecases.statistics.survival_calibration import Calibration, SmoothErrors
from usecases.statistics.survival_cuts import Told
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
OF_DEATHS = {"death_risk": death_risk, "kaplan_meier_excess": kaplan_meier_excess}
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

    @property
    def least(self) -> int:
        """People of either outcome below whom nothing is estimated."""
        return max(self.minimum_events, self.smallest_count)

    @property
    def few(self) -> str:
        """Why a number is not given that a small count would follow from."""
        return f"Not given: it would give away a number of fewer than {self.smallest_count} people."


@dataclass
class Measured:
    """What was found: quantities, and what curves are drawn from."""

    single: dict[str, Quantity] = field(default_factory=dict)
    at_threshold: dict[tuple[str, float], Quantity] = field(default_factory=dict)
    pairs: Concordance | None = None
    calibration: Calibration | None = None
    smooth: SmoothErrors | None = None
    updates: dict[str, Calibration] = field(default_factory=dict)
    told: Told = field(default_factory=dict)
    cuts: Cuts | None = None
    """Of everyone, whose curves are drawn."""
    reason: str | None = None
    """Why there is nothing but reasons."""


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


def few_at_a_risk(follow: FollowUp, settings: Settings) -> str | None:
    """Why nothing is given of a model whose measures could be solved for the people at a risk."""
    rank = follow.risk_rank
    if int(rank.max()) + 1 > FEW_RISKS:
        return None
    cells = [np.bincount(rank[mask]) for mask in survival_cuts.kinds(follow)]
    if not any(is_small(int(count), settings.smallest_count) for cell in cells for count in cell):
        return None
    return (
        f"There are no more than {FEW_RISKS} different risks, and one of them belongs to fewer "
        f"than {settings.smallest_count} people with, or without, the event."
    )


def measure(
    follow: FollowUp,
    settings: Settings,
    tick: Callable[[float], None],
    *,
    updating: bool = True,
    told: Told | None = None,
    deaths_told: bool | None = None,
    with_curves: bool = False,
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
    told : dict or None
        At which thresholds people may be told of (default: what ``follow`` alone allows).
    deaths_told : bool or None
        Whether it may be known how many died (default: likewise).
    with_curves : bool
        Whether the cuts of curves are chosen too.
    """
    reason = too_few(follow, settings.least) or few_at_a_risk(follow, settings)
    if reason is not None:
        return withheld(reason, settings, updating=updating)
    found = Measured()
    tick(0.0)
    table = survival_cuts.counted(follow)
    above = survival_cuts.above_of(follow, survival_cuts.kinds(follow), settings.smallest_count)
    deaths = survival_cuts.above_of(follow, [survival_cuts.died(follow)], settings.smallest_count)
    found.told = survival_cuts.told_of(table, above, deaths, settings.thresholds, told)
    if deaths_told is None:
        hidden = survival_cuts.hidden_ends(follow, settings.smallest_count)
        deaths_told = survival_cuts.DEATHS not in hidden
    found.single["expected_risk"] = survival_calibration.expected_risk(follow)
    found.calibration = _variant(follow, settings, found, "")
    tick(0.3)
    _with_deaths_censored(follow, settings, found, deaths_told, tick)
    tick(0.7)
    if updating:
        _update(follow, settings, found, above, tick)
    if with_curves:
        joint = [
            survival_cuts.first_above(table, threshold)
            for threshold, (each, _deaths) in found.told.items()
            if each
        ]
        found.cuts = Cuts.beside(table, dict(found.told), joint, above, side="right")
    tick(1.0)
    return found


def withheld(reason: str, settings: Settings, *, updating: bool) -> Measured:
    """Every measure with the reason why it is not given."""
    found = Measured(reason=reason)
    for suffix in ("", CENSORED):
        _missing(found, settings, reason, suffix)
    for name in ("expected_risk", *OF_DEATHS, "harrell_c", "uno_c"):
        found.single[name] = _none(reason)
    for name in UPDATES if updating else ():
        _missing(found, settings, reason, f"_{name}", UPDATED, ("net_benefit",))
    return found


def _with_deaths_censored(
    follow: FollowUp,
    settings: Settings,
    found: Measured,
    deaths_told: bool,
    tick: Callable[[float], None],
) -> None:
    """The measures that censor deaths; beside the others they tell how many people died."""
    censored = follow.deaths_censored
    reason = too_few(censored, settings.least)
    few = None
    if not deaths_told:
        few = (
            f"Fewer than {settings.smallest_count} people died without the event, or their number "
            "would give another such number away."
        )
    for name, quantity in OF_DEATHS.items():
        missing = few or (reason if name == "kaplan_meier_excess" else None)
        found.single[name] = _none(missing) if missing else quantity(follow)
    if reason or few:
        _missing(found, settings, reason or few or "", CENSORED)
    else:
        _variant(censored, settings, found, CENSORED)
    tick(0.5)
    if reason:
        found.single["harrell_c"] = found.single["uno_c"] = _none(reason)
        return
    pairs = concordance(censored)
    found.single["harrell_c"], found.single["uno_c"] = pairs.harrell, pairs.uno
    found.pairs = pairs


def _variant(follow: FollowUp, settings: Settings, found: Measured, suffix: str) -> Calibration:
    """The measures with death competing, or with deaths censored."""
    single = found.single
    single["observed_risk" + suffix] = observed_risk(follow)
    calibration = _calibrated(follow, settings, found, suffix)
    single["auc" + suffix] = time_dependent.auc_at_horizon(follow)
    for split in splits(follow, np.asarray(settings.thresholds)):
        told = found.told[split.threshold][1 if suffix else 0]
        quantities = {"net_benefit": split.net_benefit()}
        for name in PROPORTIONS:
            quantities[name] = split.proportion(name, settings.smallest_count)
        for name, quantity in quantities.items():
            if not told:
                quantity = Quantity(quantity.method, unavailable=settings.few)
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
    follow: FollowUp,
    settings: Settings,
    found: Measured,
    above: Above,
    tick: Callable[[float], None],
) -> None:
    """Judge the updated risks; nobody's risk was updated with the help of that person.

    The people above a threshold by their updated risks are nearly those above another threshold
    by the risks as they are: so they are told of where they differ by enough from all others.
    """
    updates = cross_validated(follow, settings.seed, lambda part: tick(0.7 + 0.2 * part))
    for name in UPDATES:
        suffix = f"_{name}"
        updated = updates.get(name)
        if updated is None or updated.follow is None:
            reason = (updated.reason if updated else None) or ""
            _missing(found, settings, reason, suffix, UPDATED, ("net_benefit",))
            continue
        judged = Measured()
        found.updates[name] = _calibrated(updated.follow, settings, judged, suffix)
        for measure_name in UPDATED:
            quantity = judged.single[measure_name + suffix]
            found.single[measure_name + suffix] = _of_update(quantity)
        for split in splits(updated.follow, np.asarray(settings.thresholds)):
            quantity = _of_update(split.net_benefit())
            if not above.let_in(survival_cuts.numbers_above(updated.follow, split.threshold)):
                quantity = Quantity(quantity.method, unavailable=settings.few)
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
