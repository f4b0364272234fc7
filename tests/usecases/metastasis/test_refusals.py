"""What whoever submitted is told where tables are refused: the rule, and nothing of any case."""

from __future__ import annotations

import polars as pl
import pytest

from portal.jobs.child import Refused
from tests.usecases.metastasis.simulation import exams, lung, mammography, scans


def evaluate(case: str) -> None:
    """Evaluate tables of which one row, of case c7 or exam e7, breaks a rule."""
    tables, screened = scans(), exams()
    if case in ("lesions", "predictions"):
        stranger = pl.col("case_id").replace("c7", "c999")
        lung({**tables, case: tables[case].with_columns(stranger)})
    elif case == "diameters":
        lost = pl.when(pl.col("case_id") == "c7").then(None).otherwise(pl.col("diameter_mm"))
        lesions = tables["lesions"].with_columns(excluded=False, diameter_mm=lost.abs())
        lung({**tables, "lesions": lesions})
    elif case == "exams":
        mammography({**screened, "exams": screened["exams"].filter(pl.col("exam_id") != "e7")})
    else:
        hole = pl.when(pl.col("exam_id") == "e7").then(None).otherwise(pl.col("reader_recall"))
        recalls = screened["exams"].with_columns(reader_recall=hole)
        mammography({**screened, "exams": recalls})


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("lesions", "Every case_id of table 'lesions' must exist in table 'cases'"),
        ("predictions", "Every case_id of table 'predictions' must exist in table 'cases'"),
        ("diameters", "needs a 'diameter_mm' above 0 of each lesion"),
        ("exams", "Every exam_id of table 'predictions' must exist in table 'exams'"),
        ("reader", "Column 'reader_recall' must be given for each exam; some have none"),
    ],
)
def test_a_refusal_says_the_rule_and_quotes_no_id_value_or_count(case: str, rule: str) -> None:
    with pytest.raises(Refused) as refusal:
        evaluate(case)

    message = str(refusal.value)
    assert rule in message
    assert not any(sign.isdigit() for sign in message.replace("above 0", ""))
