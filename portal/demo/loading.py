"""The demonstration consortium, put on the site through the same actions that people use.

Everything simulated says so: the datasets are marked synthetic, and so is each page that shows
them. Loading again adds only what is missing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
from django.conf import settings
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile

from portal.accounts.models import User
from portal.catalogue.actions import (
    DATATYPES,
    create_dataset,
    receive_upload,
    replace_variables,
)
from portal.catalogue.models import Dataset, Variable
from portal.catalogue.tasks import run_upload
from portal.catalogue.vocabulary import AccessRights, Datatype, LegalBasis, PersonalData
from portal.demo import heart_failure, kidney, metastasis
from portal.demo.cohorts import SEED
from portal.demo.entries import (
    SYNTHETIC,
    Content,
    DatasetEntry,
    ModelEntry,
    Showing,
    VersionEntry,
)
from portal.demo.hands import hands
from portal.demo.partners import load_partners, manager_of
from portal.evaluations.actions import submit_evaluation
from portal.evaluations.models import Evaluation
from portal.evaluations.tasks import run_evaluation
from portal.jobs.models import Status
from portal.organisations.models import Organisation
from portal.organisations.roles import Verb
from portal.organisations.sharing import share
from portal.registry.actions import check_artefact, create_model, release_version, save_version
from portal.registry.models import Model, ModelVersion
from portal.usecase import Task, use_cases

SHOWINGS: Mapping[str, Showing] = {
    "ckd": kidney.SHOWING,
    "metastasis": metastasis.SHOWING,
    "heart-failure": heart_failure.SHOWING,
}
"""What is shown of each use case; one that the site has not switched on is left out."""

Say = Callable[[str], object]


def load(say: Say, *, processes: int = 2) -> None:
    """Put the whole demonstration on the site; ``say`` hears what is being done."""
    showings = {slug: shown for slug, shown in SHOWINGS.items() if slug in use_cases()}
    # Later there is little to do, and a table may be one that a visitor has uploaded.
    is_first = not Dataset.objects.exists()
    with hands(processes if is_first else 1, without_child=is_first) as workers:
        say("Partners and people")
        load_partners()
        say("Models")
        models = [(slug, place) for slug in showings for place in range(len(showings[slug].models))]
        workers.do(_load_model, models)
        say("Datasets")
        datasets = [
            (slug, place) for slug in showings for place in range(len(showings[slug].datasets))
        ]
        workers.do(_load_dataset, datasets)
        say("Evaluations")
        evaluations = [pk for each in showings.values() for pk in _submitted(each)]
        workers.do(run_evaluation, evaluations)
    _check(evaluations)
    say("Example files")
    _example_files()


def _check(evaluations: list[int]) -> None:
    """Raise what went wrong, but for the datasets that are there to be refused."""
    refused = [
        each.title for shown in SHOWINGS.values() for each in shown.datasets if each.is_refused
    ]
    failed = Evaluation.objects.filter(pk__in=evaluations, status=Status.FAILED)
    for evaluation in failed.exclude(dataset__title__in=refused):
        raise RuntimeError(f"{evaluation}: {evaluation.failure} {evaluation.failure_detail}")


def _load_model(which: tuple[str, int]) -> None:
    """Register a model and release its versions, where that has not been done."""
    slug, place = which
    entry = SHOWINGS[slug].models[place]
    use_case = use_cases()[entry.use_case]
    organisation = Organisation.objects.get(slug=entry.developer)
    by = manager_of(organisation)
    model = _model_of(entry)
    if model is None:
        model = create_model(
            use_case=use_case,
            task=use_case.task(entry.task),
            organisation=organisation,
            by=by,
            name=entry.name,
            description=entry.description,
        )
        share(obj=model, verbs=[Verb.VIEW, Verb.EVALUATE], organisation=None, by=by)
    for version in entry.versions:
        _load_version(model, version, by)


def _model_of(entry: ModelEntry) -> Model | None:
    return Model.objects.filter(name=entry.name, organisation__slug=entry.developer).first()


def _load_version(model: Model, entry: VersionEntry, by: User) -> None:
    version = ModelVersion.objects.filter(model=model, version=entry.version).first()
    if version is None:
        kind = ModelVersion.Kind.ARTEFACT if entry.write else ModelVersion.Kind.PREDICTIONS
        version = ModelVersion(model=model, version=entry.version, kind=kind, **entry.card)
        with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
            path, facts = None, None
            if entry.write:
                path = Path(folder) / "artefact.onnx"
                entry.write(path)
                facts = check_artefact(path, version.input_names)
            save_version(version=version, artefact=path, facts=facts, card=entry.section, by=by)
    if version.is_draft:
        release_version(version=version, by=by)


def _load_dataset(which: tuple[str, int]) -> None:
    """Add a dataset and upload its tables and predictions, where that has not been done."""
    slug, place = which
    entry = SHOWINGS[slug].datasets[place]
    organisation = Organisation.objects.get(slug=entry.holder)
    by = manager_of(organisation)
    dataset = _dataset_of(entry)
    content = None
    if dataset is None:
        content = entry.make(SEED)
        dataset = _create(entry, content, organisation, by)
    for task in entry.tasks:
        for name, version in _missing(dataset, dataset.declared.task(task), SHOWINGS[slug]):
            content = content or entry.make(SEED)
            _upload(dataset, content, task, name, version, by)


def _dataset_of(entry: DatasetEntry) -> Dataset | None:
    return Dataset.objects.filter(title=entry.title, organisation__slug=entry.holder).first()


def _create(entry: DatasetEntry, content: Content, organisation: Organisation, by: User) -> Dataset:
    use_case = use_cases()[entry.use_case]
    dataset = create_dataset(
        use_case=use_case,
        organisation=organisation,
        by=by,
        profile=content.profile,
        title=entry.title,
        description=f"{entry.description} {SYNTHETIC} {entry.story}",
        keyword=list(entry.keywords),
        access_rights=AccessRights.NON_PUBLIC,
        health_category=entry.category,
        spatial=entry.country,
        temporal_start=entry.period[0],
        temporal_end=entry.period[1],
        number_of_records=content.records,
        number_of_unique_individuals=content.individuals,
        contact_name="Data office",
        contact_email=f"data@{organisation.slug}.example",
        personal_data=PersonalData.SYNTHETIC,
        legal_basis=LegalBasis.NOT_PERSONAL,
        provenance=(
            f"Drawn by the portal's own generator ({entry.generator}) with a fixed seed; "
            "correlations and rates are set to orders of magnitude of published cohorts."
        ),
        is_synthetic=True,
    )
    replace_variables(dataset=dataset, variables=_dictionary(entry, content, dataset), by=by)
    share(obj=dataset, verbs=[Verb.VIEW, Verb.EVALUATE], organisation=None, by=by)
    return dataset


def _dictionary(entry: DatasetEntry, content: Content, dataset: Dataset) -> list[Variable]:
    """The columns of all tables in their order: as the entry describes them, or their schema."""
    variables: dict[str, Variable] = {}
    for slug, tables in content.tables.items():
        for name, frame in tables.items():
            schema = dataset.declared.task(slug).table(name)
            declared = {column.name: column for column in schema.columns}
            for column in frame.columns:
                if column in variables:
                    continue
                if column in declared:
                    known = declared[column]
                    label, unit, code = known.label, known.unit, ""
                    datatype = DATATYPES[known.kind]
                else:
                    label, unit, code = entry.dictionary[column]
                    datatype = Datatype.NUMBER if unit else Datatype.CATEGORY
                variables[column] = Variable(
                    name=column, label=label, unit=unit, code=code, datatype=datatype
                )
    return list(variables.values())


def _missing(dataset: Dataset, task: Task, shown: Showing) -> list[tuple[str, ModelVersion | None]]:
    """The task's tables that the dataset lacks, and the versions whose predictions it lacks."""
    wanted: list[tuple[str, ModelVersion | None]] = [
        *((schema.name, None) for schema in task.reference_tables),
        *(
            ("predictions", version)
            for version in _versions_of(shown, task.slug)
            if version.kind == ModelVersion.Kind.PREDICTIONS
        ),
    ]
    held = set(dataset.tables.filter(task=task.slug).values_list("name", "model_version"))
    return [
        (name, version) for name, version in wanted if (name, version and version.pk) not in held
    ]


def _upload(
    dataset: Dataset,
    content: Content,
    task: str,
    name: str,
    version: ModelVersion | None,
    by: User,
) -> None:
    frame: pl.DataFrame = (
        content.predictions[task][version.version] if version else content.tables[task][name]
    )
    declared = dataset.declared.task(task)
    with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        path = Path(folder) / f"{name}.parquet"
        frame.write_parquet(path)
        with path.open("rb") as file:
            upload = receive_upload(
                dataset=dataset,
                task=declared,
                schema=declared.table(name),
                file=UploadedFile(File(file), name=path.name, size=path.stat().st_size),
                model_version=version,
                by=by,
            )
    run_upload(upload.pk)
    upload.refresh_from_db()
    if upload.state != Status.SUCCEEDED:
        raise RuntimeError(f"{dataset}, {name}: {upload.failure} {upload.problems}")


def _submitted(shown: Showing) -> list[int]:
    """Submit what the use case's lead has not evaluated yet, and return it."""
    lead = Organisation.objects.get(slug=shown.lead)
    by = manager_of(lead)
    new = []
    for entry in shown.datasets:
        dataset = _dataset_of(entry)
        if dataset is None or entry.waits:
            continue
        for task in entry.tasks:
            declared = dataset.declared.task(task)
            protocol = declared.protocol(**shown.protocols[task])
            for version in _versions_of(shown, task):
                done = Evaluation.objects.filter(
                    dataset=dataset, model_version=version, organisation=lead
                )
                if done.exists():
                    continue
                evaluation, _ = submit_evaluation(
                    organisation=lead,
                    dataset=dataset,
                    model_version=version,
                    task=declared,
                    protocol=protocol,
                    by=by,
                )
                share(obj=evaluation, verbs=[Verb.VIEW], organisation=None, by=by)
                new.append(evaluation.pk)
    return new


def _versions_of(shown: Showing, task: str) -> list[ModelVersion]:
    models = [model.pk for entry in shown.models if (model := _model_of(entry))]
    found = ModelVersion.objects.filter(model__in=models, model__task=task)
    return list(found.order_by("model", "pk"))


def _example_files() -> None:
    """Small files for the visitor who wants to try an upload: of patients who are not here yet."""
    folder = settings.MEDIA_ROOT.parent / "examples"
    if (folder / "predictions.csv").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for shown in (metastasis.SHOWING, heart_failure.SHOWING):
        for entry in shown.datasets:
            if entry.waits:
                content = entry.make(SEED + 1)
                for task in entry.tasks:
                    for name, frame in content.tables[task].items():
                        frame.write_csv(folder / f"{task}-{name}.csv")
                    newest = list(content.predictions[task].values())[-1]
                    newest.write_csv(folder / f"{task}-predictions.csv")
    kidney.example_files(folder)
