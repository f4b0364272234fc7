"""Every measure of predicted risks of a yes/no outcome, with its interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from usecases.statistics import calibration, confusion, discrimination, utility
from usecases.statistics.binary_replicates import (
    append_measures,
    draw_patients,
    draw_people,
    threshold_replicates,
)
from usecases.statistics.cuts import Cuts, Told, told_of
from usecases.statistics.disclosure import is_small
from usecases.statistics.quantity import Quantity, percentile_quantity
from usecases.statistics.risks import RiskTable
from usecases.statistics.smoothing import ERRORS, Smoother, calibration_errors

CLUSTERED = "patient-cluster bootstrap, percentile"
SINGLE = (
    "auroc",
    "average_precision",
    "brier",
    "scaled_brier",
    "observed_expected_ratio",
    "calibration_in_the_large",
    "calibration_intercept",
    "calibration_slope",
    *ERRORS,
)
"""The measures that need no threshold."""

AT_THRESHOLD = ("net_benefit", *confusion.PROPORTIONS)
SIDES = {
    "sensitivity": (0,),
    "specificity": (1,),
    **dict.fromkeys(("ppv", "npv", "net_benefit"), (0, 1)),
}
"""What each tells of: the people with the event (0), those without it (1)."""
LIMITS = {
    "auroc": (0.0, 1.0),
    "average_precision": (0.0, 1.0),
    "brier": (0.0, 1.0),
    "scaled_brier": (-np.inf, 1.0),
    "observed_expected_ratio": (0.0, np.inf),
    **dict.fromkeys(ERRORS, (0.0, 1.0)),
    **dict.fromkeys(confusion.PROPORTIONS, (0.0, 1.0)),
}
"""The ends of the measures' scales."""


@dataclass(frozen=True)
class Rows:
    """The rows behind a table, where patients have several: all of shape (rows,)."""

    patient: np.ndarray
    """Number of the patient, from 0 without a gap."""
    happened: np.ndarray
    risk: np.ndarray


@dataclass(frozen=True)
class Settings:
    """What the measures and their intervals depend on."""

    thresholds: tuple[float, ...]
    minimum_events: int
    smallest_count: int
    replicates: int
    seed: int
    rows_of_enough: int = 0
    """Rows that are surely of ``smallest_count`` people; see ``disclosure.fewest_rows``."""

    @property
    def fewest(self) -> int:
        """Rows below which a count is hidden."""
        return max(self.smallest_count, self.rows_of_enough)


@dataclass
class Measured:
    """What was found: quantities, and the replicates that bands of curves are drawn from."""

    single: dict[str, Quantity] = field(default_factory=dict)
    at_threshold: dict[tuple[str, float], Quantity] = field(default_factory=dict)
    smoother: Smoother | None = None
    replicates: dict[str, np.ndarray] = field(default_factory=dict)
    cuts: Cuts | None = None
    """Of everyone, whose curves are drawn."""
    reason: str | None = None
    """Why there is nothing but reasons."""


FEW_RISKS = 5
"""Distinct risks up to which the measures together are solved for the people at each risk."""


def too_few(table: RiskTable, settings: Settings) -> str | None:
    """Why nothing is estimated; None where there are enough people of both outcomes."""
    minimum = max(settings.minimum_events, settings.fewest)
    kind = "people" if settings.fewest == settings.smallest_count else "rows"
    for count, words in (
        (table.total_events, f"{kind} with the event"),
        (table.total_non_events, f"{kind} without the event"),
    ):
        if count == 0:
            return f"There are no {words}; at least {minimum} are needed."
        if count < minimum:
            return f"There are fewer than {minimum} {words}; at least {minimum} are needed."
    if table.risk.size <= FEW_RISKS and any(
        is_small(int(count), settings.fewest) for count in (*table.events, *table.non_events)
    ):
        return (
            f"There are no more than {FEW_RISKS} different risks, and one of them belongs to "
            f"fewer than {settings.smallest_count} people with, or without, the event."
        )
    return None


def withheld(reason: str, settings: Settings) -> Measured:
    """Every measure with the reason why it is not given."""
    quantity = Quantity("None", unavailable=reason)
    return Measured(
        single=dict.fromkeys(SINGLE, quantity),
        at_threshold={
            (name, threshold): quantity
            for threshold in settings.thresholds
            for name in AT_THRESHOLD
        },
        reason=reason,
    )


def measure(
    table: RiskTable,
    rows: Rows | None,
    settings: Settings,
    tick: Callable[[float], None],
    *,
    told: Told | None = None,
    with_curves: bool = True,
) -> Measured:
    """Every measure of ``table``.

    Parameters
    ----------
    table : RiskTable
    rows : Rows or None
        The rows where patients have several: every interval then comes from a bootstrap that
        draws patients.
    settings : Settings
    tick : callable
        Called with the fraction done, often enough to be stopped by what it raises.
    told : dict or None
        At which thresholds people may be told of (default: what ``table`` alone allows).
    with_curves : bool
        Whether the cuts of curves are chosen too.
    """
    reason = too_few(table, settings)
    if reason:
        return withheld(reason, settings)
    found = Measured()
    if with_curves:
        found.cuts = Cuts.of(table, settings.thresholds, settings.fewest)
        told = told or found.cuts.thresholds
    found.single = _analytic(table)
    _thresholds(
        table, settings, found, told or told_of(table, settings.thresholds, settings.fewest)
    )
    smoother = Smoother.fit(table)
    if isinstance(smoother, Smoother):
        found.smoother = smoother
    tenth_starts = found.cuts.tenths if found.cuts is not None else np.zeros(1, dtype=np.int64)
    starts = table.group_starts([*utility.GRID, *settings.thresholds, *table.risk[tenth_starts]])
    grouped = table.grouped(starts)
    tick(0.2)
    if rows is None:
        draws = draw_people(table, grouped, found, settings, tick)
    else:
        tenth = np.searchsorted(starts, tenth_starts)
        draws = draw_patients(table, starts, grouped, tenth, rows, found, settings, tick)
    found.replicates = draws
    exact = "" if grouped is table else f" of {grouped.risk.size:,} groups of neighbouring risks"
    _errors(table, grouped, smoother, found, exact, clustered=rows is not None)
    _average_precision(table, grouped, found, exact, clustered=rows is not None)
    if rows is not None:
        _clustered(table, grouped, found, settings, exact)
    return found


def _analytic(table: RiskTable) -> dict[str, Quantity]:
    intercept, slope = calibration.calibration_line(table)
    return {
        "auroc": discrimination.auroc_of_table(table),
        "brier": calibration.brier(table),
        "scaled_brier": calibration.scaled_brier(table),
        "observed_expected_ratio": calibration.observed_expected_ratio(table),
        "calibration_in_the_large": calibration.calibration_in_the_large(table),
        "calibration_intercept": intercept,
        "calibration_slope": slope,
    }


def _thresholds(table: RiskTable, settings: Settings, found: Measured, told: Told) -> None:
    counts = confusion.confusions(table, np.asarray(settings.thresholds))
    for threshold, at in zip(settings.thresholds, counts, strict=True):
        for name in AT_THRESHOLD:
            quantity = (
                utility.net_benefit(table, threshold)
                if name == "net_benefit"
                else at.proportion(name)
            )
            if not all(told[threshold][side] for side in SIDES[name]):
                quantity = Quantity(
                    quantity.method,
                    unavailable="Not given: it would give away a number of fewer than "
                    f"{settings.smallest_count} people.",
                )
            found.at_threshold[name, threshold] = quantity


def _errors(
    table: RiskTable,
    grouped: RiskTable,
    smoother: Smoother | str,
    found: Measured,
    exact: str,
    *,
    clustered: bool,
) -> None:
    kind = "patient-cluster bootstrap" if clustered else "bootstrap"
    if isinstance(smoother, str):
        for name in ERRORS:
            found.single[name] = Quantity(f"{kind}, percentile", unavailable=smoother)
        return
    method = f"Smoother: {smoother.method}; {kind}{exact}, percentile"
    values = _errors_of(table, smoother)
    shifts = values - _errors_of(grouped, smoother)
    for index, name in enumerate(ERRORS):
        found.single[name] = percentile_quantity(
            float(values[index]),
            found.replicates["errors"][:, index],
            method,
            shift=float(shifts[index]),
            low=0.0,
            high=1.0,
        )


def _errors_of(table: RiskTable, smoother: Smoother) -> np.ndarray:
    distance = np.abs(smoother.observed(table.linear_predictor) - table.risk)
    return calibration_errors(distance, table.people)


def _average_precision(
    table: RiskTable, grouped: RiskTable, found: Measured, exact: str, *, clustered: bool
) -> None:
    value, of_groups = (
        float(discrimination.average_precision_of_counts(one.events, one.non_events))
        for one in (table, grouped)
    )
    kind = "patient-cluster bootstrap" if clustered else "bootstrap within outcome"
    found.single["average_precision"] = percentile_quantity(
        value,
        found.replicates["average_precision"],
        f"Step sum; {kind}{exact}, percentile",
        shift=value - of_groups,
        low=0.0,
        high=1.0,
    )


def _clustered(
    table: RiskTable, grouped: RiskTable, found: Measured, settings: Settings, exact: str
) -> None:
    """Replace the intervals that take rows as independent by those of the cluster bootstrap."""
    draws = found.replicates
    observed: dict[str, list[np.ndarray]] = defaultdict(list)
    append_measures(
        grouped.risk, grouped.events[np.newaxis], grouped.non_events[np.newaxis], observed
    )
    lines = calibration.calibration_line(grouped)
    of_groups = {name: float(parts[0][0]) for name, parts in observed.items()}
    for name, quantity in (
        ("calibration_in_the_large", calibration.calibration_in_the_large(grouped)),
        ("calibration_intercept", lines[0]),
        ("calibration_slope", lines[1]),
    ):
        if quantity.value is not None:
            of_groups[name] = quantity.value
    for name in SINGLE[: -len(ERRORS)]:
        quantity = found.single[name]
        if name == "average_precision" or quantity.value is None or name not in of_groups:
            continue
        low, high = LIMITS.get(name, (-np.inf, np.inf))
        found.single[name] = percentile_quantity(
            quantity.value,
            draws[name],
            f"{_value_method(name, quantity)}; patient-cluster bootstrap{exact}, percentile",
            shift=quantity.value - of_groups[name],
            low=low,
            high=high,
        )
    for (name, threshold), replicates in threshold_replicates(draws, settings.thresholds):
        at = found.at_threshold.get((name, threshold))
        if at is not None and at.value is not None:
            low, high = LIMITS.get(name, (-np.inf, np.inf))
            words = "Net benefit, risk >= threshold" if name == "net_benefit" else "Proportion"
            found.at_threshold[name, threshold] = percentile_quantity(
                at.value, replicates, f"{words}; {CLUSTERED}", low=low, high=high
            )


def _value_method(name: str, quantity: Quantity) -> str:
    """How the value was found, without its interval."""
    return "Area under the ROC curve" if name == "auroc" else quantity.method.split(";")[0]
