"""The tables, and the choice between scores and alerts on the command line."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from portal.tables import TableRefused, read_table
from tests.usecases.heart_failure.simulation import simulated, with_alerts
from usecases import evaluate
from usecases.heart_failure.tables import EVENTS, FOLLOWUP, PREDICTIONS
from usecases.heart_failure.use_case import ALERTS_TASK


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    frames = simulated(30)
    frames["alerts"] = with_alerts(frames)["alerts"]
    paths = {}
    for name, frame in frames.items():
        paths[name] = tmp_path / f"{name}.csv"
        frame.write_csv(paths[name])
    return paths


def run(files: dict[str, Path], *names: str, out: Path | None = None) -> int:
    arguments = ["heart-failure/alerts", "--set", "bootstrap_replicates=100"]
    if "predictions" in names:
        arguments += ["--set", "threshold=7"]
    for name in names:
        arguments += ["--table", f"{name}={files[name]}"]
    if out is not None:
        arguments += ["--out", str(out)]
    return evaluate.main(arguments)


@pytest.mark.parametrize("given", ["predictions", "alerts"])
def test_scores_or_alerts_are_evaluated(files: dict[str, Path], given: str, tmp_path: Path) -> None:
    assert run(files, "followup", "events", given, out=tmp_path / "result.json") == 0
    assert f'"{given}":{{"sha256"' in (tmp_path / "result.json").read_text()


def test_one_of_the_two_is_needed(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(files, "followup", "events") == evaluate.REFUSED
    assert "--table predictions=FILE" in capsys.readouterr().err


def test_both_at_once_are_refused(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(files, "followup", "events", "predictions", "alerts") == evaluate.REFUSED
    assert "leave one of the two out" in capsys.readouterr().err


def test_help_says_what_the_alerts_stand_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluate.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "--table alerts=FILE columns patient_id, date, instead of predictions" in text


def test_a_data_holder_provides_follow_up_and_events() -> None:
    assert ALERTS_TASK.reference_tables == (FOLLOWUP, EVENTS)
    assert ALERTS_TASK.predicted_column == "score"


def test_a_death_and_a_hospital_stay_may_fall_on_one_day(tmp_path: Path) -> None:
    rows = ["patient_id,date,type", "1,2024-05-01,death", "1,2024-05-01,hospitalisation"]
    path = tmp_path / "events.csv"
    path.write_text("\n".join(rows))
    assert read_table(path, EVENTS).frame.height == 2

    path.write_text("\n".join([*rows, rows[1]]))
    with pytest.raises(TableRefused, match="only once"):
        read_table(path, EVENTS)


def test_events_may_have_no_type(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("patient_id,date\n1,2024-05-01\n2,2024-05-01\n")
    assert read_table(path, EVENTS).frame.columns == ["patient_id", "date"]


def test_two_scores_on_one_day_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("patient_id,date,score\n1,2024-05-01,3\n1,2024-05-01,4\n")
    with pytest.raises(TableRefused, match="each combination only once"):
        read_table(path, PREDICTIONS)


@pytest.mark.parametrize("name", ["events", "predictions"])
def test_unknown_patients_are_refused(
    files: dict[str, Path], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pl.read_csv(files[name])
    stranger = frame.head(1).with_columns(patient_id=pl.lit("stranger"))
    pl.concat([frame, stranger]).write_csv(files[name])

    assert run(files, "followup", "events", "predictions") == evaluate.REFUSED
    assert "stranger" in capsys.readouterr().err
