"""What whoever submitted is told where tables are refused: the rule, and nothing of any patient."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from portal.jobs.child import Refused
from tests.usecases.heart_failure.simulation import Frames, dates, evaluated, simulated


def changed(case: str) -> Frames:
    frames = simulated(30)
    followup, scores = frames["followup"], frames["predictions"]
    if case == "backwards":
        ends = pl.when(pl.col("patient_id") == "p0007").then(pl.col("start") - timedelta(days=3))
        return {**frames, "followup": followup.with_columns(end=ends.otherwise(pl.col("end")))}
    if case == "two deaths":
        dead = {"patient_id": ["p0007"] * 2, "date": dates([5, 9]), "type": ["death", "Death"]}
        return {**frames, "events": pl.DataFrame(dead)}
    if case == "strangers":
        return {**frames, "predictions": scores.with_columns(patient_id=pl.lit("p0099"))}
    late = scores.with_columns(pl.col("date") + timedelta(days=9000))
    return {**frames, "predictions": late if case == "late" else scores}


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("backwards", "'end' lies before 'start'"),
        ("two deaths", "each 'patient_id' with several rows of type 'death'"),
        ("strangers", "No patient of followup has a score"),
        ("late", "No score of predictions lies within"),
        ("no threshold", "need the protocol's threshold"),
    ],
)
def test_a_refusal_says_the_rule_and_quotes_no_id_date_score_or_count(case: str, rule: str) -> None:
    protocol = {"threshold": None} if case == "no threshold" else {}

    with pytest.raises(Refused) as refusal:
        evaluated(changed(case), **protocol)

    message = str(refusal.value)
    assert rule in message
    assert not any(sign.isdigit() for sign in message)
