"""What one model says of every patient of a table: the child that runs an ONNX artefact.

Patients are scored in batches, so that memory does not grow with the table.

The model is a stranger's, and whoever submitted the evaluation reads why it failed. So no refusal
quotes a value, a row or a count of rows, nor the model's own words: a model can put what it was
given into its outputs, their shape, or its error.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from portal.jobs.child import Refused
from portal.registry.artefact import MAXIMUM_BYTES, Artefact, open_artefact, outside

BATCH_ROWS = 10_000
_ROWS_IN_MEMORY = 20 * BATCH_ROWS  # read at once: about the size of a Parquet row group
_ROW_GROUP = 100_000
STAGE = "running the model"


def main(request: dict[str, Any], progress: Callable[[str, float], None]) -> dict[str, Any]:
    """Entry of the child: see :func:`score`, whose arguments are the request's keys."""
    return score(
        Path(request["artefact"]),
        Path(request["table"]),
        inputs=request["inputs"],
        key=request["key"],
        destination=Path(request["destination"]),
        output=request.get("output", "risk"),
        maximum_bytes=request.get("maximum_bytes", MAXIMUM_BYTES),
        progress=progress,
    )


def score(
    artefact: Path,
    table: Path,
    *,
    inputs: Sequence[str],
    key: Sequence[str],
    destination: Path,
    output: str = "risk",
    maximum_bytes: int = MAXIMUM_BYTES,
    progress: Callable[[str, float], None],
) -> dict[str, Any]:
    """Write the risks of the patients of a table to a Parquet file.

    A patient with a missing input gets no prediction and is counted. The same artefact and table
    give the same bytes.

    Parameters
    ----------
    artefact : Path
        An ONNX file; it is checked again as on upload.
    table : Path
        A Parquet file that holds the inputs as columns of numbers (true and false count as 1
        and 0) and at least one of the key columns.
    inputs : sequence of str
        The model's declared inputs, in the declared order.
    key : sequence of str
        Columns that name a patient; those that the table has are copied.
    destination : Path
        Where to write; what is there after a failure is to be thrown away.
    output : str
        Name of the column of risks.
    progress : callable

    Returns
    -------
    dict
        ``rows`` (with a prediction), ``without_prediction``, ``sha256`` and ``bytes`` of the
        file written.

    Raises
    ------
    Refused
        If the table lacks an input, holds text or infinities in one, has no patient with every
        input, or if the model gives anything but numbers in [0, 1].
    """
    model = open_artefact(artefact, inputs, maximum_bytes=maximum_bytes)
    source = pl.scan_parquet(table, glob=False, hive_partitioning=False)
    kept = _check_columns(source.collect_schema(), inputs, key)
    total = int(source.select(pl.len()).collect().item())
    if total == 0:
        raise Refused("The table has no rows; a table with at least one patient was expected.")
    with tempfile.TemporaryDirectory(dir=destination.parent) as folder:
        parts = []
        predicted = 0
        for start in range(0, total, _ROWS_IN_MEMORY):
            progress(STAGE, start / total)
            chunk = source.slice(start, _ROWS_IN_MEMORY).select(*kept, *_as_numbers(inputs))
            scored = _score_chunk(model, chunk.collect(), inputs, start, total, progress)
            predicted += scored.height
            parts.append(Path(folder) / f"{start:015d}.parquet")
            scored.select(*kept, pl.col(_RISK).alias(output)).write_parquet(parts[-1])
        if predicted == 0:
            raise Refused(
                f"All {total} rows of the table miss at least one of the inputs "
                f"{', '.join(inputs)}, so that the model can say nothing; fill in the inputs."
            )
        # Through one scan, so that the row groups do not depend on how many parts there were.
        pl.scan_parquet(parts, glob=False).sink_parquet(
            destination,
            compression="zstd",
            compression_level=3,
            row_group_size=_ROW_GROUP,
            statistics=True,
        )
    progress(STAGE, 1.0)
    with destination.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "rows": predicted,
        "without_prediction": total - predicted,
        "sha256": digest,
        "bytes": destination.stat().st_size,
    }


_INPUT = "input "  # prefixes that keep inputs and risk apart from the key columns
_RISK = "the risk"


def _check_columns(schema: pl.Schema, inputs: Sequence[str], key: Sequence[str]) -> list[str]:
    """The key columns that the table has, once its columns are fit for the model."""
    missing = [name for name in inputs if name not in schema]
    if missing:
        raise Refused(
            f"The model needs the columns {_listed(inputs)}; the table has no {_listed(missing)}. "
            "Use a table with these columns, or a version of the model without these inputs."
        )
    text = [
        name for name in inputs if not (schema[name].is_numeric() or schema[name] == pl.Boolean)
    ]
    if text:
        found = ", ".join(f"'{name}' ({str(schema[name]).lower()})" for name in text)
        raise Refused(
            f"The model's inputs must be columns of numbers; these are not: {found}. Code them "
            "as the model expects, and upload the table again."
        )
    kept = [name for name in key if name in schema]
    if not kept:
        raise Refused(
            f"The table has none of the columns that name a patient ({_listed(key)}), so that a "
            "prediction could not be assigned. Add one."
        )
    return kept


def _as_numbers(inputs: Sequence[str]) -> list[pl.Expr]:
    return [
        pl.col(name).cast(pl.Float64).fill_nan(None).alias(_INPUT + name)
        for name in dict.fromkeys(inputs)
    ]


def _score_chunk(
    model: Artefact,
    chunk: pl.DataFrame,
    inputs: Sequence[str],
    start: int,
    total: int,
    progress: Callable[[str, float], None],
) -> pl.DataFrame:
    """The rows of ``chunk`` that have every input, with their risks."""
    names = [_INPUT + name for name in inputs]
    complete = chunk.drop_nulls(names)
    risks = np.empty(complete.height)
    whole = model.whole_numbers()
    for first in range(0, complete.height, BATCH_ROWS):
        batch = complete.slice(first, BATCH_ROWS)
        columns = [batch[name].to_numpy() for name in names]
        for name, column in zip(inputs, columns, strict=True):
            _check_values(name, column, integer=name in whole)
        given = _risks(model, columns)
        risks[first : first + BATCH_ROWS] = given
        progress(STAGE, (start + first) / total)
    return complete.with_columns(pl.Series(_RISK, risks))


def _check_values(name: str, column: NDArray[np.float64], *, integer: bool) -> None:
    if np.isinf(column).any():
        raise Refused(
            f"Input '{name}' must be finite; in some rows of the table it is not. Its holder "
            "corrects the table."
        )
    if integer and (column != np.floor(column)).any():
        raise Refused(
            f"The model takes input '{name}' as whole numbers; the table holds others. Round them "
            "in the table if that is what the model means, or export the model with a float input."
        )


def _risks(model: Artefact, columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    try:
        risks = model.risks(columns)
    except Refused:
        raise Refused(
            "The model failed on some of the patients, or did not give one risk a patient. Run it "
            "elsewhere on made-up patients over the whole range of each input, and correct it."
        ) from None
    if outside(risks).any():
        raise Refused(
            "The model must give a risk in [0, 1]; for some patients it gave another number or "
            "none. Export the probability, and check that the table's units are those of the "
            "model's inputs."
        )
    return risks


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
