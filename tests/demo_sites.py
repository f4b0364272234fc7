"""The demonstration's simulated tables put through the command line, as a partner would."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from portal.result import Estimate, Result
from usecases import evaluate

REPLICATES = 200


def evaluated(folder: Path, task: str, tables: Mapping[str, pl.DataFrame], *sets: str) -> Result:
    """What ``python -m usecases.evaluate`` finds: it refuses a table that breaks its schema."""
    arguments = [task, "--set", f"bootstrap_replicates={REPLICATES}"]
    for name, frame in tables.items():
        path = folder / f"{name}.parquet"
        frame.write_parquet(path)
        arguments += ["--table", f"{name}={path}"]
    for each in sets:
        arguments += ["--set", each]
    out = folder / "result.json"
    assert evaluate.main([*arguments, "--out", str(out)]) == 0
    return Result.model_validate_json(out.read_bytes())


def estimate(result: Result, measure: str, **at: float) -> Estimate:
    """The estimate for everyone, the first of its measure or the one taken at ``at``."""
    return next(
        each
        for each in result.estimates
        if each.measure == measure and each.subgroup is None and (not at or each.at == at)
    )


def value(result: Result, measure: str, **at: float) -> float:
    found = estimate(result, measure, **at).value
    assert found is not None, f"{measure}: {estimate(result, measure, **at).unavailable}"
    return found


def without_interval(result: Result, task: str) -> list[str]:
    """The headline measures that have no value or no interval."""
    return [
        measure
        for measure in evaluate.tasks()[task].headline
        if estimate(result, measure).lower is None
    ]
