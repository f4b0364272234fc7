"""The datasets of the demonstration, described and uploaded as their holders do it."""

from __future__ import annotations

import tempfile
from datetime import date
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
from portal.catalogue.vocabulary import (
    AccessRights,
    DatasetType,
    Datatype,
    Frequency,
    Language,
    LegalBasis,
    PersonalData,
    TemporalResolution,
)
from portal.demo import showings
from portal.demo.cohorts import SEED
from portal.demo.entries import SYNTHETIC, Content, DatasetEntry, Showing
from portal.demo.partners import manager_of
from portal.demo.registry import versions_of
from portal.jobs.models import Status
from portal.organisations.models import Organisation
from portal.organisations.roles import Verb
from portal.organisations.sharing import set_public, share
from portal.registry.models import ModelVersion
from portal.usecase import Task, use_cases

EVERYWHERE = {
    "dataset_type": DatasetType.SYNTHETIC_DATA,
    "languages": [Language.ENG],
    "accrual_periodicity": Frequency.NEVER,
    "temporal_resolution": TemporalResolution.DAY,
    "purpose": (
        "To show how models are evaluated on data of several countries; nothing about real people "
        "follows from it."
    ),
    "retention_start": date(2026, 1, 1),
    "retention_end": date(2036, 12, 31),
    "version_label": "1.0",
}
"""What is said of every dataset of the demonstration."""


def load_dataset(which: tuple[str, int]) -> None:
    """Add a dataset and upload its tables and predictions, where that has not been done."""
    slug, place = which
    entry = showings.SHOWINGS[slug].datasets[place]
    organisation = Organisation.objects.get(slug=entry.holder)
    by = manager_of(organisation)
    dataset = dataset_of(entry)
    content = None
    if dataset is None:
        content = entry.make(SEED)
        dataset = _create(entry, content, organisation, by)
    for task in entry.tasks:
        for name, version in _missing(
            dataset, dataset.declared.task(task), showings.SHOWINGS[slug]
        ):
            content = content or entry.make(SEED)
            _upload(dataset, content, task, name, version, by)


def dataset_of(entry: DatasetEntry) -> Dataset | None:
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
        **{**EVERYWHERE, **entry.about},
    )
    replace_variables(dataset=dataset, variables=_dictionary(entry, content, dataset), by=by)
    share(obj=dataset, verbs=[Verb.VIEW], organisation=None, by=by)
    if not entry.waits:  # one in each use case is not for everybody
        set_public(obj=dataset, public=True, by=by)
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
            for version in versions_of(shown, task.slug)
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
