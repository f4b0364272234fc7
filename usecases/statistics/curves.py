"""The curves of predicted risks of a yes/no outcome, as columns to draw and to download."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from usecases.statistics import confusion, discrimination, utility
from usecases.statistics.binary import Measured, Rows, tenths, threshold_replicates
from usecases.statistics.disclosure import hidden, merged_starts
from usecases.statistics.quantity import Quantity, percentile_quantity, wilson_quantity
from usecases.statistics.risks import RiskTable

MOST_POINTS = 800
_SMOOTH_POINTS = 100
_BINS = 50

Columns = dict[str, list[Any]]
"""Columns of equal length, of numbers or None."""


def ranking_points(table: RiskTable, smallest: int) -> tuple[Columns, Columns]:
    """The ROC curve and the precision-recall curve, exact at the points that are kept.

    Between neighbouring points lie at least ``smallest`` people, and a threshold lies halfway
    to the next lower risk, so that it is nobody's own.
    """
    starts = discrimination.curve_starts(table, smallest, MOST_POINTS)
    starts = starts[starts > 0]
    cuts = (table.risk[starts] + table.risk[starts - 1]) / 2
    cuts = np.concatenate((cuts, [0.0]))
    true, false = table.at_or_above(cuts)
    thresholds = cuts.tolist()
    recall = (true / table.total_events).tolist()
    roc: Columns = {
        "threshold": [None, *thresholds],
        "false_positive_rate": [0.0, *(false / table.total_non_events).tolist()],
        "sensitivity": [0.0, *recall],
    }
    precision: Columns = {
        "threshold": thresholds,
        "recall": recall,
        "precision": (true / (true + false)).tolist(),
    }
    return roc, precision


def smoothed_calibration(table: RiskTable, found: Measured, smallest: int) -> Columns | None:
    """Observed against predicted risk with a pointwise bootstrap band.

    It runs between the risks that ``smallest`` people lie below and above, at points spread
    evenly both over the risks and over the people.
    """
    if found.smoother is None:
        return None
    running = np.cumsum(table.people)
    low, high = (
        table.risk[np.searchsorted(running, at)]
        for at in (min(smallest, table.total), max(1, table.total - smallest + 1))
    )
    if not low < high:
        return None
    shares = np.linspace(0, 1, _SMOOTH_POINTS // 2)
    among_people = table.risk[
        np.searchsorted(running, np.ceil(np.maximum(shares * table.total, 1)))
    ]
    # Rounded, so that a point is nobody's own risk.
    points = np.round(
        np.concatenate((np.linspace(low, high, _SMOOTH_POINTS // 2), among_people)), 4
    )
    points = np.unique(points[(points > max(low, 0.0)) & (points < min(high, 1.0))])
    if points.size < 2:
        return None
    predictor = special.logit(points)
    observed = found.smoother.observed(predictor)
    drawn = found.replicates["coefficients"]
    drawn = drawn[np.all(np.isfinite(drawn), axis=1)]
    if not drawn.size:
        return None
    lines = found.smoother.observed_rows(found.smoother.design(predictor), drawn)
    lower, upper = np.quantile(lines, (0.025, 0.975), axis=0)
    return {
        "predicted": points.tolist(),
        "observed": observed.tolist(),
        "lower": lower.tolist(),
        "upper": upper.tolist(),
    }


def calibration_groups(
    table: RiskTable, found: Measured, rows: Rows | None, smallest: int
) -> Columns:
    """Mean risk and observed share in tenths of the people by risk."""
    starts = tenths(table, smallest)
    people = np.add.reduceat(table.people, starts)
    events = np.add.reduceat(table.events, starts)
    predicted = np.add.reduceat(table.people * table.risk, starts) / people
    shares = []
    for index, (count, total) in enumerate(zip(events, people, strict=True)):
        share = wilson_quantity(int(count), int(total))
        if rows is not None and share.value is not None:
            draws = found.replicates["tenths"][:, index]
            share = percentile_quantity(share.value, draws, "", low=0.0, high=1.0)
        shares.append(share)
    return {
        "predicted": predicted.tolist(),
        "observed": [share.value for share in shares],
        "lower": [share.lower for share in shares],
        "upper": [share.upper for share in shares],
        "patients": people.tolist(),
    }


def risk_distribution(table: RiskTable, smallest: int) -> Columns:
    """People with and without the event by risk; each count is 0 or at least ``smallest``."""
    edges = np.linspace(0, 1, _BINS + 1)
    places = np.concatenate((np.searchsorted(table.risk, edges[:-1]), [table.risk.size]))
    binned = [
        np.diff(np.concatenate(([0], np.cumsum(column)))[places])
        for column in (table.events, table.non_events)
    ]
    starts = merged_starts(binned, smallest)
    return {
        "risk_from": edges[starts].tolist(),
        "risk_to": edges[[*starts[1:], _BINS]].tolist(),
        "with_event": np.add.reduceat(binned[0], starts).tolist(),
        "without_event": np.add.reduceat(binned[1], starts).tolist(),
    }


def threshold_rows(
    table: RiskTable, found: Measured, rows: Rows | None, smallest: int
) -> tuple[Columns, Columns, bool]:
    """Counts and measures at 99 thresholds, the decision curve, and whether counts were hidden.

    A count below ``smallest`` (and not 0) is hidden, and with it the one that the known total
    would reveal it by. A proportion of fewer than ``smallest`` people is hidden, and so is the
    net benefit where that few are at or above the threshold.
    """
    measures = ("sensitivity", "specificity", "ppv", "npv", "net_benefit")
    drawn = {} if rows is None else dict(threshold_replicates(found.replicates, ()))
    counts: Columns = {"threshold": utility.GRID.tolist()}
    for name in ("true_positive", "false_positive", "false_negative", "true_negative"):
        counts[name] = []
    for name in measures:
        counts[name], counts[f"{name}_lower"], counts[f"{name}_upper"] = [], [], []
    treat_all = [utility.net_benefit_treat_all(table, float(at)) for at in utility.GRID]
    any_hidden = False
    for threshold, at in zip(
        utility.GRID.tolist(), confusion.confusions(table, utility.GRID), strict=True
    ):
        for names in (("true_positive", "false_negative"), ("false_positive", "true_negative")):
            pair = [getattr(at, name) for name in names]
            hide = 0 not in pair and bool(hidden(pair, smallest))
            any_hidden |= hide
            for name, count in zip(names, pair, strict=True):
                counts[name].append(None if hide else count)
        flagged = at.true_positive + at.false_positive
        for name in measures:
            if name == "net_benefit":
                quantity = utility.net_benefit_of(
                    at.true_positive, at.false_positive, table.total, threshold
                )
                total = flagged or smallest
            else:
                quantity, total = at.proportion(name), at.parts[name][1]
            if total < smallest:
                quantity = Quantity("")
            elif rows is not None and quantity.value is not None:
                quantity = percentile_quantity(
                    quantity.value, drawn[name, threshold], quantity.method
                )
            counts[name].append(quantity.value)
            counts[f"{name}_lower"].append(quantity.lower)
            counts[f"{name}_upper"].append(quantity.upper)
    lower, upper = counts.pop("net_benefit_lower"), counts.pop("net_benefit_upper")
    decision: Columns = {
        "threshold": counts["threshold"],
        "net_benefit": counts["net_benefit"],
        "lower": lower,
        "upper": upper,
        "treat_all": list(treat_all),
    }
    return counts, decision, any_hidden
