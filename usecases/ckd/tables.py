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
