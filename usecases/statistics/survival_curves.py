"""The curves of predicted risks by a horizon, as columns to draw and to download."""

from __future__ import annotations

import numpy as np
from scipy import special

from usecases.statistics import curves, utility
from usecases.statistics.binary import Measured as Smoothed
from usecases.statistics.curves import Columns
from usecases.statistics.cuts import Cuts
from usecases.statistics.disclosure import hidden, merged_starts
from usecases.statistics.quantity import Quantity
from usecases.statistics.risks import RiskTable, off_the_edge
from usecases.statistics.survival import (
    CENSORED,
    DEATH,
    EVENT,
    FollowUp,
    Incidence,
    risk_quantity,
)
from usecases.statistics.survival_calibration import Calibration, SmoothErrors
from usecases.statistics.survival_cuts import DEATHS
from usecases.statistics.survival_utility import net_benefit_treat_all, splits

_STEPS = 60
"""Most points of a curve over time."""


def observed_over_time(follow: FollowUp, smallest: int, unseen: set[str]) -> Columns:
    """The observed risks of the event and of death at times up to the horizon.

    Between two points nobody, or at least ``smallest`` people, have the event; likewise die, and
    are lost.

    Parameters
    ----------
    follow : FollowUp
    smallest : int
    unseen : set of str
        Numbers that are hidden: :func:`survival_cuts.hidden_ends`. With any of them, those still
        followed are not told of; without the deaths, neither is their risk.

    Returns
    -------
    dict
        ``at_risk`` are those followed beyond the time, or to the horizon, without an event.
    """
    steps = np.linspace(0, follow.horizon, _STEPS + 1)
    shown = [follow.event == EVENT]
    if DEATHS not in unseen:
        shown.append(follow.event == DEATH)
    if not unseen:
        shown.append((follow.event == CENSORED) & ~follow.at_horizon)
    counts = [np.diff(np.searchsorted(follow.time[part], steps, side="right")) for part in shown]
    starts = merged_starts(counts, smallest)
    times = steps[[*starts[1:], _STEPS]]
    places = np.searchsorted(follow.times, times, side="right") - 1
    columns: Columns = {"time": [0.0, *times.tolist()]}
    for name, incidence in (("event", follow.incidence), ("death", follow.death)):
        errors = incidence.standard_errors
        found = [_ends(incidence, errors, place) for place in places]
        hide = name == "death" and DEATHS in unseen
        for column, index in ((name, 0), (f"{name}_lower", 1), (f"{name}_upper", 2)):
            columns[column] = [0.0, *(None if hide else row[index] for row in found)]
    gone = sum(np.add.reduceat(part, starts) for part in counts)
    left = (follow.people - np.cumsum(gone)).tolist()
    columns["at_risk"] = [follow.people, *([None] * len(left) if unseen else left)]
    return columns


def _ends(
    incidence: Incidence, errors: np.ndarray, place: int
) -> tuple[float, float | None, float | None]:
    if place < 0:
        return 0.0, 0.0, 0.0
    quantity = risk_quantity(float(incidence.risk[place]), float(errors[place]), "")
    return float(incidence.risk[place]), quantity.lower, quantity.upper


def roc(follow: FollowUp, table: RiskTable, cuts: Cuts) -> Columns:
    """The ROC curve at the horizon, people weighted for censoring as in the AUC.

    A threshold lies halfway to the next lower risk, so that it is nobody's own.
    """
    starts = cuts.ranking
    weight = follow.censoring.weight
    rates = []
    for part in (follow.event != EVENT, follow.event == EVENT):
        by_rank = np.bincount(
            follow.risk_rank, weights=np.where(part, weight, 0.0), minlength=table.risk.size
        )
        above = np.cumsum(by_rank[::-1])[::-1]
        rates.append(np.minimum(1.0, above[starts] / above[0]))
    return {
        "threshold": [None, *curves.risks_between(table, starts).tolist(), 0.0],
        "false_positive_rate": [0.0, *rates[0].tolist(), 1.0],
        "sensitivity": [0.0, *rates[1].tolist(), 1.0],
    }


def smoothed_calibration(
    table: RiskTable, smooth: SmoothErrors | None, smallest: int
) -> Columns | None:
    """Observed against predicted risk with a pointwise bootstrap band."""
    if smooth is None or smooth.smoother is None or smooth.coefficients is None:
        return None
    drawn = Smoothed(smoother=smooth.smoother, replicates={"coefficients": smooth.coefficients})
    return curves.smoothed_calibration(table, drawn, smallest)


def calibration_groups(follow: FollowUp, cuts: Cuts) -> Columns:
    """Mean risk and observed risk in tenths of the people by risk, merged as the cuts say."""
    starts = cuts.tenths
    number = np.searchsorted(starts, follow.risk_rank, side="right") - 1
    columns: Columns = {
        name: [] for name in ("predicted", "observed", "lower", "upper", "patients")
    }
    for index in range(starts.size):
        part = follow.part(number == index)
        quantity = Quantity("")
        if part.total_at_horizon or not part.total_lost:
            found = part.incidence
            quantity = risk_quantity(found.value, found.standard_error, "")
        columns["predicted"].append(float(np.mean(part.risk)))
        columns["observed"].append(quantity.value)
        columns["lower"].append(quantity.lower)
        columns["upper"].append(quantity.upper)
        columns["patients"].append(part.people)
    return columns


def threshold_rows(follow: FollowUp, cuts: Cuts, smallest: int) -> tuple[Columns, Columns, bool]:
    """Measures at the thresholds that the cuts tell of, the decision curve, and whether more hides.

    The numbers of people with and without the event on either side are estimates, rounded. One
    below ``smallest`` is hidden, and with it the one that their sum would reveal it by.
    """
    measures = ("sensitivity", "specificity", "ppv", "npv")
    grid = utility.GRID[cuts.grid]
    counts: Columns = {"threshold": grid.tolist()}
    pairs = (("true_positive", "false_negative"), ("false_positive", "true_negative"))
    for name in (*pairs[0], *pairs[1]):
        counts[name] = []
    for name in (*measures, "net_benefit"):
        counts[name], counts[f"{name}_lower"], counts[f"{name}_upper"] = [], [], []
    gains: Columns = {"gain_over_all": [], "gain_lower": [], "gain_upper": []}
    any_hidden = False
    for split in splits(follow, grid):
        unknown = split.above.unknown or split.below.unknown
        for names in pairs:
            both = [round(split.shares[name] * follow.people) for name in names]
            hide = unknown or (0 not in both and bool(hidden(both, smallest)))
            any_hidden |= hide
            for name, count in zip(names, both, strict=True):
                counts[name].append(None if hide else count)
        quantities = {name: split.proportion(name, smallest) for name in measures}
        quantities["net_benefit"] = split.net_benefit()
        for name, quantity in quantities.items():
            counts[name].append(quantity.value)
            counts[f"{name}_lower"].append(quantity.lower)
            counts[f"{name}_upper"].append(quantity.upper)
        gain = split.gain_over_treat_all()
        for column, end in zip(gains.values(), (gain.value, gain.lower, gain.upper), strict=True):
            column.append(end)
    lower, upper = counts.pop("net_benefit_lower"), counts.pop("net_benefit_upper")
    decision: Columns = {
        "threshold": counts["threshold"],
        "net_benefit": counts["net_benefit"],
        "lower": lower,
        "upper": upper,
        "treat_all": [net_benefit_treat_all(follow, at) for at in grid.tolist()],
        **gains,
    }
    return counts, decision, any_hidden


def updated_calibration(
    points: list[float], calibrations: dict[str, Calibration]
) -> dict[str, list[float]]:
    """Smoothed observed risk of each update at predicted risks; updates without one left out."""
    predictor = special.logit(off_the_edge(np.asarray(points)))
    found = {}
    for name, calibration in calibrations.items():
        smoother = calibration.smoother
        if not isinstance(smoother, str):
            found[name] = smoother.observed(predictor).tolist()
    return found
