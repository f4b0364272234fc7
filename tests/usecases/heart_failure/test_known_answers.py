"""HF-ACTION: real hospitalisations, synthetic alerts, and the values of sktime and timescoring."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.result import Result
from usecases import evaluate

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folder() -> Path:
    import os

    known = os.environ.get("SHAIPED_REFERENCE_DATA") or ROOT.parent / "shared" / "data"
    folder = Path(known) / "heart-failure-alerts" / "hf-action"
    if not folder.is_dir():
        pytest.skip(f"the reference data are not at {folder}")
    return folder


@pytest.fixture(scope="module")
def result(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    out = tmp_path_factory.mktemp("known") / "result.json"
    code = evaluate.main(
        [
            "heart-failure/alerts",
            *("--table", f"followup={folder / 'followup.parquet'}"),
            *("--table", f"events={folder / 'events.parquet'}"),
            *("--table", f"alerts={folder / 'alerts_synthetic.parquet'}"),
            *("--out", str(out)),
        ]
    )
    assert code == 0
    return Result.model_validate_json(out.read_bytes())


def test_counts_are_those_of_the_reference(result: Result) -> None:
    assert result.population["events"] == 1391
    assert result.population["detected"] == 764
    assert result.population["alerts"] == 3606
    assert result.population["unexplained"] == 2802
    assert result.population["patient_years"] == pytest.approx(1871.5181, abs=5e-5)


@pytest.mark.parametrize(
    ("measure", "value", "digits"),
    [
        ("event_sensitivity", 0.549245, 6),
        ("unexplained_alert_rate", 1.497180, 6),
        ("alert_ppv", 0.222962, 6),
        ("event_rate", 0.7432, 4),
        ("lead_time_median", 17, 6),
        ("lead_time_q25", 11, 6),
        ("lead_time_q75", 24, 6),
    ],
)
def test_estimates_are_those_of_the_reference(
    result: Result, measure: str, value: float, digits: int
) -> None:
    assert result.estimate(measure).value == pytest.approx(value, abs=0.51 * 10**-digits)


def test_the_event_rate_has_the_interval_of_a_patient_bootstrap(result: Result) -> None:
    rate = result.estimate("event_rate")

    assert rate.lower == pytest.approx(0.6851, abs=0.008)
    assert rate.upper == pytest.approx(0.8037, abs=0.008)
    note = next(note for note in result.warnings if note.code == "clustered_events")
    assert note.values["poisson_lower"] == pytest.approx(0.7047, abs=1e-4)
    assert note.values["poisson_upper"] == pytest.approx(0.7833, abs=1e-4)
