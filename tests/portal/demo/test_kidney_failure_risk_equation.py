"""The equation against published figures, and its ONNX artefact against the equation."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from portal.demo import kidney_failure_risk_equation as equation
from portal.jobs.child import Limits, run_child

MIB = 1024**2
LIMITS = Limits(memory_bytes=512 * MIB, cpu_seconds=30, wall_seconds=30, file_bytes=64 * MIB)
REFERENCE = Path(
    os.environ.get(
        "SHAIPED_REFERENCE_DATA", Path(__file__).resolve().parents[3].parent / "shared" / "data"
    )
)
LEICESTER = REFERENCE / "ckd-survival" / "leicester"


def patients(rows: int) -> pl.DataFrame:
    random = np.random.default_rng(11)
    return pl.DataFrame(
        {
            "patient_id": np.arange(rows),
            "age": random.uniform(18, 98, rows),
            "sex_male": random.integers(0, 2, rows),
            "egfr": random.uniform(5, 60, rows),
            "uacr": np.exp(random.uniform(np.log(0.5), np.log(10_000), rows)),
        }
    )


def test_the_average_patient_has_the_baseline_risk() -> None:
    averages = (70.36, 0.5642, 36.11, np.exp(5.137))
    for (region, horizon), survival in equation.BASELINE_SURVIVAL.items():
        found = equation.risk(*averages, horizon=horizon, region=region)
        assert found == pytest.approx(1 - survival, abs=1e-15)


def test_a_patient_computed_by_hand() -> None:
    # A man of 60, eGFR 30, 300 mg/g:
    # 0.2280236 + 0.1075119 + 0.6802874 + 0.2556189 = 1.2714418
    # 1 - 0.9365^exp(1.2714418) = 1 - exp(-0.0656058 * 3.5660) = 0.2085982
    assert equation.linear_predictor(60, 1, 30, 300) == pytest.approx(1.2714418, abs=1e-6)
    assert equation.risk(60, 1, 30, 300) == pytest.approx(0.2085982, abs=1e-6)


@pytest.mark.skipif(not LEICESTER.is_dir(), reason=f"No reference data at {LEICESTER}")
def test_the_published_predictions_of_leicester_are_met() -> None:
    cohort = pl.read_parquet(LEICESTER / "cohort.parquet")
    published = pl.read_parquet(LEICESTER / "predictions_kfre_non_north_american.parquet")
    table = published.join(cohort, on="patient_id", how="left", maintain_order="left")
    found = equation.risk(
        table["age"].to_numpy(),
        (table["sex"] == "male").to_numpy(),
        table["egfr"].to_numpy(),
        table["acr_mg_mmol"].to_numpy() / equation.MG_PER_MMOL_IN_ONE_MG_PER_G,
    )
    assert table.height == 27_017
    np.testing.assert_allclose(found, table["risk"].to_numpy(), rtol=0, atol=1e-14)


def test_a_ratio_that_is_not_above_nought_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 values are not"):
        equation.risk(60, 1, 30, [30.0, 0.0])


def test_an_unpublished_horizon_is_refused() -> None:
    with pytest.raises(ValueError, match="no published baseline for other at 3 years"):
        equation.risk(60, 1, 30, 300, horizon=3)


@pytest.mark.parametrize(("region", "horizon"), list(equation.BASELINE_SURVIVAL))
def test_the_artefact_gives_what_the_formula_gives(
    tmp_path: Path, region: equation.Region, horizon: int
) -> None:
    artefact, table = tmp_path / "equation.onnx", tmp_path / "table.parquet"
    equation.export(artefact, horizon=horizon, region=region)
    frame = patients(15_000)
    frame.write_parquet(table)
    reply = run_child(
        "portal.registry.scoring",
        {
            "artefact": str(artefact),
            "table": str(table),
            "inputs": list(equation.INPUTS),
            "key": ["patient_id"],
            "destination": str(tmp_path / "predictions.parquet"),
        },
        limits=LIMITS,
        on_progress=lambda stage, fraction: None,
        keep_going=lambda: True,
    )
    assert reply["without_prediction"] == 0
    found = pl.read_parquet(tmp_path / "predictions.parquet")["risk"].to_numpy()
    columns = [frame[name].to_numpy() for name in equation.INPUTS]
    expected = equation.risk(*columns, horizon=horizon, region=region)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert expected.min() < 0.001
    assert expected.max() > 0.99


def test_the_same_equation_is_the_same_file(tmp_path: Path) -> None:
    first, second = tmp_path / "first.onnx", tmp_path / "second.onnx"
    sha256 = equation.export(first)
    assert equation.export(second) == sha256
    assert hashlib.sha256(second.read_bytes()).hexdigest() == sha256
    assert equation.export(second, horizon=2) != sha256


def test_the_artefact_passes_the_upload_check(tmp_path: Path) -> None:
    equation.export(tmp_path / "equation.onnx")
    found = run_child(
        "portal.registry.artefact",
        {"path": str(tmp_path / "equation.onnx"), "inputs": list(equation.INPUTS)},
        limits=LIMITS,
        on_progress=lambda stage, fraction: None,
        keep_going=lambda: True,
    )
    assert [tensor["name"] for tensor in found["inputs"]] == list(equation.INPUTS)
    assert set(equation.UNITS) == set(equation.INPUTS)
