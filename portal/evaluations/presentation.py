"""A Result as its page shows it: cards, figures with their tables, the row of the slider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from portal.evaluations.protocols import as_text
from portal.figures import Forest, curve_table, figure_json, forest, headline
from portal.result import Curve, Estimate, Note, Result
from portal.usecase import Figure, Finding, Measure, Protocol, Task

if TYPE_CHECKING:
    from portal.evaluations.models import Evaluation

EXPLORED = "thresholds"
"""The curve that the threshold slider walks along."""


@dataclass(frozen=True)
class Card:
    """A headline number."""

    measure: Measure
    estimate: Estimate
    sentence: str
    label: str


@dataclass(frozen=True)
class DrawnFigure:
    """A figure, with its data as a table."""

    figure: Figure
    json: dict[str, Any]
    tables: list[dict[str, Any]]
    """Each of its curves: name, heading and rows as text, address of the CSV."""


def find(task: Task, result: Result) -> Finding:
    """What the result says, in the reader's language."""
    return task.find(result, gettext)


def cards(task: Task, result: Result, finding: Finding) -> list[Card]:
    """The headline measures that the result holds."""
    found = []
    for key in task.headline:
        estimate = headline(result, key)
        if estimate is None:
            continue
        measure = task.measure(key)
        label = gettext(measure.label)
        if estimate.at:
            label = gettext("%(measure)s at %(threshold)s") % {
                "measure": label,
                "threshold": taken_at(estimate),
            }
        found.append(Card(measure, estimate, finding.sentences.get(key, ""), label))
    return found


def figures(task: Task, result: Result, addresses: Mapping[str, str]) -> list[DrawnFigure]:
    """Every figure of the task, drawn from the stored result alone.

    Parameters
    ----------
    addresses
        Where the CSV of each curve is, by the curve's key.
    """
    return [
        DrawnFigure(
            figure,
            figure_json(figure.draw(result, gettext)),
            [
                _table(key, result.curves[key], addresses[key])
                for key in figure.curves
                if key in result.curves
            ],
        )
        for figure in task.figures
    ]


def _table(key: str, curve: Curve, address: str) -> dict[str, Any]:
    head, rows = curve_table(curve)
    return {"name": curve_name(key), "head": head, "rows": rows, "csv_url": address}


def forests(task: Task, result: Result) -> list[tuple[Measure, Forest]]:
    """The headline measures site by site, where the result has sites."""
    drawn = [(task.measure(key), forest(result, key)) for key in task.headline]
    return [(measure, plot) for measure, plot in drawn if plot.rows]


def subgroup_forests(task: Task, result: Result) -> list[tuple[str, Measure, Forest]]:
    """The leading measure in each column of subgroups that the protocol asks for."""
    measure = task.measure(task.headline[0])
    return [
        (column, measure, plot)
        for column in result.protocol.get("subgroups", [])
        if (plot := forest(result, measure.key, column=column)).rows
    ]


def chosen_row(result: Result, asked: str | None) -> dict[str, Any] | None:
    """The row of the slider's curve at the threshold asked for, or at the protocol's first."""
    curve = result.curves.get(EXPLORED)
    if curve is None or not curve.columns.get("threshold"):
        return None
    try:
        wanted = float(asked) if asked else float(result.protocol["thresholds"][0])
    except (KeyError, IndexError, ValueError):
        wanted = 0.1
    rows = curve.rows
    return min(rows, key=lambda row: abs(float(row["threshold"] or 0) - wanted))


def notes(result: Result) -> list[Note]:
    """What was excluded, hidden or must be known."""
    return [*result.warnings, *result.suppressed]


def listed(evaluation: Evaluation) -> dict[str, Any]:
    """A row of a list: the evaluation, its finding and its leading number."""
    summary = evaluation.summary
    if summary is None:
        return {"evaluation": evaluation}
    task = evaluation.declared_task
    finding = find(task, summary)
    leading = cards(task, summary, finding)[:1]
    return {"evaluation": evaluation, "finding": finding, "card": leading[0] if leading else None}


@dataclass(frozen=True)
class EstimateRow:
    """A line of the table of all estimates."""

    measure: Measure
    estimate: Estimate
    at: str
    group: str


def estimate_rows(task: Task, result: Result) -> list[EstimateRow]:
    """Every estimate of the result, in its own order: everyone first, then the subgroups."""
    return [
        EstimateRow(
            task.measure(estimate.measure),
            estimate,
            taken_at(estimate),
            f"{estimate.subgroup.column}: {estimate.subgroup.value}" if estimate.subgroup else "",
        )
        for estimate in result.estimates
    ]


def taken_at(estimate: Estimate) -> str:
    """What the estimate is taken at, in words: "10%" of a threshold."""
    at = estimate.at or {}
    return ", ".join(
        f"{100 * value:.3g}%" if name == "threshold" else f"{name.replace('_', ' ')} {value:g}"
        for name, value in at.items()
    )


def protocol_lines(task: Task, protocol: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The frozen protocol as facts, the task's own fields first: name and value of each."""
    fields = task.protocol.model_fields
    own = [name for name in fields if name not in Protocol.model_fields]
    names = [*own, *(name for name in fields if name in Protocol.model_fields)]
    return [
        (gettext(name.replace("_", " ").capitalize()), as_text(protocol[name]) or gettext("none"))
        for name in names
        if name in protocol
    ]


def curve_name(key: str) -> str:
    """A curve's key in words: "Risk distribution"."""
    return gettext(key.replace("_", " ").capitalize())
