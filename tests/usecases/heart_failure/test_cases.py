"""Patient by patient: the table of cases, and the timeline of one patient."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.figures import COLOURS, figure_json
from portal.tables import LoadedTable
from tests.usecases.heart_failure.simulation import (
    Frames,
    dates,
    evaluated,
    shuffled,
    simulated,
    with_alerts,
)
from usecases.heart_failure.cases import PATIENTS
from usecases.heart_failure.protocol import AlertsProtocol


def protocol(**fields: Any) -> AlertsProtocol:
    return AlertsProtocol.model_validate({"threshold": 9, **fields})


def tabulated(frames: Frames, **fields: Any) -> pl.DataFrame:
    tables = {name: LoadedTable(frame, "0" * 64) for name, frame in frames.items()}
    return PATIENTS.tabulate(tables, protocol(**fields))


def drawn(frames: Frames, folder: Path, patient: str, **fields: Any) -> dict[str, Any]:
    files = {}
    for name, frame in frames.items():
        files[name] = folder / f"{name}.parquet"
        frame.write_parquet(files[name])
    assert PATIENTS.draw is not None
    return figure_json(PATIENTS.draw(files, protocol(**fields), patient, str))


def by_hand() -> Frames:
    """One patient with three events, of which an alert comes before one, and one without a score.

    Scores on days 0-9 and 20-29: in alert on days 3, 4 and 25.
    """
    days = [*range(10), *range(20, 30)]
    high = {3, 4, 25}
    return {
        "followup": pl.DataFrame(
            {
                "patient_id": ["a", "b"],
                "start": dates([0, 0]),
                "end": dates([40, 40]),
            }
        ),
        "events": pl.DataFrame(
            {
                "patient_id": ["a"] * 4,
                "date": dates([2, 8, 19, 36]),
                "type": ["first", "<b>second</b>", "third", "death"],
            }
        ),
        "predictions": pl.DataFrame(
            {
                "patient_id": ["a"] * len(days),
                "date": dates(days),
                "score": [9.5 if day in high else 1.0 for day in days],
            }
        ),
    }


def marks(plain: dict[str, Any]) -> dict[str, list[str]]:
    """Dates of the marks by their symbol."""
    found: dict[str, list[str]] = {}
    for trace in plain["data"]:
        symbols = trace.get("marker", {}).get("symbol", [])
        if isinstance(symbols, str):
            symbols = [symbols] * len(trace["x"])
        for symbol, day in zip(symbols, trace["x"], strict=False):
            found.setdefault(symbol, []).append(day)
    return found


def test_a_patient_by_hand() -> None:
    """Follow-up ends with the death on day 36; days 0-9 and 20-29 are monitored, 3 in alert."""
    found = tabulated(by_hand(), window=10)

    assert found.to_dicts() == [
        {
            "patient_id": "a",
            "years": 36 / 365.25,
            "events": 3,
            "detected": 1,
            "alerts": 2,
            "unexplained": 1,
            "time_in_alert": 3 / 20,
        }
    ]


@pytest.mark.parametrize("recovery", [None, 5])
def test_the_rows_add_up_to_the_result(recovery: int | None) -> None:
    frames = simulated(150, seed=4)
    result = evaluated(frames, recovery_threshold=recovery, smallest_count=1)

    found = tabulated(frames, recovery_threshold=recovery)

    population = result.population
    assert found.height == population["patients"]
    for name in ("events", "detected", "alerts", "unexplained"):
        assert found[name].sum() == population[name]
    assert found["years"].sum() == pytest.approx(population["patient_years"])


def test_of_given_alerts_nobody_knows_how_long_they_lasted() -> None:
    found = tabulated(with_alerts(simulated(30)))

    assert found["time_in_alert"].null_count() == 30
    assert found["alerts"].sum() > 0


def test_the_columns_are_those_that_are_declared_and_the_order_of_rows_changes_nothing() -> None:
    frames = simulated(60)
    found = tabulated(frames)

    assert found.columns == [column.name for column in PATIENTS.columns]
    assert found.equals(tabulated(shuffled(frames)))
    assert found["patient_id"].is_sorted()


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.integers(1, 40), st.sampled_from([None, 6]))
def test_shares_and_counts_of_any_patients_are_possible(
    seed: int, window: int, recovery: int | None
) -> None:
    found = tabulated(simulated(20, seed, days=120), window=window, recovery_threshold=recovery)

    assert (found["detected"] <= found["events"]).all()
    assert (found["unexplained"] <= found["alerts"]).all()
    assert found["time_in_alert"].drop_nulls().is_between(0, 1).all()


def test_the_timeline_shows_what_the_table_counts(tmp_path: Path) -> None:
    frames = simulated(25, seed=8)
    for row in tabulated(frames, recovery_threshold=6).to_dicts():
        plain = drawn(frames, tmp_path, row["patient_id"], recovery_threshold=6)

        found = marks(plain)
        assert len(found.get("diamond", [])) == row["detected"]
        assert len(found.get("diamond-open", [])) == row["events"] - row["detected"]
        assert len(found.get("triangle-up", [])) == row["alerts"] - row["unexplained"]
        assert len(found.get("triangle-up-open", [])) == row["unexplained"]
        assert len(plain["layout"].get("shapes", [])) == row["alerts"]


def test_a_timeline_by_hand(tmp_path: Path) -> None:
    plain = drawn(by_hand(), tmp_path, "a", window=10)

    assert marks(plain) == {
        "diamond": ["2024-01-09"],
        "diamond-open": ["2024-01-03", "2024-01-20"],
        "x-thin": ["2024-02-06"],
        "triangle-up": ["2024-01-04"],
        "triangle-up-open": ["2024-01-26"],
    }
    bands = [(shape["x0"], shape["x1"]) for shape in plain["layout"]["shapes"]]
    assert bands == [("2024-01-04", "2024-01-06"), ("2024-01-26", "2024-01-27")]
    scores = next(trace for trace in plain["data"] if None in trace["x"])
    assert scores["x"][:11] == [f"2024-01-{day:02}" for day in range(1, 11)] + [None]
    words = [text for trace in plain["data"] for text in trace.get("customdata", [])]
    assert "2024-01-09<br>&lt;b&gt;second&lt;/b&gt;<br>alert 5 days before" in words
    assert "2024-01-04<br>alert<br>in alert for 2 days<br>an event followed" in words


def test_given_alerts_have_no_scores_and_no_bands(tmp_path: Path) -> None:
    frames = with_alerts(by_hand())

    plain = drawn(frames, tmp_path, "a", window=10, threshold=None)

    assert marks(plain)["triangle-up"] == ["2024-01-04", "2024-01-05"]
    assert "shapes" not in plain["layout"]
    assert not any("score" in trace.get("hovertemplate", "") for trace in plain["data"])


def test_a_patient_without_a_score_in_followup_has_no_alerts(tmp_path: Path) -> None:
    frames = by_hand()
    frames["predictions"] = frames["predictions"].with_columns(date=dates([60] * 20)[0])

    for patient in ("a", "b"):
        plain = drawn(frames, tmp_path, patient, window=10)

        texts = [note["text"] for note in plain["layout"]["annotations"]]
        assert "No score within follow-up." in texts
        assert "triangle-up" not in marks(plain)


def test_ids_may_be_numbers(tmp_path: Path) -> None:
    frames = {
        name: frame.with_columns(
            patient_id=pl.col("patient_id").replace({"a": "7", "b": "8"})
        ).with_columns(pl.col("patient_id").cast(pl.Int64))
        for name, frame in by_hand().items()
    }

    assert marks(drawn(frames, tmp_path, "7", window=10))["diamond"] == ["2024-01-09"]


def test_an_unknown_patient_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="holds no patient 'c'"):
        drawn(by_hand(), tmp_path, "c")


@pytest.mark.parametrize("recovery", [None, 5])
def test_the_timeline_names_known_colours_only(tmp_path: Path, recovery: int | None) -> None:
    text = json.dumps(drawn(by_hand(), tmp_path, "a", recovery_threshold=recovery))

    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", text)) <= set(COLOURS)
    assert ("ends below 5" in text) is (recovery is not None)
