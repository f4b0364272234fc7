"""Whether models can be compared on the same people, and what says that it is the same comparison.

Differences with paired intervals need the same reference tables, byte for byte, and the same
protocol: otherwise values of different people, or at different thresholds, would be subtracted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from portal.catalogue.models import Table
from portal.evaluations.models import Evaluation
from portal.evaluations.protocols import as_text, field_name
from portal.usecase import Task

WITHOUT_EFFECT = ("subgroups", "bootstrap_replicates", "seed")
"""Fields of a protocol that may differ: a comparison is of everyone, with draws of its own."""


def reference_tables(evaluation: Evaluation) -> dict[str, Table]:
    """The tables of the data holder that an evaluation read, by name."""
    outputs = {schema.name for schema in evaluation.declared_task.output_tables}
    return {table.name: table for table in evaluation.tables.all() if table.name not in outputs}


def output_of(evaluation: Evaluation) -> Table | None:
    """What the model said, as a stored table; None where its artefact is run."""
    outputs = {schema.name for schema in evaluation.declared_task.output_tables}
    return next((table for table in evaluation.tables.all() if table.name in outputs), None)


def model_mark(evaluation: Evaluation) -> dict[str, Any]:
    """What decides the predictions of one model."""
    output, version = output_of(evaluation), evaluation.model_version
    if output is not None:
        return {"table": output.name, "sha256": output.sha256}
    return {"artefact": version.artefact_sha256, "inputs": version.input_names}


def differing_fields(protocols: Sequence[Mapping[str, Any]]) -> list[str]:
    """The fields that the protocols do not agree on."""
    names = dict.fromkeys(name for protocol in protocols for name in protocol)
    return [
        name
        for name in names
        if len({json.dumps(protocol.get(name), sort_keys=True) for protocol in protocols}) > 1
    ]


def obstacles(task: Task, evaluations: Sequence[Evaluation]) -> list[str]:
    """Why no paired differences can be given, in sentences; none where they can."""
    if task.compare is None:
        return [_("Models of this task are not compared on the same people.")]
    reasons = []
    tables = [
        {name: table.sha256 for name, table in reference_tables(one).items()} for one in evaluations
    ]
    if any(one != tables[0] for one in tables):
        reasons.append(
            _("They were evaluated on different people: values can stand side by side, but the "
              "difference of two would be one of people as much as one of models.")
        )  # fmt: skip
    fields = differing_fields([one.protocol for one in evaluations])
    if deciding := [name for name in fields if name not in WITHOUT_EFFECT]:
        reasons.append(
            _("Their protocols differ in what is measured: %(fields)s.")
            % {"fields": ", ".join(field_name(task.protocol, name).lower() for name in deciding)}
        )
    marks = [json.dumps(model_mark(one), sort_keys=True) for one in evaluations]
    if not reasons and len(set(marks)) < len(marks):
        reasons.append(_("Two of them are of the same predictions: nothing can differ."))
    return reasons


def comparison_fingerprint(task: Task, evaluations: Sequence[Evaluation]) -> str:
    """SHA-256 of everything that decides the differences, the order of the models included."""
    first = evaluations[0]
    source = {
        "use_case": first.use_case,
        "task": task.slug,
        "engine": task.engine,
        "protocol": first.protocol,
        "tables": {name: table.sha256 for name, table in sorted(reference_tables(first).items())},
        "models": [model_mark(one) for one in evaluations],
    }
    canonical = json.dumps(source, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def protocol_differences(evaluations: Sequence[Evaluation]) -> list[tuple[str, list[str]]]:
    """Each field that differs, in words, with its value in each evaluation."""
    declared = evaluations[0].declared_task.protocol
    protocols = [one.protocol for one in evaluations]
    return [
        (field_name(declared, name), [as_text(one.get(name)) or _("none") for one in protocols])
        for name in differing_fields(protocols)
    ]
