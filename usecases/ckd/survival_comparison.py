"""Comparing models of a risk by a horizon on the same people. No Django."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from portal.jobs.child import Refused
from portal.result import Comparison
from portal.tables import LoadedTable
from portal.usecase import Progress, gettext_noop, no_progress
from usecases.ckd.survival_evaluation import ENGINE, READING, SurvivalProtocol
from usecases.comparing import (
    Differences,
    Key,
    check_models,
    comparison_of,
    dropped_out,
    withheld,
)
from usecases.statistics import paired_survival, survival_cuts
from usecases.statistics.paired import gives_away
from usecases.statistics.paired_survival import Model
from usecases.statistics.quantity import Quantity
from usecases.statistics.survival import FollowUp
from usecases.statistics.survival_measures import Settings, few_at_a_risk, too_few

COMPARING = gettext_noop("Comparing the models")
DONE = gettext_noop("Done")


def compare_survival(
    tables: Mapping[str, LoadedTable],
    predictions: Sequence[LoadedTable],
    protocol: SurvivalProtocol,
    progress: Progress = no_progress,
) -> Comparison:
    """Compare models' risks by a horizon: each less the first, on the same patients.

    Parameters
    ----------
    tables : mapping
        ``cohort``, as for :func:`usecases.ckd.survival_evaluation.evaluate_survival`.
    predictions : sequence of LoadedTable
        Of each model (patient_id, risk).
    protocol : SurvivalProtocol
        Its subgroups take no part, nor do its bootstraps.
    progress : callable

    Returns
    -------
    Comparison
        Of the patients for whom every model has a risk; the same bytes for the same rows in any
        order.

    Raises
    ------
    Refused
        If nobody has a risk of every model, or there is one model only.
    """
    progress(READING, 0.0)
    check_models(predictions)
    frame = _matched(tables["cohort"].frame, predictions)
    without = tables["cohort"].frame.height - frame.height
    time, event = frame["time"].to_numpy(), frame["event"].to_numpy()
    risks = [frame[_risk(number)].to_numpy() + 0.0 for number in range(len(predictions))]
    follows = [FollowUp.of(time, event, risk, protocol.horizon) for risk in risks]
    progress(COMPARING, 0.1)
    differences = _differences(follows, risks, protocol, progress)
    comparison = comparison_of(
        use_case="ckd",
        task="survival",
        engine=ENGINE,
        protocol=protocol,
        tables=tables,
        predictions=predictions,
        population={
            "rows": frame.height,
            "patients": frame.height,
            **_outcomes(follows[0], protocol.smallest_count),
            "without_prediction": without,
        },
        differences=differences,
        warnings=dropped_out(without, frame.height, "rows of the cohort"),
    )
    progress(DONE, 1.0)
    return comparison


def keys_of(protocol: SurvivalProtocol) -> list[Key]:
    """What is compared, in the order in which it is shown."""
    single: list[Key] = [(name, None) for name in paired_survival.SINGLE]
    return single + [("net_benefit", ("threshold", at)) for at in protocol.thresholds]


def _risk(number: int) -> str:
    return f"\0risk {number}"


def _matched(cohort: pl.DataFrame, predictions: Sequence[LoadedTable]) -> pl.DataFrame:
    """The patients with a risk of every model, by their ids."""
    text = pl.col("patient_id").cast(pl.String)
    frame = cohort.select(text, "time", "event")
    for number, table in enumerate(predictions):
        risk = pl.col("risk").cast(pl.Float64).alias(_risk(number))
        frame = frame.join(table.frame.select(text, risk), on="patient_id")
    if not frame.height:
        raise Refused("No patient has a prediction of every model.")
    return frame.sort("patient_id")


def _outcomes(follow: FollowUp, smallest: int) -> dict[str, int | None]:
    """How many have the event and how many have not, hidden where a Result hides them."""
    hide = survival_cuts.EVENTS in survival_cuts.hidden_ends(follow, smallest)
    events = follow.total_events
    return {
        "events": None if hide else events,
        "non_events": None if hide else follow.people - events,
    }


def _differences(
    follows: list[FollowUp],
    risks: list[np.ndarray],
    protocol: SurvivalProtocol,
    progress: Progress,
) -> Differences:
    found = Differences(keys_of(protocol))
    settings = Settings(
        thresholds=protocol.thresholds,
        minimum_events=protocol.minimum_events,
        smallest_count=protocol.smallest_count,
        replicates=protocol.bootstrap_replicates,
        seed=protocol.seed,
    )
    few = too_few(follows[0], settings.least)
    reasons = [few or few_at_a_risk(follow, settings) for follow in follows]
    steps = iter(np.linspace(0.1, 0.95, 2 * len(risks) + 1).tolist())

    def measured(number: int) -> Model:
        return Model.of(
            follows[number], protocol.thresholds, lambda: progress(COMPARING, next(steps))
        )

    first = None
    for second in range(1, len(risks)):
        if found.settled(
            second,
            differ=int(np.count_nonzero(risks[second] != risks[0])),
            fewest=settings.smallest_count,
            smallest=settings.smallest_count,
            reason=reasons[0] or reasons[second],
        ):
            continue
        first = first or measured(0)
        model = measured(second)
        reason = too_few(follows[0].deaths_censored, settings.least)
        for name in paired_survival.SINGLE:
            quantity = paired_survival.difference(first, model, name)
            if reason and name in paired_survival.DEATHS_CENSORED:
                quantity = Quantity(quantity.method, unavailable=reason)
            found.add(second, (name, None), quantity)
        told = _told((follows[0], follows[second]), (first, model), settings)
        for threshold in protocol.thresholds:
            quantity = paired_survival.net_benefit_difference(first, model, threshold)
            if not told[threshold]:
                quantity = withheld(quantity.method, settings.smallest_count)
            found.add(second, ("net_benefit", ("threshold", threshold)), quantity)
    return found


def _told(
    follows: tuple[FollowUp, FollowUp], models: tuple[Model, Model], settings: Settings
) -> dict[float, bool]:
    """At which thresholds neither either model nor both beside each other give few people away."""
    smallest = settings.smallest_count
    each = []
    for follow in follows:
        above, deaths = (
            survival_cuts.above_of(follow, masks, smallest)
            for masks in (survival_cuts.kinds(follow), [survival_cuts.died(follow)])
        )
        table = survival_cuts.counted(follow)
        each.append(survival_cuts.told_of(table, above, deaths, settings.thresholds, None))
    kinds = [paired_survival.in_order(follows[0], of) for of in survival_cuts.kinds(follows[0])]
    return {
        threshold: all(one[threshold][0] for one in each)
        and not any(
            gives_away(models[0].above[threshold][of], models[1].above[threshold][of], smallest)
            for of in kinds
        )
        for threshold in settings.thresholds
    }
