"""The command line: the same numbers, without Django."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from portal.result import Result, Subgroup
from usecases import evaluate

ROOT = Path(__file__).resolve().parents[2]

GUSTO = {
    "region-9": (
        *(3123, 224, 231.077338, 0.8294431885, 0.0139940587),
        *(1.0284679730, 0.0628731873, -0.0405062051, 0.0761611452),
    ),
    "region-10": (
        *(1717, 95, 111.936018, 0.7934583685, 0.0239119121),
        *(0.8482194649, 0.0813423178, -0.2128239154, 0.1164106054),
    ),
    "region-11": (
        *(2491, 191, 190.835447, 0.8216765308, 0.0159850332),
        *(1.0056073409, 0.0693650077, 0.0011145709, 0.0822808445),
    ),
    "region-12": (
        *(4352, 294, 335.636276, 0.8263638131, 0.0120844451),
        *(0.9597040419, 0.0527051868, -0.1721127954, 0.0662052447),
    ),
}
"""By region: patients, events, expected; AUROC, slope and in the large, each with its standard
error: pROC 1.18 and glm of R."""


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DJANGO")}
    return subprocess.run(
        [sys.executable, "-m", "usecases.evaluate", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The arguments that name a small cohort and its predictions."""
    rows = range(200)
    risk = [(7 * row % 199 + 1) / 201 for row in rows]
    pl.DataFrame(
        {
            "patient_id": [f"p{row}" for row in rows],
            "outcome": [int((11 * row % 97) / 97 < risk[row]) for row in rows],
            "sex": ["female" if row % 3 else "male" for row in rows],
        }
    ).write_csv(tmp_path / "cohort.csv")
    pl.DataFrame({"patient_id": [f"p{row}" for row in rows], "risk": risk}).write_parquet(
        tmp_path / "predictions.parquet"
    )
    return [
        "--table",
        f"cohort={tmp_path / 'cohort.csv'}",
        "--table",
        f"predictions={tmp_path / 'predictions.parquet'}",
        "--set",
        "bootstrap_replicates=100",
    ]


def test_gusto_by_region_gives_the_values_of_r(tmp_path: Path, reference_data: Path) -> None:
    folder = reference_data / "ckd-binary" / "gusto-9-12"
    out = tmp_path / "result.json"

    done = run(
        "ckd/binary",
        *("--table", f"cohort={folder / 'cohort.parquet'}"),
        *("--table", f"predictions={folder / 'predictions.parquet'}"),
        *("--set", "thresholds=0.1,0.2", "--set", "bootstrap_replicates=100", "--out", out),
    )

    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    result = Result.model_validate_json(out.read_bytes())
    assert {entry["site"] for entry in result.population["sites"]} == set(GUSTO)
    for region, known in GUSTO.items():
        site = Subgroup(column="site", value=region)
        ratio = result.estimate("observed_expected_ratio", subgroup=site)
        counts = result.population["subgroups"]["site"][region]
        assert (counts["patients"], counts["events"]) == known[:2]
        assert counts["events"] / ratio.value == pytest.approx(known[2], abs=1e-6)
        found: list[Any] = []
        for name in ("auroc", "calibration_slope", "calibration_in_the_large"):
            estimate = result.estimate(name, subgroup=site)
            found += [estimate.value, estimate.standard_error]
        assert found == pytest.approx(known[3:], abs=1e-7)


def test_the_result_goes_to_standard_output_without_out(files: list[str]) -> None:
    done = run("ckd/binary", *files, "--set", "thresholds=0.3,0.1", "--set", "subgroups=sex")

    assert (done.returncode, done.stderr) == (0, "")
    result = Result.model_validate_json(done.stdout)
    assert result.protocol["thresholds"] == [0.1, 0.3]
    assert result.protocol["subgroups"] == ["sex"]
    assert result.inputs["cohort"].rows == 200


def test_the_same_call_gives_the_same_bytes_on_one_processor_or_more(
    files: list[str], tmp_path: Path
) -> None:
    written = []
    for name, processors in (("one", "1"), ("more", "2")):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": processors}
        environment["POLARS_MAX_THREADS"] = processors
        command = [sys.executable, "-m", "usecases.evaluate", "ckd/binary", *files]
        subprocess.run(
            [*command, "--out", str(tmp_path / name)],
            cwd=ROOT,
            env=environment,
            check=True,
            timeout=120,
        )
        written.append((tmp_path / name).read_bytes())

    assert written[0] == written[1]


def test_django_is_not_imported(files: list[str], tmp_path: Path) -> None:
    program = (
        "import sys; from usecases.evaluate import main; "
        f"code = main(['ckd/binary', *{files!r}, '--out', {str(tmp_path / 'out.json')!r}]); "
        "print(code, 'django' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert done.stdout.split() == ["0", "False"]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert evaluate.main(arguments) == evaluate.REFUSED
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("horizon=5", "The protocol has no field 'horizon'; it has: subgroups, minimum_events,"),
        ("thresholds=0.1,2", "Each threshold must lie between 0 and 1, ends excluded; found 2."),
        ("thresholds=low", "thresholds=low: Input should be a valid number"),
        ("seed=x", "seed=x: Input should be a valid integer"),
        ("seed", "Expected --set FIELD=VALUE, found 'seed'."),
        ("subgroups=age", "has no column for subgroups called age; it has: sex."),
    ],
)
def test_a_protocol_that_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], files: list[str], given: str, message: str
) -> None:
    assert message in refused(capsys, "ckd/binary", *files, "--set", given)


def test_an_unknown_task_is_refused_with_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "There is no task 'ckd/other'; there are: ckd/binary" in refused(capsys, "ckd/other")
    assert "Name a task: ckd/binary" in refused(capsys)


def test_tables_that_are_missing_or_unknown_are_refused(
    capsys: pytest.CaptureFixture[str], files: list[str], tmp_path: Path
) -> None:
    assert "needs --table predictions=FILE as well" in refused(capsys, "ckd/binary", *files[:2])
    assert "no table 'events'; it has: cohort, predictions" in refused(
        capsys, "ckd/binary", *files, "--table", "events=x.csv"
    )
    gone = ["--table", f"cohort={tmp_path / 'gone.csv'}", *files[2:]]
    assert "cohort: there is no file" in refused(capsys, "ckd/binary", *gone)
    assert "'cohort' is given twice" in refused(capsys, "ckd/binary", *files, *files[:2])


def test_every_problem_of_every_table_is_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "cohort.csv").write_text("patient_id,outcome\na,0\na,2\n")
    (tmp_path / "predictions.csv").write_text("patient_id,risk\na,1.2\n")

    error = refused(
        capsys,
        "ckd/binary",
        *("--table", f"cohort={tmp_path / 'cohort.csv'}"),
        *("--table", f"predictions={tmp_path / 'predictions.csv'}"),
    )

    lines = error.strip().splitlines()
    assert len([line for line in lines if line.startswith("cohort: ")]) >= 2
    assert any(line.startswith("predictions: ") and "1.2" in line for line in lines)


def test_unknown_patients_are_refused(
    capsys: pytest.CaptureFixture[str], files: list[str], tmp_path: Path
) -> None:
    (tmp_path / "more.csv").write_text("patient_id,risk\np1,0.2\nstranger,0.3\n")

    error = refused(
        capsys, "ckd/binary", *files[:2], "--table", f"predictions={tmp_path / 'more.csv'}"
    )

    assert "stranger" in error


def test_the_schemas_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["--schema", "ckd/binary"]) == 0

    schemas = json.loads(capsys.readouterr().out)
    assert "thresholds" in schemas["protocol"]["properties"]
    assert "estimates" in schemas["result"]["properties"]


def test_help_lists_the_tasks_with_their_tables_and_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        evaluate.main(["--help"])

    assert ended.value.code == 0
    text = capsys.readouterr().out
    for part in ("ckd/binary", "--table cohort=FILE", "--table predictions=FILE", "--set seed="):
        assert part in text
