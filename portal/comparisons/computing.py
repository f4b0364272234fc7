"""What runs in the child process of a comparison: tables in, differences out. No Django."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from portal.jobs.child import Refused
from portal.tables import LoadedTable, TableRefused, check_references, read_table
from portal.usecase import Progress, load_use_case

_READING = 0.1


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Read the tables, compare the models, and answer with the bytes of the comparison.

    Parameters
    ----------
    request : dict
        ``use_case_package``, ``task``, ``protocol`` (its fields), ``tables`` (reference tables,
        name -> path) and ``models``: of each, in order, ``{"table": name, "path": path}``.
    progress : callable

    Returns
    -------
    dict
        ``{"comparison": <as JSON text>}``
    """
    task = load_use_case(request["use_case_package"]).task(request["task"])
    if task.compare is None:
        raise Refused("Models of this task are not compared on the same people.")
    protocol = task.protocol.model_validate(request["protocol"])
    progress("Reading tables", 0.0)
    tables: dict[str, LoadedTable] = {}
    predictions: list[LoadedTable] = []
    try:
        for name, path in request["tables"].items():
            tables[name] = read_table(Path(path), task.table(name))
        check_references(tables, task.reference_tables)
        for model in request["models"]:
            schema = task.table(model["table"])
            said = read_table(Path(model["path"]), schema)
            check_references({**tables, schema.name: said}, (schema,))
            predictions.append(said)
    except TableRefused as refusal:
        # Without rows and what they hold, as in an evaluation.
        rules = [replace(problem, rows=(), found=(), count=0) for problem in refusal.problems]
        raise Refused(str(TableRefused(rules))) from None

    def of_the_rest(stage: str, fraction: float) -> None:
        progress(stage, _READING + (1 - _READING) * fraction)

    comparison = task.compare(tables, predictions, protocol, of_the_rest)
    return {"comparison": comparison.to_json().decode()}
