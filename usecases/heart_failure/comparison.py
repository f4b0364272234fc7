"""Comparing alert algorithms on the same patients. No Django."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from portal.jobs.child import Refused
from portal.result import Comparison, Note
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
from usecases.heart_failure.cohort import Cohort
from usecases.heart_failure.evaluation import ENGINE, READING
from usecases.heart_failure.protocol import AlertsProtocol
from usecases.statistics import alert_measures
from usecases.statistics.alerts import DAYS_PER_YEAR, Totals, lead_times
from usecases.statistics.disclosure import is_small
from usecases.statistics.paired import bootstrap_difference
from usecases.statistics.quantity import Quantity
from usecases.statistics.ratios import patient_draws

MEASURES = ("event_sensitivity", "unexplained_alert_rate", "alert_ppv")
METHOD = "Difference of paired ratios; patient-cluster bootstrap, percentiles"
LOW = {"event_sensitivity": -1.0, "alert_ppv": -1.0}
"""The ends of the scales of differences."""

COMPARING = gettext_noop("Comparing the models")
DONE = gettext_noop("Done")


@dataclass(frozen=True)
class Model:
    """An algorithm's alerts on the patients that all have.

    Attributes
    ----------
    alerts : ndarray of int64
        Places of the alerts.
    totals : Totals
    warned : ndarray of bool, shape (events,)
        Which events an alert came before.
    """

    alerts: np.ndarray
    totals: Totals
    warned: np.ndarray


def compare_alerts(
    tables: Mapping[str, LoadedTable],
    predictions: Sequence[LoadedTable],
    protocol: AlertsProtocol,
    progress: Progress = no_progress,
) -> Comparison:
    """Compare alert algorithms: each less the first, on the same patients and events.

    Parameters
    ----------
    tables : mapping
        ``followup`` and ``events``, as for
        :func:`usecases.heart_failure.evaluation.evaluate_alerts`.
    predictions : sequence of LoadedTable
        Of each algorithm either daily scores (patient_id, date, score) or alerts (patient_id,
        date); the column tells which. The protocol's threshold is of the scale of all scores.
    protocol : AlertsProtocol
        Its subgroups take no part.
    progress : callable

    Returns
    -------
    Comparison
        Of the patients who have a score of every algorithm that gives scores; the same bytes for
        the same rows in any order. Beside given alerts, whose monitored days nobody knows, the
        rate of alerts is per year of follow-up for all.

    Raises
    ------
    Refused
        If the tables do not fit each other or the protocol; the message says what to do.
    """
    progress(READING, 0.0)
    check_models(predictions)
    followup = _followed(tables["followup"], predictions)
    without = tables["followup"].frame.height - followup.frame.height
    cohorts = [
        Cohort.of(
            {**tables, "followup": followup, _kind(table): table},
            protocol.window,
        )
        for table in predictions
    ]
    models, warnings = _models(cohorts, protocol)
    progress(COMPARING, 0.2)
    comparison = comparison_of(
        use_case="heart-failure",
        task="alerts",
        engine=ENGINE,
        protocol=protocol,
        tables=tables,
        predictions=predictions,
        population=_population(cohorts[0], models[0].totals, protocol.smallest_count, without),
        differences=_differences(cohorts[0], models, protocol, progress),
        warnings=[*dropped_out(without, followup.frame.height, "patients"), *warnings],
    )
    progress(DONE, 1.0)
    return comparison


def keys_of() -> list[Key]:
    """What is compared, in the order in which it is shown."""
    return [(name, None) for name in MEASURES]


def _kind(table: LoadedTable) -> str:
    return "predictions" if "score" in table.frame.columns else "alerts"


def _followed(followup: LoadedTable, predictions: Sequence[LoadedTable]) -> LoadedTable:
    """The follow-up of the patients who have a score of every algorithm that gives scores."""
    text = pl.col("patient_id").cast(pl.String)
    frame = followup.frame.with_columns(text)
    for table in predictions:
        if _kind(table) == "predictions":
            ids = table.frame.select(text).unique()
            frame = frame.join(ids, on="patient_id", how="semi")
    if not frame.height:
        raise Refused("No patient of followup has a score of every model.")
    return LoadedTable(frame, followup.sha256)


def _models(cohorts: list[Cohort], protocol: AlertsProtocol) -> tuple[list[Model], list[Note]]:
    measured = []
    for cohort in cohorts:
        alerts, totals = cohort.totals(protocol)
        lead = lead_times(cohort.events, alerts, protocol.window, protocol.blanking)
        measured.append(Model(alerts, totals, lead >= 0))
    kinds = {one.totals.monitored is None for one in measured}
    if len(kinds) == 1:
        return measured, []
    same = [replace(one, totals=replace(one.totals, monitored=None)) for one in measured]
    return same, [
        Note(
            code="rates_of_followup",
            message="Some models give daily scores and others alerts, for which the monitored "
            "days are not known: the rates of alerts are per year of follow-up for all of them.",
        )
    ]


def _population(
    cohort: Cohort, totals: Totals, smallest: int, without: int
) -> dict[str, int | float | None]:
    having = int(np.count_nonzero(totals.events))
    hide = is_small(having, smallest)
    return {
        "rows": cohort.patients,
        "patients": cohort.patients,
        "patients_with_event": None if hide else having,
        "events": None if hide else int(totals.events.sum()),
        "patient_years": float(totals.days.sum() / DAYS_PER_YEAR),
        "without_prediction": without,
    }


def _differences(
    cohort: Cohort, models: list[Model], protocol: AlertsProtocol, progress: Progress
) -> Differences:
    found = Differences(keys_of())
    smallest = protocol.smallest_count
    settings = alert_measures.Settings(
        minimum_events=protocol.minimum_events,
        smallest_count=smallest,
        replicates=protocol.bootstrap_replicates,
        seed=protocol.seed,
    )
    ratios = [alert_measures.ratios_of(model.totals) for model in models]
    drawn = _replicates(
        [[one[name] for name in MEASURES] for one in ratios],
        cohort.patients,
        settings,
        progress,
    )
    reasons = [alert_measures.reasons_of(model.totals, settings) for model in models]
    few = None
    if cohort.patients < smallest:
        few = reasons[0]["event_sensitivity"]
    for second in range(1, len(models)):
        first, model = models[0], models[second]
        if found.settled(
            second,
            differ=_patients_that_differ(cohort, first, model),
            fewest=smallest,
            smallest=smallest,
            reason=few,
        ):
            continue
        for place, name in enumerate(MEASURES):
            why = reasons[0].get(name) or reasons[second].get(name)
            quantity = Quantity(METHOD, unavailable=why)
            if why is None:
                values = [ratios[number][name].value for number in (0, second)]
                quantity = bootstrap_difference(
                    values[1] - values[0],
                    drawn[0][:, place],
                    drawn[second][:, place],
                    METHOD,
                    low=LOW.get(name, -np.inf),
                )
                if name == "event_sensitivity" and _gives_away(cohort, first, model, smallest):
                    quantity = withheld(METHOD, smallest)
            found.add(second, (name, None), quantity)
    return found


def _replicates(
    ratios: list[list[alert_measures.Ratio]],
    patients: int,
    settings: alert_measures.Settings,
    progress: Progress,
) -> list[np.ndarray]:
    """Ratios of each model by replicate and measure, of the same draws of patients."""
    flat = [ratio for own in ratios for ratio in own]
    table = np.stack([part for ratio in flat for part in (ratio.above, ratio.below)], axis=1)
    # Whole numbers: their sums are exact, in whatever order they are made.
    table = table.astype(np.int64)
    sums = np.zeros((settings.replicates, table.shape[1]), dtype=np.int64)
    draws = patient_draws(patients, settings.replicates, settings.seed)
    for index, times in enumerate(draws):
        sums[index] = times @ table
        if index % 100 == 0:
            progress(COMPARING, 0.2 + 0.75 * index / settings.replicates)
    scales = np.asarray([ratio.scale for ratio in flat])
    with np.errstate(divide="ignore", invalid="ignore"):
        values = sums[:, ::2] / (sums[:, 1::2] * scales)
    return np.split(values, len(ratios), axis=1)


def _patients_that_differ(cohort: Cohort, first: Model, second: Model) -> int:
    """How many patients have not the same alerts, or not the same days in which to have them."""
    differ = first.totals.at_risk != second.totals.at_risk
    differ[cohort.calendar.patient(np.setxor1d(first.alerts, second.alerts))] = True
    return int(np.count_nonzero(differ))


def _gives_away(cohort: Cohort, first: Model, second: Model, smallest: int) -> bool:
    """Whether few patients have events that both, either one alone, or neither warned of."""
    said = 2 * first.warned.astype(np.int64) + second.warned
    patients = cohort.event_patient
    return any(is_small(np.unique(patients[said == cell]).size, smallest) for cell in range(4))
