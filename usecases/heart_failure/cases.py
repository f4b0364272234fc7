"""What happened to each patient, for people of the data's holder. No Django."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from portal.tables import LoadedTable
from portal.usecase import CaseColumn, CaseView, gettext_noop
from usecases.heart_failure.cohort import Cohort
from usecases.heart_failure.protocol import AlertsProtocol
from usecases.heart_failure.timeline import draw_timeline
from usecases.statistics.alerts import DAYS_PER_YEAR


def tabulate_patients(tables: Mapping[str, LoadedTable], protocol: AlertsProtocol) -> pl.DataFrame:
    """One row a patient who takes part in the evaluation, by their ids.

    Parameters
    ----------
    tables : mapping
        As for :func:`usecases.heart_failure.evaluation.evaluate_alerts`.
    protocol : AlertsProtocol

    Returns
    -------
    DataFrame
        The sums of its columns are the totals of the Result. Time in alert is a share of the
        monitored days; missing where there are none, and where alerts were given and not scores.
    """
    cohort = Cohort.of(tables, protocol.window)
    _alerts, totals = cohort.totals(protocol)
    in_alert = np.full(cohort.patients, np.nan)
    if totals.monitored is not None and totals.in_alert is not None:
        np.divide(totals.in_alert, totals.monitored, out=in_alert, where=totals.monitored > 0)
    return pl.DataFrame(
        {
            "patient_id": cohort.frame["patient_id"],
            "years": totals.days / DAYS_PER_YEAR,
            "events": totals.events,
            "detected": totals.detected,
            "alerts": totals.alerts,
            "unexplained": totals.unexplained,
            "time_in_alert": pl.Series(in_alert).fill_nan(None),
        }
    )


PATIENTS = CaseView(
    title=gettext_noop("Patient by patient"),
    explanation=gettext_noop(
        "Each patient who takes part: the events that happened, those that an alert came before, "
        "and the alerts that no event followed, at the protocol's threshold."
    ),
    columns=(
        CaseColumn("patient_id", gettext_noop("Patient")),
        CaseColumn("years", gettext_noop("Years followed"), "number:2"),
        CaseColumn("events", gettext_noop("Events"), "count"),
        CaseColumn("detected", gettext_noop("Warned of"), "count"),
        CaseColumn("alerts", gettext_noop("Alerts"), "count"),
        CaseColumn("unexplained", gettext_noop("Alerts without event"), "count"),
        CaseColumn("time_in_alert", gettext_noop("Time in alert"), "percent:1"),
    ),
    tabulate=tabulate_patients,
    draw=draw_timeline,
    question=gettext_noop("When did alerts come, and what followed them?"),
)
"""Rows of patients, and the timeline of each."""
