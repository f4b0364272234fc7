"""What runs in the child process of an evaluation: tables in, Result out. No Django."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from portal.jobs.child import Refused
from portal.tables import LoadedTable, TableRefused, check_references, read_table
from portal.usecase import Progress, load_use_case

_READING = 0.1


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Read the tables, evaluate, and answer with the bytes of the Result.

    Parameters
    ----------
    request : dict
        ``use_case_package``, ``task``, ``protocol`` (its fields) and ``tables`` (name -> path).
    progress : callable

    Returns
    -------
    dict
        ``{"result": <the Result as JSON text>}``
    """
    task = load_use_case(request["use_case_package"]).task(request["task"])
    protocol = task.protocol.model_validate(request["protocol"])
    tables: dict[str, LoadedTable] = {}
    progress("Reading tables", 0.0)
    try:
        for name, path in request["tables"].items():
            tables[name] = read_table(Path(path), task.table(name))
        check_references(tables, task.tables)
    except TableRefused as refusal:
        # Without rows and what they hold: this is read by whoever submitted the evaluation, and
        # the holder is told everything when a table is uploaded.
        rules = [replace(problem, rows=(), found=(), count=0) for problem in refusal.problems]
        raise Refused(str(TableRefused(rules))) from None

    def of_the_rest(stage: str, fraction: float) -> None:
        progress(stage, _READING + (1 - _READING) * fraction)

    result = task.evaluate(tables, protocol, of_the_rest)
    return {"result": result.to_json().decode()}
