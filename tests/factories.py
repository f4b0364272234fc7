"""Plain functions that make what a test needs, through the site's own actions."""

from __future__ import annotations

import copy
import functools
import io
import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from django.conf import settings
from django.core.files.base import ContentFile
from django.db.models import F
from django.http import QueryDict

from portal import store
from portal.accounts.models import User
from portal.catalogue.actions import create_dataset, receive_upload, refuse_upload
from portal.catalogue.models import Dataset, Table, Upload
from portal.catalogue.tasks import run_upload
from portal.catalogue.vocabulary import AccessRights
from portal.evaluations.actions import save_result, submit_evaluation
from portal.evaluations.models import Evaluation
from portal.evaluations.tasks import claim
from portal.jobs.running import without_child
from portal.notifications.actions import notify
from portal.notifications.kinds import Kind
from portal.notifications.models import Notification
from portal.organisations.actions import create_organisation, set_membership
from portal.organisations.models import Appointment, Organisation
from portal.organisations.roles import ConsortiumRole, Role
from portal.registry.actions import create_model, release_version, save_version
from portal.registry.models import Model, ModelVersion
from portal.searches.actions import save_search
from portal.searches.models import SavedSearch
from portal.showcase.models import News, NewsText
from portal.tables import ConvertedTable, LoadedTable, convert_table
from portal.usecase import UseCase, no_progress, use_cases

PASSWORD = "a long password for tests"
_numbers = itertools.count(1)


def files_in(folder: Path) -> dict[str, Any]:
    """Makes ``folder``; returns the settings that keep the site's files in it."""
    (folder / "arriving").mkdir(parents=True, exist_ok=True)
    files = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": folder},
    }
    return {
        "MEDIA_ROOT": folder,
        "FILE_UPLOAD_TEMP_DIR": folder / "arriving",
        "STORAGES": {**settings.STORAGES, "default": files},
    }


def a_use_case(slug: str = "ckd") -> UseCase:
    return use_cases()[slug]


def an_organisation(name: str = "", country: str = "DK") -> Organisation:
    number = next(_numbers)
    return create_organisation(
        slug=f"organisation-{number}",
        name=name or f"Organisation {number}",
        kind=Organisation.Kind.DATA_HOLDER,
        country=country,
        by=None,
    )


def a_person(
    organisation: Organisation | None = None, role: Role = Role.CONTRIBUTOR, **fields: Any
) -> User:
    number = next(_numbers)
    fields.setdefault("full_name", f"Person {number}")
    user = User.objects.create_user(f"person{number}@example.org", PASSWORD, **fields)
    if organisation is not None:
        set_membership(organisation=organisation, user=user, role=role, by=None)
    return user


def a_news_item(slug: str = "", *, published: bool = True, **texts: str) -> News:
    """A piece of news; ``texts`` are those of its languages: ``en="A **word**"``."""
    number = next(_numbers)
    news = News.objects.create(
        slug=slug or f"news-{number}", status="published" if published else "draft"
    )
    for language, body in (texts or {"en": "Something **new**."}).items():
        title = f"News {number} ({language})"
        NewsText.objects.create(news=news, language=language, title=title, body=body)
    return news


def a_notification(person: User, **fields: Any) -> Notification:
    """Something that the person was told, and has not read."""
    fields.setdefault("kind", Kind.WAITING)
    fields.setdefault("sentence", "“%(study)s” waits")
    fields.setdefault("words", {"study": f"Study {next(_numbers)}"})
    fields.setdefault("url", "/my-work/")
    notify(to=[person], **fields)
    return Notification.objects.of(person).latest("id")


def a_saved_search(person: User, asked: str = "", **fields: Any) -> SavedSearch:
    """A search of the catalogue that the person keeps."""
    fields.setdefault("name", f"Search {next(_numbers)}")
    use_case = fields.pop("use_case", "")
    return save_search(
        asked=QueryDict(asked),
        use_case=a_use_case(use_case) if use_case else None,
        by=person,
        **fields,
    )


def appointed(role: ConsortiumRole, country: str = "") -> User:
    """Someone with a role across the consortium, and in no organisation."""
    user = a_person()
    Appointment.objects.create(user=user, role=role, country=country)
    return user


def a_coordinator(organisation: Organisation | None = None) -> User:
    """Someone who coordinates studies, and contributes to ``organisation``."""
    user = a_person(organisation or an_organisation())
    Appointment.objects.create(user=user, role=ConsortiumRole.COORDINATOR)
    return user


def a_dataset(by: User, organisation: Organisation | None = None, **fields: Any) -> Dataset:
    fields.setdefault("title", f"Cohort {next(_numbers)}")
    fields.setdefault("description", "Adults with chronic kidney disease.")
    fields.setdefault("spatial", "DK")
    # Open: what may be done with it is what is shared. Permits have tests of their own.
    fields.setdefault("access_rights", AccessRights.PUBLIC)
    return create_dataset(
        use_case=a_use_case(fields.pop("use_case", "ckd")),
        organisation=organisation or by.memberships.get().organisation,
        by=by,
        **fields,
    )


def an_access_body(country: str = "DK") -> Organisation:
    """The health data access body of a country, made where there is none."""
    found = Organisation.objects.access_body_of(country)
    number = next(_numbers)
    return found or create_organisation(
        slug=f"access-body-{number}",
        name=f"Access body {number}",
        kind=Organisation.Kind.ACCESS_BODY,
        country=country,
        by=None,
    )


def complete(dataset: Dataset) -> Dataset:
    """``dataset`` with all that it needs to be published, at any access level."""
    an_access_body(dataset.organisation.country)
    Dataset.objects.filter(pk=dataset.pk).update(
        keyword=["kidney"],
        contact_email="data@example.org",
        dataset_type="STATISTICAL",
        provenance="Routine records of one hospital.",
    )
    dataset.variables.filter(label="").update(label=F("name"))
    if not dataset.variables.exists():
        dataset.variables.create(name="egfr", label="eGFR", unit="mL/min/1.73 m²")
    dataset.refresh_from_db()
    return dataset


def a_model(by: User, organisation: Organisation | None = None, **fields: Any) -> Model:
    fields.setdefault("name", f"Model {next(_numbers)}")
    fields.setdefault("description", "Predicts kidney failure.")
    use_case = a_use_case(fields.pop("use_case", "ckd"))
    return create_model(
        use_case=use_case,
        task=use_case.task(fields.pop("task", "binary")),
        organisation=organisation or by.memberships.get().organisation,
        by=by,
        **fields,
    )


def a_manager_of(organisation: Organisation) -> User:
    """One of its managers, for what managers alone do; somebody new where it has none."""
    held = organisation.memberships.filter(role=Role.MANAGER, suspended_at=None).first()
    return held.user if held else a_person(organisation, Role.MANAGER)


def a_version(
    by: User, model: Model | None = None, *, released: bool = True, **fields: Any
) -> ModelVersion:
    """A version; predictions only unless an artefact's path is given."""
    artefact: Path | None = fields.pop("artefact", None)
    section: dict[str, Any] | None = fields.pop("card", None)
    card = {
        "version": "1.0.0",
        "kind": ModelVersion.Kind.ARTEFACT if artefact else ModelVersion.Kind.PREDICTIONS,
        "intended_purpose": "Estimates the risk of kidney failure.",
        "population": "Adults with chronic kidney disease.",
        "output": "Risk from 0 to 1",
        "training_data": "A cohort.",
    }
    version = ModelVersion(model=model or a_model(by), **(card | fields))
    save_version(version=version, artefact=artefact, facts={}, card=section, by=by)
    if released:
        release_version(version=version, by=a_manager_of(version.model.organisation))
        version.refresh_from_db()
    return version


@functools.cache
def cohort_frame(rows: int = 400, *, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A cohort with two sites, and predictions that rank it fairly well."""
    generator = np.random.default_rng(seed)
    risk = generator.beta(1.2, 4, rows)
    cohort = pl.DataFrame(
        {
            "patient_id": [f"p{number}" for number in range(rows)],
            "outcome": (generator.random(rows) < risk).astype(int),
            "site": np.where(generator.random(rows) < 0.5, "north", "south"),
        }
    )
    return cohort, cohort.select("patient_id").with_columns(pl.Series("risk", risk))


def an_upload(
    dataset: Dataset,
    content: bytes,
    by: User,
    *,
    task: str = "binary",
    table: str = "cohort",
    model_version: ModelVersion | None = None,
    file_name: str = "table.csv",
    run: bool = True,
) -> Upload:
    """An uploaded file, read at once and in this process unless ``run`` is False."""
    declared = dataset.declared.task(task)
    upload = receive_upload(
        dataset=dataset,
        task=declared,
        schema=declared.table(table),
        file=ContentFile(content, name=file_name),  # type: ignore[arg-type]
        model_version=model_version,
        by=by,
    )
    if run:
        with without_child():
            run_upload(upload.pk)
        upload.refresh_from_db()
    return upload


@functools.lru_cache(maxsize=64)
def _converted(use_case: str, task: str, name: str, content: bytes) -> tuple[ConvertedTable, bytes]:
    """What a file becomes, and the bytes of it: most tests store the same few tables."""
    schema = a_use_case(use_case).task(task).table(name)
    with tempfile.TemporaryDirectory() as folder:
        source, path = Path(folder) / "source.parquet", Path(folder) / "table.parquet"
        source.write_bytes(content)
        return convert_table(source, schema, path), path.read_bytes()


def a_table(
    dataset: Dataset,
    frame: pl.DataFrame,
    by: User,
    *,
    task: str = "binary",
    name: str = "cohort",
    model_version: ModelVersion | None = None,
) -> Table:
    """A table as a worker stores it, converted in this process: quicker than an upload."""
    source = io.BytesIO()
    frame.write_parquet(source)
    converted, content = _converted(dataset.use_case, task, name, source.getvalue())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        path.write_bytes(content)
        sha256 = store.put(path, suffix="parquet")
    return Table.objects.create(
        dataset=dataset,
        task=task,
        name=name,
        model_version=model_version,
        sha256=sha256,
        rows=converted.rows,
        size=converted.bytes,
        columns=[{"name": column.name, "kind": column.kind.value} for column in converted.columns],
        profile=copy.deepcopy(converted.profile),
        created_by=by,
    )


def a_ready_dataset(by: User, version: ModelVersion, *, rows: int = 400, **fields: Any) -> Dataset:
    """A dataset that holds a cohort and predictions of ``version``."""
    dataset = a_dataset(by, **fields)
    cohort, predictions = cohort_frame(rows)
    a_table(dataset, cohort, by)
    a_table(dataset, predictions, by, name="predictions", model_version=version)
    return dataset


def an_evaluation(by: User, dataset: Dataset, version: ModelVersion, **protocol: Any) -> Evaluation:
    """A submitted evaluation, not yet run; quick ones have few bootstrap replicates."""
    task = a_use_case().task("binary")
    protocol.setdefault("bootstrap_replicates", 100)
    evaluation, _ = submit_evaluation(
        organisation=by.memberships.get().organisation,
        dataset=dataset,
        model_version=version,
        task=task,
        protocol=task.protocol(**protocol),
        by=by,
    )
    return evaluation


@functools.cache
def result_content(rows: int = 400) -> bytes:
    """The bytes of a Result of :func:`cohort_frame`, computed once in this process."""
    task = a_use_case().task("binary")
    cohort, predictions = cohort_frame(rows)
    tables = {
        "cohort": LoadedTable(cohort, "0" * 64),
        "predictions": LoadedTable(predictions, "1" * 64),
    }
    return task.evaluate(tables, task.protocol(bootstrap_replicates=100), no_progress).to_json()


def a_finished_evaluation(
    by: User, dataset: Dataset, version: ModelVersion, **protocol: Any
) -> Evaluation:
    """A succeeded evaluation with the result of :func:`result_content`: no worker is started."""
    evaluation = an_evaluation(by, dataset, version, **protocol)
    held = claim(evaluation.pk)
    assert held is not None
    save_result(evaluation=held, content=result_content())
    evaluation.refresh_from_db()
    return evaluation


def a_failed_upload(dataset: Dataset, by: User) -> Upload:
    """An upload that was refused."""
    upload = an_upload(dataset, b"patient_id\n1\n", by, run=False)
    held = Upload.objects.claim(upload.pk, worker="test")
    assert held is not None
    refuse_upload(upload=held, problems=[])
    upload.refresh_from_db()
    return upload
