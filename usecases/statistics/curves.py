"""The curves of predicted risks of a yes/no outcome, as columns to draw and to download."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy import special

from usecases.statistics import confusion, utility
from usecases.statistics.binary import Measured, Rows
from usecases.statistics.binary_replicates import threshold_replicates
from usecases.statistics.cuts import MOST_POINTS as MOST_POINTS
from usecases.statistics.cuts import Cuts
from usecases.statistics.disclosure import merged_starts
from usecases.statistics.quantity import percentile_quantity, wilson_quantity
from usecases.statistics.risks import RiskTable
from usecases.statistics.utility import GRID

CELLS = ("true_positive", "false_positive", "false_negative", "true_negative")
_SMOOTH_POINTS = 100
_BINS = 50

Columns = dict[str, list[Any]]
"""Columns of equal length, of numbers or None."""


def ranking_points(table: RiskTable, cuts: Cuts) -> tuple[Columns, Columns]:
    """The ROC curve and the precision-recall curve, exact at the points that are kept.

    A threshold lies halfway to the next lower risk, so that it is nobody's own.
    """
    at = risks_between(table, cuts.ranking)
    at = np.concatenate((at, [0.0]))
    true, false = table.at_or_above(at)
    thresholds = at.tolist()
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


def risks_between(table: RiskTable, starts: np.ndarray) -> np.ndarray:
    """The risk halfway between each of the distinct risks ``starts`` and the one below it."""
    return (table.risk[starts] + table.risk[starts - 1]) / 2


def smoothed_calibration(table: RiskTable, found: Measured, smallest: int) -> Columns | None:
    """Observed against predicted risk with a pointwise bootstrap band.

    It runs from the mean risk of the ``2 * smallest`` people at lowest risk to that of those at
    highest, at points spread evenly both over the risks and over the people. No point is the
    risk of one person: those over the people are means of neighbours.
    """
    if found.smoother is None:
        return None
    few = min(2 * smallest, table.total)
    low, _, high = _mean_risks(table, np.asarray([0, few, table.total - few, table.total]))
    pieces = max(1, min(_SMOOTH_POINTS // 2, table.total // few))
    means = _mean_risks(table, np.linspace(0, table.total, pieces + 1).astype(np.int64))
    if not low < high:
        return None
    points = np.round(np.concatenate((np.linspace(low, high, _SMOOTH_POINTS // 2), means)), 4)
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


def calibration_groups(table: RiskTable, found: Measured, rows: Rows | None) -> Columns:
    """Mean risk and observed share in tenths of the people by risk.

    Tenths are merged until each has no people of an outcome, or enough.
    """
    starts = _cuts_of(found).tenths
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


def risk_distribution(
    table: RiskTable, smallest: int, cuts: Cuts, side: Literal["left", "right"] = "left"
) -> Columns:
    """People with and without the event by risk; each count is 0 or at least ``smallest``.

    Parameters
    ----------
    table : RiskTable
    smallest : int
    cuts : Cuts
        Bins end only where these tell of the people above.
    side : {"left", "right"}
        Whether a risk equal to the end of a bin belongs to the next ("left") or not.
    """
    edges = np.round(np.linspace(0, 1, _BINS + 1), 2)
    edges = np.concatenate(([0.0], edges[1:-1][np.isin(edges[1:-1], GRID[cuts.grid])], [1.0]))
    ends = np.searchsorted(table.risk, edges[1:-1], side=side)
    places = np.concatenate(([0], ends, [table.risk.size]))
    binned = [
        np.diff(np.concatenate(([0], np.cumsum(column)))[places])
        for column in (table.events, table.non_events)
    ]
    starts = merged_starts(binned, smallest)
    return {
        "risk_from": edges[starts].tolist(),
        "risk_to": edges[[*starts[1:], edges.size - 1]].tolist(),
        "with_event": np.add.reduceat(binned[0], starts).tolist(),
        "without_event": np.add.reduceat(binned[1], starts).tolist(),
    }


def threshold_rows(table: RiskTable, found: Measured, rows: Rows | None) -> tuple[Columns, Columns]:
    """Counts and measures at thresholds, and the decision curve.

    Of the grid's 99 thresholds, those that the cuts tell of: at each, and between any two, no
    people of an outcome or enough.
    """
    measures = ("sensitivity", "specificity", "ppv", "npv", "net_benefit")
    drawn = {} if rows is None else dict(threshold_replicates(found.replicates, ()))
    grid = GRID[_cuts_of(found).grid]
    counts: Columns = {"threshold": grid.tolist()}
    for name in CELLS:
        counts[name] = []
    for name in measures:
        counts[name], counts[f"{name}_lower"], counts[f"{name}_upper"] = [], [], []
    treat_all = [utility.net_benefit_treat_all(table, at) for at in grid.tolist()]
    for threshold, at in zip(grid.tolist(), confusion.confusions(table, grid), strict=True):
        for name in CELLS:
            counts[name].append(getattr(at, name))
        for name in measures:
            quantity = (
                utility.net_benefit_of(at.true_positive, at.false_positive, table.total, threshold)
                if name == "net_benefit"
                else at.proportion(name)
            )
            if rows is not None and quantity.value is not None:
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
    return counts, decision


def _cuts_of(found: Measured) -> Cuts:
    if found.cuts is None:
        raise ValueError("Curves need measures that were taken with_curves.")
    return found.cuts


def _mean_risks(table: RiskTable, edges: np.ndarray) -> np.ndarray:
    """Mean risk of the people from each of ``edges`` to the next, counted by ascending risk."""
    running = np.concatenate(([0], np.cumsum(table.people)))
    sums = np.concatenate(([0.0], np.cumsum(table.people * table.risk)))
    place = np.clip(np.searchsorted(running, edges, side="right") - 1, 0, table.risk.size - 1)
    reached = sums[place] + (edges - running[place]) * table.risk[place]
    people = np.diff(edges)
    return np.diff(reached) / np.maximum(people, 1)
