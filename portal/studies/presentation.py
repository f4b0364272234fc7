"""A study's report as its page shows it: the heat table, forests, case mix, what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from portal.figures import Forest, ForestRow, forest_ends
from portal.organisations.countries import country_name
from portal.showcase.numbers import count, interval, measured, number, percent, significant
from portal.studies.findings import model_name, short_name
from portal.studies.report import CellEntry, Choice, ModelEntry, Partner, Report, SiteEntry

if TYPE_CHECKING:
    from portal.result import Estimate, Pooled
    from portal.usecase import Measure

SHADES = 5
"""Of the heat table, each with a class of its own in the style sheet."""


def chosen(report: Report, asked: str | None) -> Choice | None:
    """The measure that the address asks for, else the title's; None before there is any."""
    for slug in (asked, report.finding.choice):
        for choice in report.choices:
            if choice.slug == slug:
                return choice
    return report.choices[0] if report.choices else None


@dataclass(frozen=True)
class HeatCell:
    """A cell of the heat table: its number, or how it ended."""

    model: str
    """The name of its column, for a phone that shows no heads."""
    status: str
    value: str
    interval: str
    shade: str
    """Class of the style sheet; "" without a number."""
    reason: str
    url: str
    """The evaluation's page, for who may see it."""


@dataclass(frozen=True)
class HeatRow:
    """A site, and what each model does there."""

    site: SiteEntry
    country: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class Heat:
    """The matrix of one measure."""

    choice: Choice
    measure: Measure
    models: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    pooled: tuple[Pooled | None, ...]
    middle: str
    """The reference that shades lead away from on both sides; "" where stronger is higher."""


Links = Mapping[tuple[str, str], str]


def heat(report: Report, choice: Choice, links: Links) -> Heat:
    """The heat table of the chosen measure.

    Parameters
    ----------
    links
        By model and site: the address of the evaluation; empty for those who see none.
    """
    measure = report.measure(choice.measure)
    found = [cell.overall(choice.measure, choice.at) for cell in report.cells]
    values = [estimate.value for estimate in found if estimate and estimate.value is not None]
    shades = _Shades.of(measure, values)
    names = tuple(short_name(report, model) for model in report.models)
    rows = []
    for site in report.sites:
        cells = tuple(
            _heat_cell(report.cell(model.key, site.key), name, choice, measure, shades, links)
            for model, name in zip(report.models, names, strict=True)
        )
        rows.append(HeatRow(site, country_name(site.country), cells))
    pooled = tuple(report.pooled_estimate(model.key, choice) for model in report.models)
    middle = measured(shades.middle, measure) if shades.middle is not None else ""
    return Heat(choice, measure, names, tuple(rows), pooled, middle)


def _heat_cell(
    cell: CellEntry, name: str, choice: Choice, measure: Measure, shades: _Shades, links: Links
) -> HeatCell:
    estimate = cell.overall(choice.measure, choice.at)
    value = shade = between = ""
    reason = " ".join(cell.reasons)
    if estimate is not None:
        reason = estimate.unavailable or ""
        if estimate.value is not None:
            value, shade = measured(estimate.value, measure), shades.of_value(estimate.value)
            between = interval(estimate, measure)
    elif cell.status == "succeeded":
        reason = _("Not estimated here.")
    url = links.get((cell.model, cell.site), "")
    return HeatCell(name, cell.status, value, between, shade, reason, url)


@dataclass(frozen=True)
class _Shades:
    """How far a value lies from the lightest one, on one side or on both."""

    low: float
    high: float
    middle: float | None

    @classmethod
    def of(cls, measure: Measure, values: Iterable[float]) -> _Shades:
        found = list(values)
        low, high = min(found, default=0.0), max(found, default=1.0)
        reference = measure.reference
        inside = (
            reference is not None
            and (measure.low is None or measure.low < reference)
            and (measure.high is None or reference < measure.high)
        )
        return cls(low, high, reference if inside else None)

    def of_value(self, value: float) -> str:
        if self.middle is None:
            share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
            return f"shade-{self._step(share)}"
        furthest = max(abs(self.high - self.middle), abs(self.low - self.middle))
        share = abs(value - self.middle) / furthest if furthest else 0.0
        side = "above" if value >= self.middle else "below"
        return f"{side} shade-{self._step(share)}"

    @staticmethod
    def _step(share: float) -> int:
        return min(int(share * SHADES), SHADES - 1)


@dataclass(frozen=True)
class ModelForest:
    """The chosen measure of one model, site by site and pooled."""

    model: ModelEntry
    forest: Forest
    pooled: Pooled | None
    unavailable: str
    """Why nothing is pooled."""


def forests(report: Report, choice: Choice) -> list[ModelForest]:
    """A forest a model, all on one axis so that they can be compared by eye."""
    rows: dict[str, list[ForestRow]] = {}
    pooled: dict[str, Pooled | None] = {}
    for model in report.models:
        pooled[model.key] = report.pooled_estimate(model.key, choice)
        for site in report.sites:
            cell = report.cell(model.key, site.key)
            estimate = cell.overall(choice.measure, choice.at)
            if estimate is not None:
                row = ForestRow(site.title, cell.population.get("patients"), estimate)
                rows.setdefault(model.key, []).append(row)
    drawn: list[Estimate | Pooled | None] = [
        *(row.estimate for found in rows.values() for row in found), *pooled.values()
    ]  # fmt: skip
    low, high = forest_ends(drawn)
    reasons = {entry.model: entry.unavailable for entry in report.pooled}
    return [
        ModelForest(
            model,
            Forest(tuple(rows[model.key]), None, _with_value(pooled[model.key]), low, high),
            pooled[model.key],
            reasons.get(model.key, "") or _("This measure is not pooled."),
        )
        for model in report.models
        if model.key in rows
    ]


def _with_value(pooled: Pooled | None) -> Pooled | None:
    return pooled if pooled is not None and pooled.value is not None else None


@dataclass(frozen=True)
class MixRow:
    """Who was in the data of a site."""

    site: SiteEntry
    country: str
    patients: str
    events: str
    facts: tuple[str, ...]
    values: tuple[str, ...]
    """The chosen measure, model by model."""


@dataclass(frozen=True)
class CaseMix:
    """Who was in the data, a line a site, to tell another population from a failing model."""

    heads: tuple[str, ...]
    rows: tuple[MixRow, ...]


def case_mix(report: Report, heat: Heat) -> CaseMix:
    """The counts and the case mix of each site; what depends on the model, model by model."""
    columns: dict[tuple[str, str], str] = {}
    found: dict[str, dict[tuple[str, str], str]] = {}
    counts: dict[str, tuple[str, str]] = {}
    for site in report.sites:
        for model in report.models:
            population = report.cell(model.key, site.key).population
            if not population:
                continue
            counts.setdefault(site.key, (_counted(population, "patients"), _events(population)))
            for name, text in _mix(population).items():
                # The spread of a model's own predictor is another one for each model.
                own = model.key if "predictor" in name and len(report.models) > 1 else ""
                words = name.replace("_", " ")
                head = _(words[:1].upper() + words[1:])
                columns[name, own] = f"{head}, {short_name(report, model)}" if own else head
                found.setdefault(site.key, {}).setdefault((name, own), text)
    rows = tuple(
        MixRow(
            site,
            country_name(site.country),
            *counts[site.key],
            tuple(found.get(site.key, {}).get(column, "–") for column in columns),
            tuple(cell.value for cell in drawn.cells),
        )
        for site, drawn in zip(report.sites, heat.rows, strict=True)
        if site.key in counts
    )
    return CaseMix(tuple(columns.values()), rows)


def _counted(population: Mapping[str, Any], name: str) -> str:
    return count(population[name]) if name in population else "–"


def _events(population: Mapping[str, Any]) -> str:
    """The events, with their share where it is one of the people counted."""
    if "events" not in population:
        return "–"
    events, others = population["events"], population.get("non_events")
    if events is None or others is None or not events + others:
        return count(events)
    return f"{number(events)} ({percent(events / (events + others))})"


MIX_ASIDE = ("site", "patients", "events", "patients_with_event")
"""What stands in columns of its own, or is said by another."""


def _mix(population: Mapping[str, Any]) -> dict[str, str]:
    """What an evaluation tells of the case mix of a dataset, by name, as read.

    A dataset with sites of its own is the sum of them, where all of them are told.
    """
    entries = population.get("case_mix")
    parts = [entries] if isinstance(entries, dict) else population.get("sites", [])
    if not parts:
        return {}
    mixed: dict[str, str] = {}
    for name in parts[0]:
        if name.startswith("mean_"):
            spread = name.replace("mean_", "sd_", 1)
            both = _mean_and_spread(parts, name, spread)
            if both is not None:
                mixed[f"{name.removeprefix('mean_')}: mean (SD)"] = (
                    f"{number(both[0], 2)} ({number(both[1], 2)})"
                )
        elif name.startswith("sd_") or name in MIX_ASIDE or len(parts) > 1:
            continue
        elif isinstance(parts[0][name], int | float):
            mixed[name] = significant(parts[0][name])
    return mixed


def _mean_and_spread(
    parts: Sequence[Mapping[str, Any]], mean: str, spread: str
) -> tuple[float, float] | None:
    """Of all parts together; None where a part is hidden."""
    told: list[tuple[Any, Any, Any]] = [
        (part.get("patients"), part.get(mean), part.get(spread)) for part in parts
    ]
    if any(None in values for values in told):
        return None
    people = sum(n for n, _mean, _sd in told)
    if people < 2:
        return None
    middle = sum(n * m for n, m, _sd in told) / people
    squares = sum((n - 1) * sd**2 + n * (m - middle) ** 2 for n, m, sd in told)
    return middle, math.sqrt(squares / (people - 1))


@dataclass(frozen=True)
class Missing:
    """What was left out of a cell, or why there is nothing in it."""

    model: str
    site: str
    status: str
    notes: list[str]
    retry_url: str
    """Where it is tried again, for who may."""


def missing(report: Report, retries: Links) -> list[Missing]:
    """Cells that failed or were cancelled, then those that left something out."""
    names = {model.key: model_name(report, model) for model in report.models}
    titles = {site.key: site.title for site in report.sites}
    found = []
    for cell in report.cells:
        notes = [*cell.reasons, *(note.message for note in (*cell.warnings, *cell.suppressed))]
        if notes:
            retry = retries.get((cell.model, cell.site), "")
            found.append(Missing(names[cell.model], titles[cell.site], cell.status, notes, retry))
    return sorted(found, key=lambda entry: entry.status == "succeeded")


def page_context(
    report: Report, asked: str | None, *, links: Links | None = None, retries: Links | None = None
) -> dict[str, Any]:
    """What ``studies/_report.html`` shows.

    Parameters
    ----------
    asked
        The measure that the address names.
    links, retries
        By model and site: the page of the evaluation, and where it is tried again, for those who
        may; a published page has neither.
    """
    choice = chosen(report, asked)
    context: dict[str, Any] = {
        "report": report,
        "choice": choice,
        "missing": missing(report, retries or {}),
        "partners": partners(report),
    }
    if choice is not None:
        drawn = heat(report, choice, links or {})
        context |= {
            "heat": drawn,
            "mix": case_mix(report, drawn),
            "forests": forests(report, choice),
            "measure": report.measure(choice.measure),
        }
    return context


def partners(report: Report) -> list[tuple[Partner, str]]:
    """Who takes part, each with the name of its country."""
    return [(partner, country_name(partner.country)) for partner in report.partners]
