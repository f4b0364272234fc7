"""The tables of the kidney use case."""

from __future__ import annotations

from portal.tables import Column, Kind, TableSchema
from portal.usecase import gettext_noop

_PATIENT = Column("patient_id", Kind.IDENTIFIER, gettext_noop("Patient"))
_VISIT = Column(
    "visit",
    Kind.IDENTIFIER,
    gettext_noop("Visit, where a patient has several rows"),
    required=False,
)

COHORT_BINARY = TableSchema(
    name="cohort",
    title=gettext_noop("Cohort"),
    columns=(
        _PATIENT,
        _VISIT,
        Column(
            "outcome",
            Kind.INTEGER,
            gettext_noop("Outcome (1: it happened, 0: it did not)"),
            allowed=(0, 1),
            every_allowed=True,
        ),
    ),
    key=("patient_id", "visit"),
    extra_columns=True,
)
"""Who was followed and what happened; other columns are subgroups or inputs of a model."""

PREDICTIONS_BINARY = TableSchema(
    name="predictions",
    title=gettext_noop("Predictions"),
    columns=(
        _PATIENT,
        _VISIT,
        Column(
            "risk",
            Kind.NUMBER,
            gettext_noop("Predicted risk of the outcome"),
            unit=gettext_noop("probability"),
            minimum=0,
            maximum=1,
        ),
    ),
    key=("patient_id", "visit"),
    refers_to="cohort",
)
"""What a model said about each of them."""

COHORT_SURVIVAL = TableSchema(
    name="cohort",
    title=gettext_noop("Cohort"),
    columns=(
        _PATIENT,
        Column(
            "time",
            Kind.NUMBER,
            gettext_noop("Time to the event, to death, or to the end of follow-up"),
            unit=gettext_noop("years"),
            minimum=0,
            exclusive_minimum=True,
        ),
        Column(
            "event",
            Kind.INTEGER,
            gettext_noop("What ended it (0: follow-up, 1: kidney failure, 2: death before it)"),
            allowed=(0, 1, 2),
        ),
    ),
    key=("patient_id",),
    extra_columns=True,
)
"""Who was followed, how long, and what ended it; other columns as for a yes/no outcome."""

PREDICTIONS_SURVIVAL = TableSchema(
    name="predictions",
    title=gettext_noop("Predictions"),
    columns=(
        _PATIENT,
        Column(
            "risk",
            Kind.NUMBER,
            gettext_noop("Predicted risk of the event by the horizon"),
            unit=gettext_noop("probability"),
            minimum=0,
            maximum=1,
        ),
    ),
    key=("patient_id",),
    refers_to="cohort",
)
"""What a model said about each of them."""
