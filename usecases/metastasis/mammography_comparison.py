"""Comparing models of breast cancer on the same exams. No Django."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from portal.jobs.child import Refused
from portal.result import Comparison
from portal.tables import LoadedTable
from portal.usecase import Progress, gettext_noop, no_progress
from usecases.comparing import (
    Differences,
    Key,
    check_models,
    comparison_of,
    dropped_out,
    withheld,
)
from usecases.metastasis.mammography_evaluation import ENGINE, READING, recalls_of, too_few
from usecases.metastasis.mammography_protocol import MammographyProtocol
from usecases.metastasis.screening import Screening
from usecases.statistics import paired_exams
from usecases.statistics.disclosure import fewest_rows, is_small
from usecases.statistics.operating_points import Exams, Point
from usecases.statistics.paired_exams import Model

COMPARING = gettext_noop("Comparing the models")
DONE = gettext_noop("Done")


def compare_mammography(
    tables: Mapping[str, LoadedTable],
    predictions: Sequence[LoadedTable],
    protocol: MammographyProtocol,
    progress: Progress = no_progress,
) -> Comparison:
    """Compare scores of breast cancer: each model less the first, on the same exams.

    Parameters
    ----------
    tables : mapping
        ``exams``, as for :func:`usecases.metastasis.mammography_evaluation.evaluate_mammography`;
        the reader takes no part.
    predictions : sequence of LoadedTable
        Of each model (exam_id, score). The protocol's thresholds are of the scale of all.
    protocol : MammographyProtocol
        Its subgroups take no part.
    progress : callable

    Returns
    -------
    Comparison
        Of the exams that every model scored; the same bytes for the same rows in any order.

    Raises
    ------
    Refused
        If the tables do not fit each other; the message says what to do.
    """
    progress(READING, 0.0)
    check_models(predictions)
    exams = tables["exams"].frame
    matched = _matched(exams, predictions)
    rows = matched[0].exams.outcome.size
    counts = matched[0].counts(np.ones(rows, dtype=bool))
    without = exams.height - rows
    models = [Exams(one.exams.outcome, one.exams.score, one.exams.woman) for one in matched]
    fewest = fewest_rows(models[0].woman if models[0].clustered else None, protocol.smallest_count)
    hide = any(is_small(counts[key], fewest) for key in ("events", "non_events"))
    shown = {key: None if hide and key != "patients" else count for key, count in counts.items()}
    progress(COMPARING, 0.1)
    comparison = comparison_of(
        use_case="metastasis",
        task="mammography",
        engine=ENGINE,
        protocol=protocol,
        tables=tables,
        predictions=predictions,
        population={"rows": rows, **shown, "without_prediction": without},
        differences=_differences(models, counts, protocol, fewest, progress),
        warnings=dropped_out(without, rows, "exams"),
    )
    progress(DONE, 1.0)
    return comparison


def points_of(protocol: MammographyProtocol) -> list[Point]:
    """Where exams are recalled."""
    return [*recalls_of(protocol), Point("sensitivity", protocol.sensitivity)]


def keys_of(protocol: MammographyProtocol) -> list[Key]:
    """What is compared, in the order in which it is shown; a share that is held is not."""
    single: list[Key] = [("auroc", None)]
    return single + [
        (name, (point.kind, point.target))
        for name in paired_exams.PROPORTIONS
        for point in points_of(protocol)
        if name != point.kind
    ]


def _matched(exams: pl.DataFrame, predictions: Sequence[LoadedTable]) -> list[Screening]:
    """The exams that every model scored, model by model, in the order of their ids."""
    text = pl.col("exam_id").cast(pl.String)
    each = [Screening.of(exams, table.frame).frame for table in predictions]
    common = each[0].select("exam_id")
    for frame in each[1:]:
        common = common.join(frame.select("exam_id"), on="exam_id", how="semi")
    if not common.height:
        raise Refused("No exam has a score of every model.")
    ids = common["exam_id"].implode()
    kept = exams.filter(text.is_in(ids))
    return [Screening.of(kept, table.frame.filter(text.is_in(ids))) for table in predictions]


def _differences(
    models: list[Exams],
    counts: dict[str, int],
    protocol: MammographyProtocol,
    fewest: int,
    progress: Progress,
) -> Differences:
    found = Differences(keys_of(protocol))
    points = points_of(protocol)
    smallest = protocol.smallest_count
    first = None

    def measured(number: int) -> Model:
        share = 0.85 / len(models)
        return Model.of(
            models[number],
            points,
            replicates=protocol.bootstrap_replicates,
            seed=protocol.seed,
            tick=lambda fraction: progress(COMPARING, 0.1 + share * (number + fraction)),
        )

    for second in range(1, len(models)):
        if found.settled(
            second,
            differ=int(np.count_nonzero(models[second].score != models[0].score)),
            fewest=fewest,
            smallest=smallest,
            reason=too_few(counts, protocol.minimum_events),
        ):
            continue
        first = first or measured(0)
        model = measured(second)
        found.add(second, ("auroc", None), paired_exams.area_difference(models[0], model.exams))
        for point in points:
            for name in paired_exams.PROPORTIONS:
                if name == point.kind:
                    continue
                quantity = paired_exams.difference(first, model, point, name)
                if not paired_exams.may_be_told(first, model, point, name, fewest):
                    quantity = withheld(quantity.method, smallest)
                found.add(second, (name, (point.kind, point.target)), quantity)
    return found
