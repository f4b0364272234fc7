"""Comparing models of a yes/no outcome on the same people. No Django."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from portal.jobs.child import Refused
from portal.result import Comparison
from portal.tables import LoadedTable
from portal.usecase import Progress, gettext_noop, no_progress
from usecases.ckd.evaluation import ENGINE, READING, BinaryProtocol
from usecases.ckd.patients import Patients
from usecases.comparing import (
    Differences,
    Key,
    check_models,
    comparison_of,
    dropped_out,
    withheld,
)
from usecases.statistics import binary, paired_risks
from usecases.statistics.cuts import told_of
from usecases.statistics.disclosure import fewest_rows, is_small
from usecases.statistics.paired import gives_away
from usecases.statistics.paired_risks import Model, People
from usecases.statistics.risks import RiskTable

COMPARING = gettext_noop("Comparing the models")
DONE = gettext_noop("Done")


def compare_binary(
    tables: Mapping[str, LoadedTable],
    predictions: Sequence[LoadedTable],
    protocol: BinaryProtocol,
    progress: Progress = no_progress,
) -> Comparison:
    """Compare models' risks of a yes/no outcome: each less the first, on the same rows.

    Parameters
    ----------
    tables : mapping
        ``cohort``, as for :func:`usecases.ckd.evaluation.evaluate_binary`.
    predictions : sequence of LoadedTable
        Of each model (patient_id, optional visit, risk).
    protocol : BinaryProtocol
        Its subgroups take no part.
    progress : callable

    Returns
    -------
    Comparison
        Of the rows for which every model has a risk; the same bytes for the same rows in any
        order.

    Raises
    ------
    Refused
        If the tables do not fit each other; the message says what to do.
    """
    progress(READING, 0.0)
    check_models(predictions)
    frame, without = _matched(tables["cohort"].frame, predictions)
    patient = _numbers(frame)
    people = People(frame["outcome"].to_numpy().astype(bool), patient)
    risks = [frame[_risk(number)].to_numpy() + 0.0 for number in range(len(predictions))]
    progress(COMPARING, 0.1)
    differences = _differences(people, risks, protocol, progress)
    comparison = comparison_of(
        use_case="ckd",
        task="binary",
        engine=ENGINE,
        protocol=protocol,
        tables=tables,
        predictions=predictions,
        population={
            "rows": frame.height,
            "patients": frame["patient_id"].n_unique(),
            **_outcomes(people.happened, fewest_rows(patient, protocol.smallest_count)),
            "without_prediction": without,
        },
        differences=differences,
        warnings=dropped_out(without, frame.height, "rows of the cohort"),
    )
    progress(DONE, 1.0)
    return comparison


def keys_of(protocol: BinaryProtocol) -> list[Key]:
    """What is compared, in the order in which it is shown."""
    single: list[Key] = [(name, None) for name in paired_risks.SINGLE]
    return single + [
        (name, ("threshold", threshold))
        for name in paired_risks.AT_THRESHOLD
        for threshold in protocol.thresholds
    ]


def _risk(number: int) -> str:
    return f"\0risk {number}"


def _matched(cohort: pl.DataFrame, predictions: Sequence[LoadedTable]) -> tuple[pl.DataFrame, int]:
    """The rows with a risk of every model, by their ids, and how many have not."""
    kept = [name for name in ("patient_id", "visit", "outcome") if name in cohort.columns]
    frame = cohort.select(kept)
    for number, table in enumerate(predictions):
        matched = Patients.of(frame, table.frame).frame
        frame = matched.rename({"risk": _risk(number)})
    if not frame.height:
        raise Refused("No patient has a prediction of every model.")
    key = [name for name in kept if name != "outcome"]
    order = frame.with_columns(pl.col("patient_id").cast(pl.String)).sort(key)
    return order, cohort.height - order.height


def _numbers(frame: pl.DataFrame) -> np.ndarray | None:
    """Which patient a row is of, where any has several."""
    if frame["patient_id"].n_unique() == frame.height:
        return None
    return frame["patient_id"].rank("dense").to_numpy().astype(np.int64) - 1


def _outcomes(happened: np.ndarray, fewest: int) -> dict[str, int | None]:
    events = int(np.count_nonzero(happened))
    others = happened.size - events
    hide = is_small(events, fewest) or is_small(others, fewest)
    return {"events": None if hide else events, "non_events": None if hide else others}


def _differences(
    people: People, risks: list[np.ndarray], protocol: BinaryProtocol, progress: Progress
) -> Differences:
    found = Differences(keys_of(protocol))
    smallest = protocol.smallest_count
    settings = binary.Settings(
        thresholds=protocol.thresholds,
        minimum_events=protocol.minimum_events,
        smallest_count=smallest,
        rows_of_enough=fewest_rows(people.patient, smallest),
        replicates=protocol.bootstrap_replicates,
        seed=protocol.seed,
    )
    reasons = [binary.too_few(RiskTable.of(people.happened, risk), settings) for risk in risks]
    open_ones = [
        second
        for second in range(1, len(risks))
        if not found.settled(
            second,
            differ=int(np.count_nonzero(risks[second] != risks[0])),
            fewest=settings.fewest,
            smallest=smallest,
            reason=reasons[0] or reasons[second],
        )
    ]
    if not open_ones:
        return found
    models = paired_risks.measure(
        people,
        [risks[number] for number in (0, *open_ones)],
        protocol.thresholds,
        replicates=protocol.bootstrap_replicates,
        seed=protocol.seed,
        tick=lambda fraction: progress(COMPARING, 0.1 + 0.8 * fraction),
    )
    for second, model in zip(open_ones, models[1:], strict=True):
        for name in paired_risks.SINGLE:
            found.add(second, (name, None), paired_risks.difference(people, models[0], model, name))
        _at_thresholds(people, models[0], model, settings, found, second)
    return found


def _at_thresholds(
    people: People,
    first: Model,
    model: Model,
    settings: binary.Settings,
    found: Differences,
    second: int,
) -> None:
    """What is given at thresholds: not where it, or either result, would give few people away."""
    told = [told_of(one.table, settings.thresholds, settings.fewest) for one in (first, model)]
    for threshold in settings.thresholds:
        safe = {}
        for side, name in enumerate(paired_risks.PROPORTIONS):
            said = paired_risks.said_right(people, first, model, name, threshold)
            safe[side] = all(one[threshold][side] for one in told) and not gives_away(
                *said, settings.fewest
            )
        for name in paired_risks.AT_THRESHOLD:
            quantity = paired_risks.difference_at(people, first, model, name, threshold)
            if not all(safe[side] for side in binary.SIDES[name]):
                quantity = withheld(quantity.method, settings.smallest_count)
            found.add(second, (name, ("threshold", threshold)), quantity)
