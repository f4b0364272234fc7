"""The child that checks and converts an upload: what it answers, and what it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from portal.catalogue import ingest
from portal.tables import Problem

CHECKOUT = Path(__file__).resolve().parents[3]


def ingested(
    source: Path, table: str = "cohort", references: dict[str, str] | None = None
) -> dict[str, Any]:
    """The answer for ``source``, as JSON gives it back; converted to ``<source>.stored``."""
    answer = ingest.main(
        {
            "source": str(source),
            "destination": f"{source}.stored",
            "use_case_package": "usecases.ckd",
            "task": "binary",
            "table": table,
            "references": references or {},
        },
        lambda stage, fraction: None,
    )
    loaded: dict[str, Any] = json.loads(json.dumps(answer, allow_nan=False))
    return loaded


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    path = tmp_path / "cohort.csv"
    rows = np.arange(200)
    pl.DataFrame(
        {"patient_id": rows, "outcome": rows % 2, "site": ["Aarhus", "Lyon"] * 100}
    ).write_csv(path)
    return path


def test_a_cohort_and_its_predictions_are_stored(cohort: Path, tmp_path: Path) -> None:
    answer = ingested(cohort)
    assert answer["rows"] == 200
    assert answer["columns"] == [
        {"name": "patient_id", "kind": "identifier", "subgroup": False},
        {"name": "outcome", "kind": "integer", "subgroup": False},
        {"name": "site", "kind": "category", "subgroup": True},
    ]
    stored = Path(f"{cohort}.stored")
    assert answer["bytes"] == stored.stat().st_size
    assert len(answer["sha256"]) == 64
    assert [column["name"] for column in answer["profile"]["columns"]] == [
        "patient_id",
        "outcome",
        "site",
    ]
    predictions = tmp_path / "predictions.parquet"
    pl.DataFrame({"patient_id": ["5", "7"], "risk": [0.25, 1.0]}).write_parquet(predictions)
    assert ingested(predictions, "predictions", {"cohort": str(stored)})["rows"] == 2


def _write_long_line(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"patient_id,outcome\n1,")
        for _ in range(200):
            file.write(b"0" * 1_000_000)


def _write_zip_bomb(path: Path) -> None:
    rows = 40_000_000
    pl.LazyFrame({"patient_id": [1]}).select(
        patient_id=pl.repeat(1, rows, dtype=pl.Int64), outcome=pl.lit(0)
    ).sink_parquet(path, row_group_size=2_000_000)


_BAD_COHORTS: dict[str, tuple[bytes | Callable[[Path], None], str]] = {
    "not a CSV": (b"\x7fELF\x00\x00\x01", "line 1 holds binary data. Save the table as CSV"),
    "an Excel workbook": (b"PK\x03\x04....", "it looks like an Excel workbook"),
    "wrong encoding": (
        "patient_id,outcome,site\n1,0,Århus\n".encode("latin-1"),
        "byte 5 of line 2 is 0xC5. It may be Latin-1 or Windows-1252: save it again as",
    ),
    "missing column": (
        b"patient_id,died\n1,0\n2,1\n",
        "Column 'outcome' is missing; the file has 'patient_id' and 'died'. Add the column",
    ),
    "text in a number column": (
        b"patient_id,outcome\n1,no\n2,1\n3,0\n",
        "Column 'outcome' must hold whole numbers; row 1 holds 'no'.",
    ),
    "duplicate ids": (
        b"patient_id,outcome\n1,0\n2,1\n1,1\n",
        "Column 'patient_id' must hold each value only once; row 3 holds '1'. Keep one row",
    ),
    "empty file": (b"", "it is empty (0 bytes). Check that the export and the upload finished."),
    "header only": (b"patient_id,outcome\n", "this file has none. Check that the export ran"),
    "one class only": (
        b"patient_id,outcome\n1,1\n2,1\n",
        "Column 'outcome' must hold each of 0 and 1; no row holds 0.",
    ),
    "a 200 MB line": (
        _write_long_line,
        "A line may be at most 1,048,576 bytes long; line 2 is longer. Check that each row",
    ),
    "a zip bomb inside Parquet": (
        _write_zip_bomb,
        "KiB and unfolds to 610 MiB. Check that the file is",
    ),
}


@pytest.mark.parametrize("case", _BAD_COHORTS)
def test_a_bad_cohort_is_refused_with_what_to_do_and_nothing_is_stored(
    tmp_path: Path, case: str
) -> None:
    content, sentence = _BAD_COHORTS[case]
    path = tmp_path / "upload"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)
    answer = ingested(path)
    assert set(answer) == {"refused"}
    told = [str(Problem.from_dict(problem)) for problem in answer["refused"]]
    assert sentence in "\n".join(told)
    assert [left.name for left in tmp_path.iterdir()] == ["upload"]


_BAD_PREDICTIONS = {
    "risk of 1.2": (
        b"patient_id,risk\n1,0.5\n2,1.2\n",
        "Column 'risk' must lie in [0, 1]; row 2 holds 1.2. If it holds percentages, divide by",
    ),
    "unknown ids": (
        b"patient_id,risk\n1,0.5\nP2,0.5\n",
        "Every patient_id must exist in table 'cohort'; row 2 holds 'P2'. Check that both files",
    ),
    "text in a number column": (
        b"patient_id,risk\n1,high\n",
        "Column 'risk' must hold numbers; row 1 holds 'high'.",
    ),
    "duplicate ids": (
        b"patient_id,risk\n1,0.5\n1,0.5\n",
        "must hold each value only once; row 2 holds '1'.",
    ),
}


@pytest.mark.parametrize("case", _BAD_PREDICTIONS)
def test_bad_predictions_are_refused_with_what_to_do_and_nothing_is_stored(
    cohort: Path, tmp_path: Path, case: str
) -> None:
    content, sentence = _BAD_PREDICTIONS[case]
    ingested(cohort)
    path = tmp_path / "upload"
    path.write_bytes(content)
    answer = ingested(path, "predictions", {"cohort": f"{cohort}.stored"})
    assert sentence in "\n".join(str(Problem.from_dict(problem)) for problem in answer["refused"])
    assert not Path(f"{path}.stored").exists()


def test_the_child_does_not_import_django() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, portal.catalogue.ingest, usecases.ckd.tables\n"
            "print([name for name in sys.modules if name.split('.')[0] == 'django'])",
        ],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.strip() == "[]"
