"""Comparing alert algorithms: against a plain loop, scores beside alerts, small counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.jobs.child import Refused
from portal.result import Comparison, Difference
from portal.tables import LoadedTable
from tests.usecases.heart_failure.simulation import Frames, dates, simulated, with_alerts
from usecases.heart_failure.cases import tabulate_patients
from usecases.heart_failure.comparison import compare_alerts
from usecases.heart_failure.protocol import AlertsProtocol
from usecases.statistics.ratios import patient_draws

QUICK: dict[str, Any] = {"bootstrap_replicates": 150, "threshold": 8}


def compared(frames: Frames, *models: pl.DataFrame, **protocol: Any) -> Comparison:
    reference = {name: frames[name] for name in ("followup", "events")}
    return compare_alerts(
        {name: LoadedTable(frame, name[0] * 64) for name, frame in reference.items()},
        [LoadedTable(model, "p" * 64) for model in models],
        AlertsProtocol.model_validate({**QUICK, **protocol}),
    )


def by_measure(found: Comparison) -> dict[str, Difference]:
    return {one.measure: one for one in found.differences}


def noisy(scores: pl.DataFrame, noise: float, seed: int = 2) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    score = scores["score"].to_numpy() + random.normal(0, noise, scores.height)
    return scores.with_columns(pl.Series("score", np.round(score)))


def patients(frames: Frames, model: pl.DataFrame, name: str = "predictions") -> pl.DataFrame:
    tables = {"followup": frames["followup"], "events": frames["events"], name: model}
    return tabulate_patients(
        {key: LoadedTable(frame, "0" * 64) for key, frame in tables.items()},
        AlertsProtocol(threshold=8),
    )


def test_the_bootstrap_is_that_of_a_plain_loop_over_patients() -> None:
    """Given alerts, so that rates are per year of follow-up, and rows of patients hold it all."""
    frames = simulated(80, seed=6)
    models = [
        with_alerts({**frames, "predictions": scores}, threshold)["alerts"]
        for threshold, scores in ((8, frames["predictions"]), (11, noisy(frames["predictions"], 2)))
    ]
    rows = [patients(frames, model, "alerts") for model in models]

    def measured(table: pl.DataFrame, times: np.ndarray) -> dict[str, float]:
        total = {
            name: float(times @ table[name].to_numpy())
            for name in ("years", "events", "detected", "alerts", "unexplained")
        }
        return {
            "event_sensitivity": total["detected"] / total["events"],
            "unexplained_alert_rate": total["unexplained"] / total["years"],
            "alert_ppv": 1 - total["unexplained"] / total["alerts"],
        }

    found = by_measure(compared(frames, *models, smallest_count=1))

    drawn = [
        [measured(table, times) for table in rows] for times in patient_draws(80, 150, 20_250_301)
    ]
    exact = [measured(table, np.ones(80)) for table in rows]
    for name, one in found.items():
        differences = [draw[1][name] - draw[0][name] for draw in drawn]
        expected = np.quantile(differences, (0.025, 0.975))
        assert one.value == pytest.approx(exact[1][name] - exact[0][name])
        assert (one.lower, one.upper) == pytest.approx(tuple(expected))


def test_beside_given_alerts_rates_are_of_follow_up_for_all() -> None:
    frames = simulated(100, seed=5)
    scores, given_alerts = frames["predictions"], with_alerts(frames, 8)["alerts"]

    found = compared(frames, scores, given_alerts, noisy(scores, 2.0))

    assert [note.code for note in found.warnings] == ["rates_of_followup"]
    table, other = patients(frames, scores), patients(frames, given_alerts, "alerts")
    years = table["years"].sum()
    rate = by_measure(compared(frames, scores, given_alerts))["unexplained_alert_rate"]
    assert rate.value == pytest.approx(
        (other["unexplained"].sum() - table["unexplained"].sum()) / years
    )
    assert compared(frames, scores, noisy(scores, 2.0)).warnings == []


def test_nobody_drops_out_of_given_alerts() -> None:
    """A patient without an alert was watched and had none; one without a score was not watched."""
    frames = simulated(60)
    models = [with_alerts(frames, threshold)["alerts"] for threshold in (8, 9)]

    found = compared(frames, *models)

    assert models[1]["patient_id"].n_unique() < 60
    assert (found.population["rows"], found.population["without_prediction"]) == (60, 0)


def test_scores_need_a_threshold() -> None:
    frames = simulated(40)
    scores = frames["predictions"]

    with pytest.raises(Refused, match="threshold"):
        compared(frames, scores, noisy(scores, 1.0), threshold=None)


def test_alerts_that_come_for_the_same_events_leave_the_rate_to_differ() -> None:
    """30 patients, one event each on day 50; the second algorithm adds an alert on day 200."""
    ids = [f"p{number:02}" for number in range(30)]
    frames = {
        "followup": pl.DataFrame(
            {"patient_id": ids, "start": dates([0] * 30), "end": dates([365] * 30)}
        ),
        "events": pl.DataFrame({"patient_id": ids, "date": dates([50] * 30)}),
    }
    first = pl.DataFrame({"patient_id": ids[:15], "date": dates([40] * 15)})
    more = pl.DataFrame({"patient_id": ids, "date": dates([200] * 30)})

    found = by_measure(compared(frames, first, pl.concat([first, more])))

    assert found["event_sensitivity"].value == 0.0
    assert "no variation" in found["event_sensitivity"].method
    assert found["unexplained_alert_rate"].value == pytest.approx(365.25 / 365)
    assert found["alert_ppv"].value == pytest.approx(15 / 45 - 1)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.2, 3), st.sampled_from([1, 5, 10]))
def test_few_patients_warned_by_one_algorithm_alone_are_not_given_away(
    seed: int, noise: float, smallest: int
) -> None:
    frames = simulated(60, seed, days=200, deaths=False)
    models = [
        with_alerts({**frames, "predictions": scores}, 8)["alerts"]
        for scores in (frames["predictions"], noisy(frames["predictions"], noise, seed))
    ]
    warned = []
    for model in models:
        early = frames["events"].join(model, on="patient_id", how="left", suffix="_alert")
        lead = (pl.col("date") - pl.col("date_alert")).dt.total_days()
        warned.append(
            early.group_by("patient_id", "date")
            .agg(lead.is_between(0, 30).any().fill_null(False).alias("warned"))
            .sort("patient_id", "date")
        )
    cells = 2 * warned[0]["warned"].cast(pl.Int64) + warned[1]["warned"].cast(pl.Int64)
    of_patients = [warned[0].filter(cells == cell)["patient_id"].n_unique() for cell in range(4)]

    found = compared(frames, *models, smallest_count=smallest, minimum_events=1)

    one = by_measure(found)["event_sensitivity"]
    if any(0 < count < smallest for count in of_patients):
        assert one.value is None
    elif one.unavailable is not None:
        assert "differ on fewer" in one.unavailable or "There are" in one.unavailable
