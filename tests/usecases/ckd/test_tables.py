"""The kidney tables, on the reference data where it is present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from portal.tables import TableRefused, check_references, read_table, subgroup_columns
from usecases.ckd.tables import COHORT_BINARY, PREDICTIONS_BINARY

REFERENCE_DATA = Path(
    os.environ.get("SHAIPED_REFERENCE_DATA")
    or Path(__file__).resolve().parents[4] / "shared" / "data"
)


def write(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def test_names_and_reference_are_those_of_the_task() -> None:
    assert (COHORT_BINARY.name, PREDICTIONS_BINARY.name) == ("cohort", "predictions")
    assert PREDICTIONS_BINARY.refers_to == COHORT_BINARY.name


def test_gusto_is_read_with_its_subgroups() -> None:
    folder = REFERENCE_DATA / "ckd-binary" / "gusto-9-12"
    if not folder.is_dir():
        pytest.skip(f"the reference data is not at {REFERENCE_DATA}")
    cohort = read_table(folder / "cohort.parquet", COHORT_BINARY)
    predictions = read_table(folder / "predictions.parquet", PREDICTIONS_BINARY)
    check_references(
        {"cohort": cohort, "predictions": predictions}, [COHORT_BINARY, PREDICTIONS_BINARY]
    )
    assert len(cohort.frame) == len(predictions.frame) == 3123 + 1717 + 2491 + 4352
    assert cohort.frame["outcome"].sum() == 224 + 95 + 191 + 294
    assert predictions.frame["risk"].sum() == pytest.approx(
        231.077338 + 111.936018 + 190.835447 + 335.636276, abs=1e-5
    )
    assert subgroup_columns(cohort, COHORT_BINARY) == ("site", "sex", "killip")


def test_repeated_visits_are_told_apart(tmp_path: Path) -> None:
    cohort = write(tmp_path / "cohort.csv", "patient_id,visit,outcome\n1,a,0\n1,b,1\n")
    predictions = write(tmp_path / "predictions.csv", "patient_id,visit,risk\n1,b,0.3\n1,c,0.3\n")
    tables = {
        "cohort": read_table(cohort, COHORT_BINARY),
        "predictions": read_table(predictions, PREDICTIONS_BINARY),
    }
    with pytest.raises(TableRefused) as caught:
        check_references(tables, [COHORT_BINARY, PREDICTIONS_BINARY])
    assert str(caught.value).startswith(
        "Every patient_id / visit must exist in table 'cohort'; row 2 holds '1' / 'c'."
    )


def test_predictions_hold_a_risk_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path / "predictions.csv", "patient_id,risk,outcome\n1,0.5,1\n")
    with pytest.raises(TableRefused, match="Column 'outcome' is not part of this table"):
        read_table(path, PREDICTIONS_BINARY)
