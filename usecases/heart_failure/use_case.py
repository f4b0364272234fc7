"""Heart failure: the question, the task and its measures in words."""

from __future__ import annotations

from functools import partial

from portal.usecase import Measure, Task, UseCase, gettext_noop
from usecases.estimates import pooled_over
from usecases.heart_failure.cases import PATIENTS
from usecases.heart_failure.comparison import compare_alerts
from usecases.heart_failure.evaluation import ENGINE, POOLED, evaluate_alerts
from usecases.heart_failure.explorers import BURDEN
from usecases.heart_failure.figures import FIGURES
from usecases.heart_failure.findings import find
from usecases.heart_failure.overlays import OVERLAYS
from usecases.heart_failure.protocol import AlertsProtocol
from usecases.heart_failure.tables import ALERTS, EVENTS, FOLLOWUP, PREDICTIONS

MEASURES = (
    Measure(
        "event_sensitivity",
        gettext_noop("Events warned of"),
        gettext_noop("The share of the events with an alert in the days before them."),
        low=0,
        high=1,
        digits=1,
        percent=True,
    ),
    Measure(
        "unexplained_alert_rate",
        gettext_noop("Unexplained alerts, yearly"),
        gettext_noop(
            "Alerts of a patient in a year that no event follows: the work for nothing that the "
            "algorithm makes."
        ),
        low=0,
        digits=2,
    ),
    Measure(
        "alert_rate",
        gettext_noop("All alerts, yearly"),
        gettext_noop("Alerts of a patient in a year, whether an event follows or not."),
        low=0,
        digits=2,
    ),
    Measure(
        "alert_ppv",
        gettext_noop("Alerts with event"),
        gettext_noop("The share of the alerts that an event follows: their predictive value."),
        low=0,
        high=1,
        digits=1,
        percent=True,
    ),
    Measure(
        "lead_time_median",
        gettext_noop("Days of warning"),
        gettext_noop(
            "From the first alert before an event to the event: half of the warnings come this "
            "many days ahead or more."
        ),
        low=0,
        digits=0,
    ),
    Measure(
        "lead_time_q25",
        gettext_noop("Days, lower quartile"),
        gettext_noop("Three in four warnings come this many days ahead or more."),
        low=0,
        digits=0,
    ),
    Measure(
        "lead_time_q75",
        gettext_noop("Days, upper quartile"),
        gettext_noop("One in four warnings comes this many days ahead or more."),
        low=0,
        digits=0,
    ),
    Measure(
        "time_in_alert",
        gettext_noop("Time in alert"),
        gettext_noop("The share of the monitored days on which a patient is in alert."),
        low=0,
        high=1,
        digits=1,
        percent=True,
    ),
    Measure(
        "event_rate",
        gettext_noop("Events, yearly"),
        gettext_noop(
            "Events of a patient in a year of follow-up: how ill the patients are, whatever the "
            "algorithm."
        ),
        low=0,
        digits=2,
    ),
)

ALERTS_TASK = Task(
    slug="alerts",
    title=gettext_noop("Alerts before events"),
    summary=gettext_noop(
        "Compares the alerts of remote monitoring with what happened to the patients: how many "
        "events they come before, how early, and how many alerts come for nothing."
    ),
    tables=(FOLLOWUP, EVENTS, PREDICTIONS, ALERTS),
    protocol=AlertsProtocol,
    evaluate=evaluate_alerts,
    measures=MEASURES,
    headline=("event_sensitivity", "unexplained_alert_rate", "alert_ppv", "lead_time_median"),
    figures=FIGURES,
    curves={
        "free_response": gettext_noop("Free-response curve"),
        "burden": gettext_noop("What each alert burden leads to"),
        "lead_time": gettext_noop("Days of warning"),
        "mean_cumulative_events": gettext_noop("Mean number of events over time"),
    },
    find=find,
    engine=ENGINE,
    compare=compare_alerts,
    pool=partial(pooled_over, scales=POOLED),
    cases=PATIENTS,
    explorer=BURDEN,
    overlays=OVERLAYS,
    population=gettext_noop("{patients} patients, {patient_years} patient-years, {events} events"),
)

USE_CASE = UseCase(
    slug="heart-failure",
    title=gettext_noop("Heart failure"),
    short_title=gettext_noop("Heart failure"),
    question=gettext_noop(
        "Do alerts from pacemaker data come early enough to prevent a hospital stay, and how "
        "many come for nothing?"
    ),
    lead="Implicity",
    colour="brick",
    tasks=(ALERTS_TASK,),
)
