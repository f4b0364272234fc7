"""``python -m usecases.evaluate``: the engine from the command line, where the data is.

It finds the use cases by their folders and needs no settings, no database and no Django.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import usecases
from portal.jobs.child import Refused
from portal.result import Result
from portal.tables import LoadedTable, TableRefused, check_references, read_table
from portal.usecase import Protocol, Task, load_use_case

REFUSED = 2
"""Exit code for a request, a table or a protocol that was refused."""


def tasks() -> dict[str, Task]:
    """Every task, as ``use-case/task``, of the folders of this package with a ``use_case.py``."""
    found = {}
    declarations = {
        declaration.parent.name
        for folder in usecases.__path__
        for declaration in Path(folder).glob("*/use_case.py")
    }
    for name in sorted(declarations):
        use_case = load_use_case(f"usecases.{name}")
        for task in use_case.tasks:
            found[f"{use_case.slug}/{task.slug}"] = task
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0, or 2 with the reasons on standard error."""
    known = tasks()
    options = _parser(known).parse_args(arguments)
    try:
        if options.schema:
            answer = _schema(_task(known, options.schema))
        elif options.task:
            answer = _evaluate(_task(known, options.task), options)
        else:
            raise Refused(f"Name a task: {', '.join(known)}.")
    except TableRefused as refusal:
        print(refusal, file=sys.stderr)
        return REFUSED
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return REFUSED
    if options.out:
        options.out.write_bytes(answer)
    else:
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.flush()
    return 0


def _parser(known: dict[str, Task]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m usecases.evaluate",
        description="Evaluate a model's predictions and print the Result as JSON.",
        epilog="\n\n".join(["tasks:", *(_described(name, task) for name, task in known.items())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", nargs="?", metavar="TASK", help=f"one of {', '.join(known)}")
    parser.add_argument(
        "--table",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="a table of the task, CSV or Parquet; once for each",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="a field of the protocol; the values of a list are separated by commas",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write the Result")
    parser.add_argument(
        "--schema", metavar="TASK", help="print the JSON Schemas of the protocol and the Result"
    )
    return parser


def _described(name: str, task: Task) -> str:
    lines = [f"{name}: {task.title}"]
    for schema in task.tables:
        columns = ", ".join(
            column.name if column.required else f"[{column.name}]" for column in schema.columns
        )
        more = ", further columns" if schema.extra_columns else ""
        instead = f", instead of {schema.alternative_to}" if schema.alternative_to else ""
        lines += _wrapped(f"--table {schema.name}=FILE  columns {columns}{more}{instead}")
    for field, info in task.protocol.model_fields.items():
        default = "" if info.default is None else info.default
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
        lines += _wrapped(f"--set {field}={shown}  {info.description or ''}".rstrip())
    return "\n".join(lines)


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, 96, initial_indent="  ", subsequent_indent="      ")


def _task(known: dict[str, Task], name: str) -> Task:
    if name not in known:
        raise Refused(f"There is no task '{name}'; there are: {', '.join(known)}.")
    return known[name]


def _schema(task: Task) -> bytes:
    schemas = {
        "protocol": task.protocol.model_json_schema(),
        "result": Result.model_json_schema(by_alias=True),
    }
    return json.dumps(schemas, indent=2).encode()


def _evaluate(task: Task, options: argparse.Namespace) -> bytes:
    protocol = _protocol(task.protocol, _pairs(options.set, "--set FIELD=VALUE"))
    files = _pairs(options.table, "--table NAME=FILE")
    names = [schema.name for schema in task.tables]
    unknown = [name for name in files if name not in names]
    missing = [schema.name for schema in task.missing_tables(files)]
    if unknown:
        raise Refused(f"The task has no table '{unknown[0]}'; it has: {', '.join(names)}.")
    if missing:
        raise Refused(
            f"The task needs {', '.join(f'--table {name}=FILE' for name in missing)} as well."
        )
    for schema in task.superfluous_tables(files):
        raise Refused(
            f"Table '{schema.name}' is given instead of '{schema.alternative_to}': "
            "leave one of the two out."
        )
    result = task.evaluate(_read(task, files), protocol, _show_progress)
    return result.to_json()


def _read(task: Task, files: dict[str, str]) -> dict[str, LoadedTable]:
    """The tables; every problem of every table at once if any is refused."""
    tables, problems = {}, []
    for schema in task.tables:
        if schema.name not in files:
            continue  # its alternative is given
        path = Path(files[schema.name])
        if not path.is_file():
            problems.append(f"{schema.name}: there is no file '{path}'.")
            continue
        try:
            tables[schema.name] = read_table(path, schema)
        except TableRefused as refusal:
            problems += [f"{schema.name}: {problem}" for problem in refusal.problems]
    if problems:
        raise Refused("\n".join(problems))
    check_references(tables, task.tables)
    return tables


def _pairs(given: list[str], form: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise Refused(f"Expected {form}, found '{pair}'.")
        if name in pairs:
            raise Refused(f"'{name}' is given twice.")
        pairs[name] = value
    return pairs


def _protocol(model: type[Protocol], given: dict[str, str]) -> Protocol:
    """The protocol with the fields that were given as text; lists are split at commas."""
    fields = model.model_fields
    unknown = [name for name in given if name not in fields]
    if unknown:
        raise Refused(f"The protocol has no field '{unknown[0]}'; it has: {', '.join(fields)}.")
    values: dict[str, Any] = {
        name: [part.strip() for part in text.split(",") if part.strip()]
        if typing.get_origin(fields[name].annotation) in (tuple, list)
        else text
        for name, text in given.items()
    }
    try:
        return model.model_validate(values)
    except ValidationError as wrong:
        raise Refused(
            "\n".join(
                f"{field}={given.get(field, '')}: {error['msg'].rstrip('.')}."
                for error in wrong.errors()
                for field in [str(error["loc"][0])]
            )
        ) from wrong


def _show_progress(stage: str, fraction: float) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{stage} {fraction:.0%}", end="\n" if fraction >= 1 else "", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
