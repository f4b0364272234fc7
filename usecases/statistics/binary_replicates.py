"""Replicates of the measures of predicted risks: people, or patients with their rows, redrawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from usecases.statistics import calibration, confusion, discrimination, resampling, utility
from usecases.statistics.regression import fit_logistic_rows
from usecases.statistics.resampling import Clusters
from usecases.statistics.risks import RiskTable
from usecases.statistics.smoothing import Smoother, calibration_errors

if TYPE_CHECKING:
    from usecases.statistics.binary import Measured, Rows, Settings


def draw_people(
    table: RiskTable,
    grouped: RiskTable,
    found: Measured,
    settings: Settings,
    tick: Callable[[float], None],
) -> dict[str, np.ndarray]:
    """Replicates of average precision (people of each outcome), smoother and errors (people)."""
    drawn: dict[str, list[np.ndarray]] = defaultdict(list)
    total = -(-settings.replicates // resampling.CHUNK)
    within = resampling.replicates_of_people(
        grouped, settings.replicates, settings.seed, within_outcome=True
    )
    for index, (events, non_events) in enumerate(within):
        drawn["average_precision"].append(
            discrimination.average_precision_of_counts(events, non_events)
        )
        tick(0.2 + 0.3 * (index + 1) / total)
    if found.smoother is not None:
        people = resampling.replicates_of_people(grouped, settings.replicates, settings.seed)
        for index, (events, non_events) in enumerate(people):
            _smooth(grouped, found.smoother, events, non_events, drawn)
            tick(0.5 + 0.5 * (index + 1) / total)
    return {name: np.concatenate(parts) for name, parts in drawn.items()}


def draw_patients(
    table: RiskTable,
    starts: np.ndarray,
    grouped: RiskTable,
    tenth: np.ndarray,
    rows: Rows,
    found: Measured,
    settings: Settings,
    tick: Callable[[float], None],
) -> dict[str, np.ndarray]:
    """Replicates of every measure, each drawing patients with all their rows.

    ``tenth`` holds where groups of the calibration curve start among the groups of risks.
    """
    drawn: dict[str, list[np.ndarray]] = defaultdict(list)
    group = np.searchsorted(table.risk[starts], rows.risk, side="right") - 1
    clusters = Clusters(rows.patient, group, rows.happened)
    at = np.concatenate((utility.GRID, settings.thresholds))
    places = np.searchsorted(starts, np.searchsorted(table.risk, at))
    design = np.column_stack((np.ones(grouped.risk.size), grouped.linear_predictor))
    total = -(-settings.replicates // resampling.CHUNK)
    chunks = resampling.replicates_of_clusters(
        clusters, grouped.risk.size, settings.replicates, settings.seed
    )
    for index, (events, non_events) in enumerate(chunks):
        append_measures(grouped.risk, events, non_events, drawn)
        offset = grouped.linear_predictor
        drawn["calibration_in_the_large"].append(
            fit_logistic_rows(design[:, :1], events, non_events, offset=offset)[:, 0]
        )
        line = fit_logistic_rows(design, events, non_events, start=np.asarray([0.0, 1.0]))
        drawn["calibration_intercept"].append(line[:, 0])
        drawn["calibration_slope"].append(line[:, 1])
        for name, column in (("true", events), ("false", non_events)):
            above = np.cumsum(column[:, ::-1], axis=1)[:, ::-1]
            above = np.column_stack((above, np.zeros(len(above), dtype=above.dtype)))
            drawn[f"{name}_positive"].append(above[:, places])
        drawn["events"].append(events.sum(axis=1))
        drawn["non_events"].append(non_events.sum(axis=1))
        tenth_events = np.add.reduceat(events, tenth, axis=1)
        tenth_people = tenth_events + np.add.reduceat(non_events, tenth, axis=1)
        drawn["tenths"].append(
            np.divide(
                tenth_events,
                tenth_people,
                out=np.full(tenth_events.shape, np.nan),
                where=tenth_people > 0,
            )
        )
        if found.smoother is not None:
            _smooth(grouped, found.smoother, events, non_events, drawn)
        tick(0.2 + 0.8 * (index + 1) / total)
    return {name: np.concatenate(parts) for name, parts in drawn.items()}


def append_measures(
    risk: np.ndarray,
    events: np.ndarray,
    non_events: np.ndarray,
    drawn: dict[str, list[np.ndarray]],
) -> None:
    """Append the measures of each row of counts that need no regression."""
    total = events.sum(axis=1), non_events.sum(axis=1)
    share = total[0] / (total[0] + total[1])
    worst = share * (1 - share)
    score = calibration.brier_of_counts(risk, events, non_events)
    drawn["brier"].append(score)
    drawn["scaled_brier"].append(
        1 - np.divide(score, worst, out=np.full(score.shape, np.nan), where=worst > 0)
    )
    drawn["auroc"].append(discrimination.auroc_of_counts(events, non_events))
    drawn["average_precision"].append(
        discrimination.average_precision_of_counts(events, non_events)
    )
    drawn["observed_expected_ratio"].append(
        calibration.observed_expected_of_counts(risk, events, non_events)
    )


def _smooth(
    grouped: RiskTable,
    smoother: Smoother,
    events: np.ndarray,
    non_events: np.ndarray,
    drawn: dict[str, list[np.ndarray]],
) -> None:
    """Append the smoother's coefficients, and the calibration errors, of each row of counts."""
    design = smoother.design(grouped.linear_predictor)
    coefficients = fit_logistic_rows(design, events, non_events, start=smoother.coefficients)
    with np.errstate(invalid="ignore"):
        distance = np.abs(smoother.observed_rows(design, coefficients) - grouped.risk)
    lost = ~np.all(np.isfinite(coefficients), axis=1)
    errors = calibration_errors(np.where(lost[:, np.newaxis], 0.0, distance), events + non_events)
    errors[lost] = np.nan
    drawn["coefficients"].append(coefficients)
    drawn["errors"].append(errors)


def threshold_replicates(
    draws: dict[str, np.ndarray], thresholds: tuple[float, ...]
) -> Iterator[tuple[tuple[str, float], np.ndarray]]:
    """Replicates of each measure at the protocol's thresholds and at those of the grid."""
    events, non_events = draws["events"], draws["non_events"]
    for column, threshold in enumerate((*utility.GRID, *thresholds)):
        true, false = draws["true_positive"][:, column], draws["false_positive"][:, column]
        odds = threshold / (1 - threshold)
        yield ("net_benefit", float(threshold)), (true - odds * false) / (events + non_events)
        proportions = confusion.proportions_of_counts(true, false, events, non_events)
        for name, values in proportions.items():
            yield (name, float(threshold)), values
