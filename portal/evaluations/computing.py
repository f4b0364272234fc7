"""What runs in the child process of an evaluation: tables in, Result out. No Django."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portal.evaluations.drawing import draw_figures
from portal.jobs.child import Refused
from portal.tables import LoadedTable, TableRefused, check_references, read_table
from portal.usecase import Progress, Protocol, Task, load_use_case

if TYPE_CHECKING:
    from portal.result import Result

_READING = 0.1
_DRAWING = 0.95


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Read the tables, evaluate, draw, and answer with the bytes of the Result and its figures.

    Parameters
    ----------
    request : dict
        ``use_case_package``, ``task``, ``protocol`` (its fields), ``tables`` (name -> path) and
        ``cases``, the path where the table of cases is written.
    progress : callable

    Returns
    -------
    dict
        ``{"result": <the Result as JSON text>, "figures": <as draw_figures gives them, in
        English; None where one cannot be drawn>, "has_cases": <whether they were written>}``
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
        progress(stage, _READING + (_DRAWING - _READING) * fraction)

    result = task.evaluate(tables, protocol, of_the_rest)
    progress("Drawing", _DRAWING)
    figures = _figures(task, result)
    return {
        "result": result.to_json().decode(),
        "figures": figures,
        "has_cases": _write_cases(task, tables, protocol, Path(request["cases"])),
    }


def _write_cases(
    task: Task, tables: dict[str, LoadedTable], protocol: Protocol, path: Path
) -> bool:
    """Write what happened to each case, which only the holder of the data sees."""
    if task.cases is None:
        return False
    columns = [column.name for column in task.cases.columns]
    task.cases.tabulate(tables, protocol).select(columns).write_parquet(path)
    return True


def _figures(task: Task, result: Result) -> dict[str, Any] | None:
    """The figures, or None: the numbers are not lost where one of them cannot be drawn."""
    try:
        return draw_figures(task, result, str)
    except Exception:
        traceback.print_exc()
        return None
