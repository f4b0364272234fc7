"""Every task of every use case with small simulated tables, evaluated as a worker's child does."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from portal import store
from portal.accounts.models import User
from portal.evaluations import computing
from portal.evaluations.actions import save_result, submit_evaluation
from portal.evaluations.models import Evaluation
from portal.evaluations.tasks import claim
from portal.registry.models import ModelVersion
from portal.usecase import Task, no_progress, package_of, use_cases
from tests import factories
from tests.usecases.heart_failure import simulation as heart_failure
from tests.usecases.metastasis import simulation as metastasis

Frames = dict[str, pl.DataFrame]


def survival_frames(rows: int = 600) -> Frames:
    """Kidney failure, death before it and loss to follow-up, in two sites."""
    generator = np.random.default_rng(4)
    risk = generator.beta(1.3, 4, rows)
    failure = generator.exponential(5 / -np.log1p(-risk))
    death, end = generator.exponential(20, rows), generator.uniform(1, 9, rows)
    time = np.minimum.reduce([failure, death, end]).clip(0.01)
    ids = [f"p{number}" for number in range(rows)]
    cohort = pl.DataFrame(
        {
            "patient_id": ids,
            "time": time,
            "event": np.select([failure <= time, death <= time], [1, 2], 0),
            "site": np.where(generator.random(rows) < 0.5, "north", "south"),
        }
    )
    return {"cohort": cohort, "predictions": pl.DataFrame({"patient_id": ids, "risk": risk})}


def binary_frames() -> Frames:
    cohort, predictions = factories.cohort_frame(600)
    return {"cohort": cohort, "predictions": predictions}


def alerts_frames() -> Frames:
    """Scores with fractions, so that there are many thresholds."""
    frames = heart_failure.simulated(150, sites=("north", "south"))
    scores = frames["predictions"]
    fractions = np.random.default_rng(5).random(scores.height)
    return frames | {"predictions": scores.with_columns(pl.col("score") + pl.Series(fractions))}


FRAMES: dict[tuple[str, str], Callable[[], Frames]] = {
    ("ckd", "binary"): binary_frames,
    ("ckd", "survival"): survival_frames,
    ("metastasis", "lung-ct"): lambda: metastasis.scans(400),
    ("metastasis", "mammography"): lambda: metastasis.exams(900),
    ("heart-failure", "alerts"): alerts_frames,
}
"""By use case and task; the predictions are one of the tables."""
PROTOCOL: dict[tuple[str, str], dict[str, Any]] = {("heart-failure", "alerts"): {"threshold": 9}}
NAMES = [f"{use_case}/{task}" for use_case, task in FRAMES]


def declared(name: str) -> Task:
    use_case, task = name.split("/")
    return use_cases()[use_case].task(task)


def a_version_of(by: User, name: str, **fields: Any) -> ModelVersion:
    """A released version of a model of the task, whose predictions are uploaded."""
    use_case, task = name.split("/")
    return factories.a_version(by, factories.a_model(by, use_case=use_case, task=task), **fields)


def evaluated(
    by: User,
    name: str,
    *,
    frames: Frames | None = None,
    dataset: Any = None,
    version: ModelVersion | None = None,
    **protocol: Any,
) -> Evaluation:
    """A finished evaluation; the tables are stored with the dataset unless it holds them."""
    use_case, slug = name.split("/")
    task, key = declared(name), (use_case, slug)
    frames = FRAMES[key]() if frames is None else frames
    version = version or a_version_of(by, name)
    dataset = dataset or factories.a_dataset(by, use_case=use_case)
    held = dataset.current_tables(task)
    outputs = {schema.name for schema in task.output_tables}
    for table, frame in frames.items():
        if table in outputs:
            factories.a_table(dataset, frame, by, task=slug, name=table, model_version=version)
        elif table not in held:
            factories.a_table(dataset, frame, by, task=slug, name=table)
    asked = {"bootstrap_replicates": 100, **PROTOCOL.get(key, {}), **protocol}
    evaluation, _is_new = submit_evaluation(
        organisation=by.memberships.get().organisation,
        dataset=dataset,
        model_version=version,
        task=task,
        protocol=task.protocol(**asked),
        by=by,
    )
    finish(evaluation)
    return evaluation


def finish(evaluation: Evaluation) -> None:
    """Do what a worker does with a submitted evaluation, in this process."""
    claimed = claim(evaluation.pk)
    assert claimed is not None
    tables = tuple(sorted(evaluation.tables.values_list("name", "sha256")))
    protocol = json.dumps(evaluation.protocol)
    reply, content = _computed(package_of(evaluation.declared), evaluation.task, protocol, tables)
    with tempfile.TemporaryDirectory() as folder:
        cases = Path(folder) / "cases.parquet"
        cases.write_bytes(content)
        save_result(
            evaluation=claimed,
            content=reply["result"].encode(),
            figures=copy.deepcopy(reply["figures"]),
            cases_sha256=store.put(cases, suffix="parquet") if reply["has_cases"] else "",
        )
    evaluation.refresh_from_db()


@functools.lru_cache(maxsize=32)
def _computed(
    package: str, task: str, protocol: str, tables: tuple[tuple[str, str], ...]
) -> tuple[dict[str, Any], bytes]:
    """What the engine answers about stored tables, and the cases; the same again is remembered."""
    with contextlib.ExitStack() as stack:
        cases = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "cases.parquet"
        paths = {
            name: str(stack.enter_context(store.content(sha256, suffix="parquet")))
            for name, sha256 in tables
        }
        request = {
            "use_case_package": package,
            "task": task,
            "protocol": json.loads(protocol),
            "tables": paths,
            "cases": str(cases),
        }
        reply = computing.main(request, no_progress)
        return reply, cases.read_bytes() if reply["has_cases"] else b""
