"""A Result as its page shows it: cards, figures with their tables, the row of the slider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, get_supported_language_variant, gettext

from portal.evaluations.drawing import draw_figures, drawing_version
from portal.evaluations.models import Drawing
from portal.evaluations.protocols import as_text, field_name
from portal.figures import Forest, forest
from portal.result import Estimate, Note, Result
from portal.showcase.explorer import Explored, explored
from portal.showcase.numbers import count, formatted, interval, measured, number
from portal.usecase import Figure, Finding, Measure, Protocol, Task, package_of

if TYPE_CHECKING:
    from portal.evaluations.models import Evaluation, StoredResult


@dataclass(frozen=True)
class Card:
    """A headline number."""

    measure: Measure
    estimate: Estimate
    sentence: str
    label: str


@dataclass(frozen=True)
class FigureTable:
    """The rows of a curve, fetched when they are asked for."""

    name: str
    url: str
    csv_url: str


@dataclass(frozen=True)
class DrawnFigure:
    """A figure, with its data as tables."""

    figure: Figure
    json: str
    """What the browser draws: text that may stand in a script element."""
    height: int | None
    tables: list[FigureTable]
    """One for each of its curves."""


def find(task: Task, result: Result) -> Finding:
    """What the result says, in the reader's language."""
    return task.find(result, gettext)


def cards(task: Task, result: Result, finding: Finding) -> list[Card]:
    """The headline measures that the result holds."""
    return list(_each_card(task, result, finding))


def _each_card(task: Task, result: Result, finding: Finding) -> Iterator[Card]:
    for key in task.headline:
        estimate = leading(task, result, key)
        if estimate is None:
            continue
        measure = task.measure(key)
        label = gettext(measure.label)
        if estimate.at:
            label = gettext("%(measure)s at %(threshold)s") % {
                "measure": label,
                "threshold": taken_at(task, estimate.at),
            }
        yield Card(measure, estimate, finding.sentences.get(key, ""), label)


def leading(task: Task, result: Result, key: str) -> Estimate | None:
    """The estimate of everyone that a card shows: of several, the one where the slider starts."""
    found = [e for e in result.estimates if e.measure == key and e.subgroup is None]
    start = task.explorer.start(result) if task.explorer and len(found) > 1 else None
    if task.explorer and start is not None:
        target, parameter = start, task.explorer.parameter
        along = [(abs(e.at[parameter] - target), e) for e in found if e.at and parameter in e.at]
        if along:
            return min(along, key=lambda pair: pair[0])[1]
    return found[0] if found else None


def figures(
    evaluation: Evaluation,
    stored: StoredResult,
    result: Result,
    addresses: Mapping[str, tuple[str, str]],
) -> list[DrawnFigure]:
    """Every figure of the task, from the stored result alone.

    Parameters
    ----------
    addresses
        Where the table and the CSV of each curve are, by the curve's key.
    """
    task = evaluation.declared_task
    drawn = _drawn(evaluation, stored, result)
    return [
        DrawnFigure(
            figure=figure,
            json=mark_safe(drawn[figure.slug]["json"]),  # noqa: S308 - escaped where it was made
            height=drawn[figure.slug]["height"],
            tables=[
                FigureTable(curve_name(task, key), *addresses[key])
                for key in figure.curves
                if key in addresses
            ],
        )
        for figure in task.figures
    ]


def _drawn(evaluation: Evaluation, stored: StoredResult, result: Result) -> dict[str, Any]:
    """The figures that are kept with the result; they are drawn where these are out of date."""
    language = get_supported_language_variant(get_language() or "en")
    version = drawing_version(package_of(evaluation.declared))
    kept = stored.drawings.filter(language=language, version=version).first()
    if kept is not None:
        return kept.figures
    found = draw_figures(evaluation.declared_task, result, gettext)
    Drawing.keep(stored_result=stored, language=language, version=version, figures=found)
    return found


def forests(task: Task, result: Result) -> list[tuple[Measure, Forest]]:
    """The headline measures site by site, where the result has sites."""
    drawn = [(task.measure(key), _forest(task, result, key)) for key in task.headline]
    return [(measure, plot) for measure, plot in drawn if plot.rows]


def _forest(task: Task, result: Result, key: str, column: str | None = None) -> Forest:
    """A forest of what the card of ``key`` shows."""
    shown = leading(task, result, key)
    return forest(result, key, column=column, at=shown.at if shown else None)


def subgroup_forests(task: Task, result: Result) -> list[tuple[str, Measure, Forest]]:
    """The leading measure in each column of subgroups that the protocol asks for, by its words."""
    measure = task.measure(task.headline[0])
    return [
        (column.replace("_", " "), measure, plot)
        for column in result.protocol.get("subgroups", [])
        if (plot := _forest(task, result, measure.key, column)).rows
    ]


def explored_at(task: Task, result: Result, asked: Mapping[str, str]) -> Explored | None:
    """The slider's card, at the value that the address asks for or at the protocol's."""
    if task.explorer is None:
        return None
    return explored(task.explorer, result, asked.get(task.explorer.parameter))


def population(task: Task, result: Result) -> str:
    """Whom the result is about, in words: "3,000 patients, 412 events"."""
    found = result.population
    words = {
        name: number(value) if isinstance(value, float) else count(value)
        for name, value in found.items()
        if value is None or isinstance(value, int | float)
    }
    try:
        return gettext(task.population).format(**words)
    except KeyError:  # a result of an engine that did not count that yet
        return ""


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
    card = next(_each_card(task, summary, finding), None)
    return {"evaluation": evaluation, "finding": finding, "card": card}


@dataclass(frozen=True)
class EstimateRow:
    """A line of the table of all estimates, in words."""

    label: str
    at: str
    group: str
    value: str
    """Empty where there is none."""
    interval: str
    unavailable: str
    method: str

    def html(self) -> SafeString:
        """Its row of the table: made here, as a page has hundreds and templates take their time."""
        if self.value:
            value = f'<td class="n">{escape(self.value)}</td>'
            value += f'<td class="n nowrap">{escape(self.interval)}</td>'
        else:
            value = f'<td colspan="2">{escape(self.unavailable)}</td>'
        return SafeString(
            f"""<tr>
          <th scope="row">{escape(self.label)}</th>
          <td>{escape(self.at)}</td>
          <td>{escape(self.group)}</td>
          {value}
          <td>{escape(self.method)}</td>
        </tr>"""
        )


def estimate_rows(task: Task, result: Result) -> list[EstimateRow]:
    """Every estimate of the result, in its own order: everyone first, then the subgroups."""
    measures = {measure.key: (measure, gettext(measure.label)) for measure in task.measures}
    return [
        _estimate_row(task, estimate, *measures[estimate.measure]) for estimate in result.estimates
    ]


def _estimate_row(task: Task, estimate: Estimate, measure: Measure, label: str) -> EstimateRow:
    group = estimate.subgroup
    return EstimateRow(
        label=label,
        at=taken_at(task, estimate.at),
        group=f"{group.column}: {group.value}" if group else "",
        value="" if estimate.value is None else measured(estimate.value, measure),
        interval=interval(estimate, measure),
        unavailable=estimate.unavailable or "",
        method=estimate.method,
    )


def taken_at(task: Task, at: Mapping[str, float] | None) -> str:
    """What an estimate is taken at, in words: "10%" of a threshold."""
    words, known = [], {declared.key: declared for declared in task.at}
    for name, value in (at or {}).items():
        declared = known.get(name)
        if declared is None:
            words.append(f"{name.replace('_', ' ')} {value:g}")
        else:
            said = formatted(value, declared.format)
            words.append(gettext(declared.words).format(value=said))
    return ", ".join(words)


def protocol_lines(task: Task, protocol: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The frozen protocol as facts, the task's own fields first: name and value of each."""
    fields = task.protocol.model_fields
    own = [name for name in fields if name not in Protocol.model_fields]
    names = [*own, *(name for name in fields if name in Protocol.model_fields)]
    return [
        (field_name(task.protocol, name), as_text(protocol[name]) or gettext("none"))
        for name in names
        if name in protocol
    ]


def curve_name(task: Task, key: str) -> str:
    """What a curve is called; a curve that the task no longer names is called by its key."""
    named = task.curves.get(key)
    return gettext(named) if named else key.replace("_", " ").capitalize()
