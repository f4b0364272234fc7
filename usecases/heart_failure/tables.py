"""The tables of the heart failure use case."""

from __future__ import annotations

from portal.tables import Column, Kind, TableSchema
from portal.usecase import gettext_noop

DEATH = "death"
"""The type of an event that ends follow-up, in any case of letters; it is not to be detected."""

_PATIENT = Column("patient_id", Kind.IDENTIFIER, gettext_noop("Patient"))

FOLLOWUP = TableSchema(
    name="followup",
    title=gettext_noop("Follow-up"),
    columns=(
        _PATIENT,
        Column("start", Kind.DATE, gettext_noop("First day of follow-up")),
        Column("end", Kind.DATE, gettext_noop("Last day of follow-up")),
    ),
    key=("patient_id",),
    extra_columns=True,
)
"""Who was followed, and from when to when; other columns are subgroups."""

EVENTS = TableSchema(
    name="events",
    title=gettext_noop("Events"),
    columns=(
        _PATIENT,
        Column("date", Kind.DATE, gettext_noop("Day of the event")),
        Column(
            "type",
            Kind.CATEGORY,
            gettext_noop("Type of the event ('death' ends follow-up)"),
            required=False,
            examples=("hospitalisation", DEATH),
        ),
    ),
    key=("patient_id", "date", "type"),
    refers_to="followup",
    refers_by=("patient_id",),
)
"""What the alerts should come before, and deaths."""

PREDICTIONS = TableSchema(
    name="predictions",
    title=gettext_noop("Daily scores"),
    columns=(
        _PATIENT,
        Column("date", Kind.DATE, gettext_noop("Day of the score")),
        Column("score", Kind.NUMBER, gettext_noop("Score, higher for a higher risk")),
    ),
    key=("patient_id", "date"),
    refers_to="followup",
    refers_by=("patient_id",),
)
"""What a model said each day; days may be missing."""

ALERTS = TableSchema(
    name="alerts",
    title=gettext_noop("Alerts"),
    columns=(
        _PATIENT,
        Column("date", Kind.DATE, gettext_noop("Day on which the alert started")),
    ),
    key=("patient_id", "date"),
    refers_to="followup",
    refers_by=("patient_id",),
    alternative_to="predictions",
)
"""For devices that report alerts and not scores."""
