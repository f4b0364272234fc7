"""Comparing detectors of pulmonary lesions on the same scans. No Django."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from portal.result import Comparison, Note
from portal.tables import LoadedTable
from portal.usecase import Progress, gettext_noop, no_progress
from usecases.comparing import Differences, Key, check_models, comparison_of, withheld
from usecases.metastasis.lung_evaluation import AT, ENGINE, READING, too_few
from usecases.metastasis.lung_protocol import LungProtocol
from usecases.metastasis.scans import Scans
from usecases.statistics import paired_detection
from usecases.statistics.disclosure import is_small
from usecases.statistics.paired_detection import Detector
from usecases.statistics.quantity import Quantity

COMPARING = gettext_noop("Comparing the models")
DONE = gettext_noop("Done")


def compare_lung(
    tables: Mapping[str, LoadedTable],
    predictions: Sequence[LoadedTable],
    protocol: LungProtocol,
    progress: Progress = no_progress,
) -> Comparison:
    """Compare detectors' marks on scans: each less the first, on the same scans.

    Parameters
    ----------
    tables : mapping
        ``cases`` and ``lesions``, as for
        :func:`usecases.metastasis.lung_evaluation.evaluate_lung`.
    predictions : sequence of LoadedTable
        The marks of each detector (case_id, x, y, z, score).
    protocol : LungProtocol
        Its subgroups take no part.
    progress : callable

    Returns
    -------
    Comparison
        Of all cases, for one that a detector did not mark was read as well; the same bytes for
        the same rows in any order.

    Raises
    ------
    Refused
        If the tables do not fit each other or the protocol; the message says what to do.
    """
    progress(READING, 0.0)
    check_models(predictions)
    scans = [
        Scans.of(
            {**tables, "predictions": table},
            matching=protocol.matching,
            tolerance=protocol.tolerance,
            most=protocol.maximum_marks,
        )
        for table in predictions
    ]
    counts = scans[0].counts(np.ones(scans[0].found.cases, dtype=bool))
    progress(COMPARING, 0.1)
    comparison = comparison_of(
        use_case="metastasis",
        task="lung-ct",
        engine=ENGINE,
        protocol=protocol,
        tables=tables,
        predictions=predictions,
        population=_population(scans[0], counts, protocol.smallest_count),
        differences=_differences(scans, predictions, counts, protocol, progress),
        warnings=_warnings(scans),
    )
    progress(DONE, 1.0)
    return comparison


def keys_of(protocol: LungProtocol) -> list[Key]:
    """What is compared, in the order in which it is shown."""
    points: list[Key] = [("sensitivity", (AT, point)) for point in protocol.operating_points]
    return [("cpm", None), *points, ("case_auroc", None)]


def _population(scans: Scans, counts: dict[str, int], smallest: int) -> dict[str, int | None]:
    hide = any(is_small(counts[key], smallest) for key in ("events", "non_events"))
    return {
        "rows": scans.found.cases,
        "patients": scans.found.cases,
        "events": None if hide else counts["events"],
        "non_events": None if hide else counts["non_events"],
        "lesions": None if hide else scans.found.lesions,
    }


def _warnings(scans: list[Scans]) -> list[Note]:
    return [
        Note(
            code="without_marks",
            message=f"Model {number} marked nothing in {one.without_marks:,} of "
            f"{one.found.cases:,} cases. They count: their lesions are missed, and such a case "
            "ranks below every case with a mark.",
            values={"model": number, "cases": one.without_marks},
        )
        for number, one in enumerate(scans, start=1)
        if one.without_marks
    ]


def _cases_that_differ(first: pl.DataFrame, second: pl.DataFrame) -> int:
    """How many cases do not have the same marks in both tables."""
    columns = [
        pl.col("case_id").cast(pl.String),
        *(pl.col(name).cast(pl.Float64) + 0.0 for name in ("x", "y", "z", "score")),
    ]
    one, other = first.select(columns), second.select(columns)
    keys = one.columns
    apart = [
        part.select("case_id")
        for part in (
            one.join(other, on=keys, how="anti"),
            other.join(one, on=keys, how="anti"),
        )
    ]
    return pl.concat(apart)["case_id"].n_unique()


def _differences(
    scans: list[Scans],
    predictions: Sequence[LoadedTable],
    counts: dict[str, int],
    protocol: LungProtocol,
    progress: Progress,
) -> Differences:
    found = Differences(keys_of(protocol))
    smallest, minimum = protocol.smallest_count, protocol.minimum_events
    first = None

    def measured(number: int) -> Detector:
        share = 0.85 / len(scans)
        return Detector.of(
            scans[number].found,
            protocol.operating_points,
            replicates=protocol.bootstrap_replicates,
            seed=protocol.seed,
            tick=lambda fraction: progress(COMPARING, 0.1 + share * (number + fraction)),
        )

    for second in range(1, len(scans)):
        if found.settled(
            second,
            differ=_cases_that_differ(predictions[0].frame, predictions[second].frame),
            fewest=smallest,
            smallest=smallest,
            reason=too_few(counts["events"], minimum, "with a lesion"),
        ):
            continue
        first = first or measured(0)
        model = measured(second)
        hidden = []
        for point in protocol.operating_points:
            quantity = paired_detection.sensitivity_difference(first, model, point)
            hidden.append(not paired_detection.may_be_told(first, model, point, smallest))
            if hidden[-1]:
                quantity = withheld(quantity.method, smallest)
            found.add(second, ("sensitivity", (AT, point)), quantity)
        quantity = paired_detection.cpm_difference(first, model)
        if all(hidden):  # the mean of one point is that point
            quantity = withheld(quantity.method, smallest)
        found.add(second, ("cpm", None), quantity)
        reason = too_few(counts["non_events"], minimum, "without a lesion")
        quantity = paired_detection.case_auroc_difference(first.found, model.found)
        if reason:
            quantity = Quantity(quantity.method, unavailable=reason)
        found.add(second, ("case_auroc", None), quantity)
    return found
