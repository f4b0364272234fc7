"""The report of a study: everything its page shows and its files hold, as one JSON document.

The page inside the study and the published one are drawn from the same report; what is published
is a report whose bytes never change. So it carries the words and scales of its measures too: a
task that is declared anew changes no page that was published before. No person is named in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from pydantic import BaseModel, ConfigDict, Field

from portal.evaluations.presentation import leading, protocol_lines, taken_at
from portal.jobs.models import Status
from portal.result import Estimate, Input, Note, Number, Pooled, Result
from portal.usecase import Measure, Task

if TYPE_CHECKING:
    from portal.catalogue.models import Dataset
    from portal.registry.models import ModelVersion
    from portal.studies.models import Cell, Study

SCHEMA = "shaiped-study/1"
"""Version of the shape below; a change that a reader must know about raises it."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)


class Partner(_Frozen):
    """An organisation that takes part."""

    name: str
    country: str
    """ISO 3166-1 code."""
    coordinates: bool = False
    datasets: int = 0
    model_versions: int = 0


class ModelEntry(_Frozen):
    """A model version that takes part: a column of the matrix."""

    key: str
    name: str
    version: str
    developer: str

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}"


class SiteEntry(_Frozen):
    """A dataset that takes part: a row of the matrix."""

    key: str
    title: str
    holder: str
    country: str
    is_synthetic: bool


class CellEntry(_Frozen):
    """One model version on one dataset: what was found, or why nothing was."""

    model: str
    site: str
    status: str
    reasons: list[str] = Field(default_factory=list)
    engine: str | None = None
    fingerprint: str | None = None
    result_sha256: str | None = None
    inputs: dict[str, Input] = Field(default_factory=dict)
    population: dict[str, Any] = Field(default_factory=dict)
    estimates: list[Estimate] = Field(default_factory=list)
    warnings: list[Note] = Field(default_factory=list)
    suppressed: list[Note] = Field(default_factory=list)

    def overall(self, measure: str, at: dict[str, float] | None) -> Estimate | None:
        """The estimate of everyone in the dataset, where there is one."""
        for estimate in self.estimates:
            if (estimate.measure, estimate.at, estimate.subgroup) == (measure, at, None):
                return estimate
        return None


class PooledEntry(_Frozen):
    """One model version over all sites."""

    model: str
    unavailable: str = ""
    estimates: list[Pooled] = Field(default_factory=list)


class MeasureEntry(_Frozen):
    """A measure that the cells were asked for, in the words and on the scale of its task."""

    key: str
    label: str
    explanation: str
    low: Number | None = None
    high: Number | None = None
    reference: Number | None = None
    digits: int = 3
    percent: bool = False

    @property
    def declared(self) -> Measure:
        """As the components take it."""
        return Measure(**self.model_dump())


class Choice(_Frozen):
    """A measure at what it is taken at: what a reader chooses to look at."""

    measure: str
    at: dict[str, Number] | None = None
    label: str

    @property
    def slug(self) -> str:
        """Its name in the page's address: "sensitivity:threshold=0.1"."""
        at = ",".join(f"{name}={value:g}" for name, value in (self.at or {}).items())
        return f"{self.measure}:{at}" if at else self.measure


class FindingEntry(_Frozen):
    """What the study found, in words that its intervals allow."""

    title: str
    sentences: list[str] = Field(default_factory=list)
    choice: str = ""
    """The slug of the measure that the title speaks of; "" for the leading one."""


class Invited(_Frozen):
    """How many were asked to take part."""

    datasets: int
    model_versions: int


class ProtocolEntry(_Frozen):
    """What was fixed before any number was known."""

    values: dict[str, Any]
    lines: list[tuple[str, str]]
    """Its fields in words, as a page shows them."""
    sha256: str


class Report(_Frozen):
    """Everything that a study's page shows. Aggregates only."""

    schema_: str = Field(default=SCHEMA, alias="schema")
    use_case: str
    task: str
    task_title: str
    counted: str
    """What ``population["patients"]`` counts."""
    title: str
    question: str
    coordinated_by: str
    started_at: datetime | None
    finished_at: datetime | None
    protocol: ProtocolEntry
    invited: Invited
    partners: list[Partner]
    models: list[ModelEntry]
    sites: list[SiteEntry]
    cells: list[CellEntry]
    pooled: list[PooledEntry]
    measures: list[MeasureEntry]
    choices: list[Choice]
    """The most telling first."""
    finding: FindingEntry = FindingEntry(title="")

    def to_json(self) -> bytes:
        """The report as it is stored and hashed."""
        return self.model_dump_json(by_alias=True, indent=1).encode()

    def cell(self, model: str, site: str) -> CellEntry:
        """The one cell of the two keys."""
        return next(cell for cell in self.cells if (cell.model, cell.site) == (model, site))

    def measure(self, key: str) -> Measure:
        return next(entry for entry in self.measures if entry.key == key).declared

    def pooled_estimate(self, model: str, choice: Choice) -> Pooled | None:
        """What a model's results say over all sites, where that measure is pooled."""
        for entry in self.pooled:
            if entry.model == model:
                for pooled in entry.estimates:
                    if (pooled.measure, pooled.at) == (choice.measure, choice.at):
                        return pooled
        return None


def report_of(study: Study, *, whole: bool) -> Report:
    """The report of a study as it stands.

    Parameters
    ----------
    whole
        True: with the estimates of subgroups, for files and for publishing; the results are read
        in full. False: as its page needs it, from the results' summaries.
    """
    from portal.studies.findings import find  # which reads reports

    cells = study.cells.for_list() if not whole else study.cells.for_list().defer(None)
    found = list(cells.order_by("id"))
    models = {cell.model_version_id: cell.model_version for cell in found}
    sites = {cell.dataset_id: cell.dataset for cell in found}
    model_keys = {pk: f"m{number}" for number, pk in enumerate(models, start=1)}
    site_keys = {pk: f"s{number}" for number, pk in enumerate(sites, start=1)}
    task = study.declared_task
    results = {cell.pk: result for cell in found if (result := _result_of(cell, whole=whole))}
    choices = _choices(task, results.values())
    report = Report(
        use_case=study.use_case,
        task=study.task,
        task_title=task.title,
        counted=task.counted,
        title=study.title,
        question=study.question,
        coordinated_by=study.organisation.name,
        started_at=study.started_at,
        finished_at=study.finished_at,
        protocol=ProtocolEntry(
            values=study.protocol,
            lines=protocol_lines(task, study.protocol),
            sha256=study.protocol_sha256,
        ),
        invited=_invited(study),
        partners=_partners(study),
        models=[_model_entry(model_keys[pk], version) for pk, version in models.items()],
        sites=[_site_entry(site_keys[pk], dataset) for pk, dataset in sites.items()],
        cells=[
            _cell_entry(
                cell,
                results.get(cell.pk),
                model=model_keys[cell.model_version_id],
                site=site_keys[cell.dataset_id],
            )
            for cell in found
        ],
        pooled=[
            PooledEntry(model=model_keys[int(pk)], **entry)
            for pk, entry in study.pooled.items()
            if int(pk) in model_keys
        ],
        measures=_measures(task, {choice.measure for choice in choices}),
        choices=choices,
    )
    return report.model_copy(update={"finding": find(report)})


def _result_of(cell: Cell, *, whole: bool) -> Result | None:
    evaluation = cell.evaluation
    if evaluation is None or evaluation.stored_result is None:
        return None
    if not whole:
        return evaluation.summary
    return evaluation.stored_result.result.model_copy(update={"curves": {}})


def _cell_entry(cell: Cell, result: Result | None, *, model: str, site: str) -> CellEntry:
    evaluation = cell.evaluation
    reasons = list(cell.reasons)
    if evaluation is not None and evaluation.failure:
        reasons = [evaluation.failure]
    elif evaluation is not None and evaluation.status == Status.CANCELLED:
        reasons = [gettext("It was cancelled.")]
    if evaluation is None or evaluation.stored_result is None or result is None:
        return CellEntry(model=model, site=site, status=cell.status, reasons=reasons)
    return CellEntry(
        model=model,
        site=site,
        status=cell.status,
        engine=result.engine,
        fingerprint=evaluation.fingerprint,
        result_sha256=evaluation.stored_result.sha256,
        inputs=result.inputs,
        population=result.population,
        estimates=result.estimates,
        warnings=result.warnings,
        suppressed=result.suppressed,
    )


def _model_entry(key: str, version: ModelVersion) -> ModelEntry:
    return ModelEntry(
        key=key,
        name=version.model.name,
        version=version.version,
        developer=version.model.organisation.name,
    )


def _site_entry(key: str, dataset: Dataset) -> SiteEntry:
    return SiteEntry(
        key=key,
        title=dataset.title,
        holder=dataset.organisation.name,
        country=dataset.spatial,
        is_synthetic=dataset.is_synthetic,
    )


def _invited(study: Study) -> Invited:
    asked = study.invitations.all()
    return Invited(
        datasets=sum(1 for invitation in asked if invitation.dataset_id),
        model_versions=sum(1 for invitation in asked if invitation.model_version_id),
    )


def _partners(study: Study) -> list[Partner]:
    """The coordinating organisation first, then those that accepted, by name."""
    counts: dict[int, dict[str, int]] = {}
    for invitation in study.invitations.accepted():
        count = counts.setdefault(invitation.organisation_id, {"datasets": 0, "model_versions": 0})
        count["datasets" if invitation.dataset_id else "model_versions"] += 1
    partners = [
        Partner(
            name=organisation.name,
            country=organisation.country,
            coordinates=organisation.pk == study.organisation_id,
            **counts.get(organisation.pk, {}),
        )
        for organisation in study.participants()
    ]
    return sorted(partners, key=lambda partner: (not partner.coordinates, partner.name))


def _choices(task: Task, results: Iterable[Result]) -> list[Choice]:
    """Every measure that some cell estimates for everyone: those on the cards first."""
    found: dict[str, Choice] = {}
    first: dict[str, Choice] = {}
    for result in results:
        for key in task.headline:
            if key not in first and (estimate := leading(task, result, key)):
                first[key] = _choice(task, estimate)
        for estimate in result.estimates:
            if estimate.subgroup is None:
                choice = _choice(task, estimate)
                found.setdefault(choice.slug, choice)
    ordered = [first[key] for key in task.headline if key in first]
    leading_slugs = {choice.slug for choice in ordered}
    return [*ordered, *(choice for slug, choice in found.items() if slug not in leading_slugs)]


def _choice(task: Task, estimate: Estimate) -> Choice:
    label = gettext(task.measure(estimate.measure).label)
    if estimate.at:
        label = gettext("%(measure)s at %(threshold)s") % {
            "measure": label,
            "threshold": taken_at(task, estimate.at),
        }
    return Choice(measure=estimate.measure, at=estimate.at, label=label)


def _measures(task: Task, keys: set[str]) -> list[MeasureEntry]:
    return [
        MeasureEntry(
            key=measure.key,
            label=measure.label,
            explanation=measure.explanation,
            low=measure.low,
            high=measure.high,
            reference=measure.reference,
            digits=measure.digits,
            percent=measure.percent,
        )
        for measure in task.measures
        if measure.key in keys
    ]
