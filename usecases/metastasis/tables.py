"""The tables of the metastasis use case."""

from __future__ import annotations

from portal.tables import Column, Kind, TableSchema
from portal.usecase import gettext_noop

_CASE = Column("case_id", Kind.IDENTIFIER, gettext_noop("Case (scan)"))
_POSITION = tuple(
    Column(axis, Kind.NUMBER, label, unit="mm")
    for axis, label in (
        ("x", gettext_noop("Position, x (world)")),
        ("y", gettext_noop("Position, y (world)")),
        ("z", gettext_noop("Position, z (world)")),
    )
)

CASES = TableSchema(
    name="cases",
    title=gettext_noop("Cases"),
    columns=(_CASE,),
    key=("case_id",),
    extra_columns=True,
)
"""Every scan that was read, those without a lesion too; other columns are subgroups."""

LESIONS = TableSchema(
    name="lesions",
    title=gettext_noop("Lesions"),
    columns=(
        _CASE,
        Column("lesion_id", Kind.IDENTIFIER, gettext_noop("Lesion")),
        *_POSITION,
        Column(
            "diameter_mm",
            Kind.NUMBER,
            gettext_noop("Diameter; -1 or empty where it is not known"),
            unit="mm",
            nullable=True,
            minimum=-1,
        ),
        Column(
            "excluded",
            Kind.BOOLEAN,
            gettext_noop("Finding that is neither to be found nor held against a detector"),
            required=False,
        ),
    ),
    key=("case_id", "lesion_id"),
    refers_to="cases",
)
"""What there is to find, and the findings that do not count."""

MARKS = TableSchema(
    name="predictions",
    title=gettext_noop("Marks"),
    columns=(
        _CASE,
        *_POSITION,
        Column("score", Kind.NUMBER, gettext_noop("Score, higher is more suspicious")),
    ),
    key=("case_id", "x", "y", "z"),
    refers_to="cases",
)
"""Where a detector put marks, and how sure it was."""

EXAMS = TableSchema(
    name="exams",
    title=gettext_noop("Exams"),
    columns=(
        Column("exam_id", Kind.IDENTIFIER, gettext_noop("Exam")),
        Column("patient_id", Kind.IDENTIFIER, gettext_noop("Woman; she may have several exams")),
        Column(
            "outcome",
            Kind.INTEGER,
            gettext_noop("Cancer (1: it was found in the exam or later, 0: it was not)"),
            allowed=(0, 1),
            every_allowed=True,
        ),
        Column(
            "reader_recall",
            Kind.INTEGER,
            gettext_noop("Recall by the reader (1: recalled, 0: not)"),
            allowed=(0, 1),
            required=False,
        ),
    ),
    key=("exam_id",),
    extra_columns=True,
)
"""Every exam, what came of it, and what the reader did; other columns are subgroups."""

SCORES = TableSchema(
    name="predictions",
    title=gettext_noop("Scores"),
    columns=(
        Column("exam_id", Kind.IDENTIFIER, gettext_noop("Exam")),
        Column("score", Kind.NUMBER, gettext_noop("Score, higher is more suspicious")),
    ),
    key=("exam_id",),
    refers_to="exams",
)
"""What a model said about each exam."""
