"""The command line compares: several models on the same people."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from portal.result import Comparison
from tests.usecases.ckd.test_evaluation import simulated
from tests.usecases.heart_failure import simulation as alerts
from tests.usecases.test_evaluate import refused, run
from usecases import evaluate


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The arguments that name a cohort and the predictions of two models."""
    cohort, first = simulated(600, sites=())
    cohort.write_csv(tmp_path / "cohort.csv")
    first.write_parquet(tmp_path / "a.parquet")
    second = first.with_columns((0.8 * pl.col("risk") + 0.1).alias("risk"))
    second.head(580).write_csv(tmp_path / "b.csv")
    return [
        *("--table", f"cohort={tmp_path / 'cohort.csv'}"),
        *("--predictions", str(tmp_path / "a.parquet")),
        *("--predictions", str(tmp_path / "b.csv")),
        *("--set", "bootstrap_replicates=100"),
    ]


def test_two_models_are_compared_without_a_site(files: list[str], tmp_path: Path) -> None:
    out = tmp_path / "comparison.json"

    done = run("--compare", "ckd/binary", *files, "--set", "thresholds=0.3", "--out", out)

    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    comparison = Comparison.model_validate_json(out.read_bytes())
    assert comparison.population["rows"] == 580
    assert comparison.population["without_prediction"] == 20
    assert list(comparison.inputs) == ["cohort", "predictions 1", "predictions 2"]
    assert [one.rows for one in comparison.inputs.values()] == [600, 600, 580]
    assert {(one.first, one.second) for one in comparison.differences} == {(0, 1)}
    assert out.read_bytes() == comparison.to_json()


def test_scores_and_alerts_are_told_apart_by_their_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = alerts.simulated(60)
    given = {**frames, "alerts": alerts.with_alerts(frames)["alerts"]}
    for name, frame in given.items():
        frame.write_csv(tmp_path / f"{name}.csv")

    code = evaluate.main(
        [
            *("--compare", "heart-failure/alerts"),
            *("--table", f"followup={tmp_path / 'followup.csv'}"),
            *("--table", f"events={tmp_path / 'events.csv'}"),
            *("--predictions", str(tmp_path / "predictions.csv")),
            *("--predictions", str(tmp_path / "alerts.csv")),
            *("--set", "threshold=9", "--set", "bootstrap_replicates=100"),
        ]
    )

    comparison = Comparison.model_validate_json(capsys.readouterr().out)
    assert code == 0
    assert [note.code for note in comparison.warnings] == ["rates_of_followup"]


def test_what_does_not_make_a_comparison_is_refused(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, one = files[:2], files[2:4]
    compare = ["--compare", "ckd/binary"]
    (tmp_path / "wrong.csv").write_text("patient_id,risk\np1,1.5\n")
    (tmp_path / "stranger.csv").write_text("patient_id,risk\np1,0.5\nstranger,0.5\n")
    for given, message in (
        ([*compare, *one], "needs --table cohort=FILE as well"),
        ([*compare, *table, *one], "two models or more; there are those of 1"),
        ([*compare, *table], "two models or more; there are those of 0"),
        ([*compare, *table, *one, "--predictions", "gone.csv"], "no file 'gone.csv'"),
        ([*compare, *table, *one, "--table", "predictions=x.csv"], "by --predictions FILE"),
        ([*compare, *table, *one, "--table", "events=x.csv"], "no table 'events'; it has: cohort"),
        ([*compare, *table, *one, "--predictions", str(tmp_path / "wrong.csv")], "wrong.csv: "),
        ([*compare, *table, *one, "--predictions", str(tmp_path / "stranger.csv")], "stranger"),
        ([*compare, *files, "--set", "horizon=5"], "no field 'horizon'"),
        (["--compare", "ckd/other"], "no task 'ckd/other'"),
        (["ckd/binary", *table, *one], "--predictions goes with --compare"),
    ):
        assert message in refused(capsys, *given)


def test_help_and_schemas_tell_of_comparisons(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluate.main(["--help"])
    text = capsys.readouterr().out
    assert "--compare TASK" in text
    assert "--predictions FILE" in text

    assert evaluate.main(["--schema", "ckd/binary"]) == 0
    assert "differences" in json.loads(capsys.readouterr().out)["comparison"]["properties"]
