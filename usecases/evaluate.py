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
from portal.result import Comparison, Result
from portal.tables import (
    LoadedTable,
    TableRefused,
    TableSchema,
    check_references,
    read_table,
)
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
        if options.predictions and not options.compare:
            raise Refused("--predictions goes with --compare TASK.")
        if options.schema:
            answer = _schema(_task(known, options.schema))
        elif options.compare:
            answer = _compare(options.compare, _task(known, options.compare), options)
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
        description="Evaluate a model's predictions, or compare those of several models on the "
        "same people, and print what was found as JSON.",
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
    parser.add_argument(
        "--compare",
        metavar="TASK",
        help="compare models: each less the first, on the people whom all have predictions of",
    )
    parser.add_argument(
        "--predictions",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="with --compare: what a model says, CSV or Parquet; once for each model, in order",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write what was found")
    parser.add_argument(
        "--schema", metavar="TASK", help="print the JSON Schemas of the protocol and of the answers"
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
        "comparison": Comparison.model_json_schema(by_alias=True),
    }
    return json.dumps(schemas, indent=2).encode()


def _evaluate(task: Task, options: argparse.Namespace) -> bytes:
    protocol = _protocol(task.protocol, _pairs(options.set, "--set FIELD=VALUE"))
    files = _files(options.table, task.tables)
    _check_complete([schema.name for schema in task.missing_tables(files)])
    for schema in task.superfluous_tables(files):
        raise Refused(
            f"Table '{schema.name}' is given instead of '{schema.alternative_to}': "
            "leave one of the two out."
        )
    tables, problems = _read(task.tables, files)
    if problems:
        raise Refused("\n".join(problems))
    check_references(tables, task.tables)
    return task.evaluate(tables, protocol, _show_progress).to_json()


def _compare(name: str, task: Task, options: argparse.Namespace) -> bytes:
    if task.compare is None:
        raise Refused(f"Task '{name}' does not compare models.")
    protocol = _protocol(task.protocol, _pairs(options.set, "--set FIELD=VALUE"))
    outputs = {schema.name for schema in task.output_tables}
    if any(given.partition("=")[0] in outputs for given in options.table):
        raise Refused("What the models say is given by --predictions FILE, once for each model.")
    files = _files(options.table, task.reference_tables)
    _check_complete([one.name for one in task.reference_tables if one.name not in files])
    tables, problems = _read(task.reference_tables, files)
    predictions = []
    for path in options.predictions:
        try:
            schema, table = _read_output(path, task.output_tables)
            check_references({**tables, schema.name: table}, (schema,))
            predictions.append(table)
        except TableRefused as refusal:
            problems += [f"{path.name}: {problem}" for problem in refusal.problems]
    if problems:
        raise Refused("\n".join(problems))
    check_references(tables, task.reference_tables)
    return task.compare(tables, predictions, protocol, _show_progress).to_json()


def _files(given: list[str], schemas: Sequence[TableSchema]) -> dict[str, str]:
    """The files by the names of their tables, which the task has."""
    files = _pairs(given, "--table NAME=FILE")
    names = [schema.name for schema in schemas]
    unknown = [name for name in files if name not in names]
    if unknown:
        raise Refused(f"The task has no table '{unknown[0]}'; it has: {', '.join(names)}.")
    return files


def _check_complete(missing: list[str]) -> None:
    if missing:
        raise Refused(
            f"The task needs {', '.join(f'--table {name}=FILE' for name in missing)} as well."
        )


def _read(
    schemas: Sequence[TableSchema], files: dict[str, str]
) -> tuple[dict[str, LoadedTable], list[str]]:
    """The tables, and every problem of every table at once if any is refused."""
    tables, problems = {}, []
    for schema in schemas:
        if schema.name not in files:
            continue  # its alternative is given
        path = Path(files[schema.name])
        try:
            tables[schema.name] = _read_file(path, schema)
        except TableRefused as refusal:
            problems += [f"{schema.name}: {problem}" for problem in refusal.problems]
        except FileNotFoundError:
            problems.append(f"{schema.name}: there is no file '{path}'.")
    return tables, problems


def _read_file(path: Path, schema: TableSchema) -> LoadedTable:
    if not path.is_file():
        raise FileNotFoundError(path)
    return read_table(path, schema)


def _read_output(path: Path, schemas: Sequence[TableSchema]) -> tuple[TableSchema, LoadedTable]:
    """What a model says in the form that the file has; as the one that it comes closest to."""
    refusals = []
    for schema in schemas:
        try:
            return schema, _read_file(path, schema)
        except FileNotFoundError:
            raise Refused(f"There is no file '{path}'.") from None
        except TableRefused as refusal:
            refusals.append(refusal)
    raise min(refusals, key=lambda refusal: len(refusal.problems))


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
