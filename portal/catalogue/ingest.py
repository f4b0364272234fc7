"""Checking and converting one uploaded file, in a child process with limits. No Django."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from portal.tables import TableRefused, convert_table
from portal.usecase import load_use_case


def main(request: Mapping[str, Any], progress: Callable[[str, float], None]) -> dict[str, Any]:
    """Check the file of ``request`` and write it as Parquet.

    Parameters
    ----------
    request
        ``source`` and ``destination`` (paths), ``use_case_package`` ("usecases.ckd"), ``task``
        ("binary"), ``table`` ("cohort") and ``references`` (the paths of tables converted
        before, by name).
    progress
        Told the stage and the fraction of the whole work.

    Returns
    -------
    dict
        ``{"rows", "columns": [{"name", "kind", "subgroup"}], "sha256", "bytes", "profile"}``, or
        ``{"refused": [...]}`` with the problems as :meth:`portal.tables.Problem.to_dict` gives
        them; then nothing is left at the destination.
    """
    task = load_use_case(request["use_case_package"]).task(request["task"])
    try:
        table = convert_table(
            Path(request["source"]),
            task.table(request["table"]),
            Path(request["destination"]),
            references={
                name: Path(path) for name, path in (request.get("references") or {}).items()
            },
            progress=progress,
        )
    except TableRefused as refusal:
        return {"refused": [problem.to_dict() for problem in refusal.problems]}
    return {
        "rows": table.rows,
        "columns": [
            {"name": column.name, "kind": column.kind.value, "subgroup": column.subgroup}
            for column in table.columns
        ],
        "sha256": table.sha256,
        "bytes": table.bytes,
        "profile": table.profile,
    }
