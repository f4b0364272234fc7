"""Writes about datasets and their tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.crypto import get_random_string
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal import store
from portal.audit.actions import record
from portal.audit.acts import Act
from portal.catalogue.changes import (
    VARIABLES,
    dictionary_of,
    difference,
    record_change,
    state_of,
)
from portal.catalogue.models import Dataset, Table, Upload, Variable
from portal.catalogue.profiles import profile_model
from portal.catalogue.requirements import NotComplete, missing, newly_missing
from portal.catalogue.vocabulary import Datatype
from portal.facts import save_facts
from portal.jobs.models import StaleWorkerError, Status
from portal.jobs.tasks import wake
from portal.organisations.actions import administers
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty, Role, Verb
from portal.organisations.sharing import grant_to_owner, may
from portal.tables import Kind, TableSchema
from portal.usecase import Task, UseCase

if TYPE_CHECKING:
    from portal.accounts.models import User
    from portal.registry.models import ModelVersion

DATATYPES = {
    Kind.IDENTIFIER: Datatype.STRING,
    Kind.NUMBER: Datatype.NUMBER,
    Kind.INTEGER: Datatype.INTEGER,
    Kind.BOOLEAN: Datatype.BOOLEAN,
    Kind.DATE: Datatype.DATE,
    Kind.CATEGORY: Datatype.CATEGORY,
}


def new_slug(text: str) -> str:
    """An address made of ``text`` and four random characters.

    Counting up where the words are taken would tell what other organisations call theirs.
    """
    words = slugify(text)[:100].strip("-_") or "item"
    return f"{words}-{get_random_string(4, '23456789abcdefghjkmnpqrstuvwxyz')}"


def _require(allowed: bool, sentence: str) -> None:
    if not allowed:
        raise PermissionError(sentence)


@transaction.atomic
def create_dataset(
    *,
    use_case: UseCase,
    organisation: Organisation,
    profile: Mapping[str, Any] | None = None,
    variables: Iterable[Variable] | None = None,
    by: User,
    **fields: Any,
) -> Dataset:
    """Add a dataset to the catalogue; its organisation's roles get their permissions.

    Parameters
    ----------
    profile
        Fields of the profile that the use case declares.
    variables
        The data dictionary, where there is one already.

    Raises
    ------
    PermissionError
        If ``by`` is not a contributor of the organisation.
    """
    _require(
        Organisation.objects.where_member(by, Role.CONTRIBUTOR).contains(organisation),
        "Only contributors of the holder add its datasets.",
    )
    dataset = Dataset(
        use_case=use_case.slug,
        organisation=organisation,
        slug=new_slug(fields["title"]),
        created_by=by,
        **fields,
    )
    dataset.full_clean()
    dataset.save()
    save_facts(profile_model(use_case), dataset, profile or {})
    kept = None if variables is None else _keep_variables(dataset, variables)
    grant_to_owner(dataset, organisation)
    record(by=by, organisation=organisation, verb=Act.ADDED, obj=dataset)
    record_change(
        dataset=dataset, fields=difference({}, state_of(dataset)) + _changed({}, kept), by=by
    )
    return dataset


@transaction.atomic
def update_dataset(
    *,
    dataset: Dataset,
    profile: Mapping[str, Any] | None = None,
    variables: Iterable[Variable] | None = None,
    by: User,
    **fields: Any,
) -> Dataset:
    """Change a dataset's metadata, its profile and its data dictionary where they are given.

    Its address stays.

    Raises
    ------
    PermissionError
        If ``by`` may not change the dataset.
    NotComplete
        If it is public, and would lack something mandatory that it has.
    """
    _require(may(by, Verb.CHANGE, dataset), "Only contributors of the holder change a dataset.")
    # Two people who save at once, or one who publishes meanwhile, wait for each other.
    stored = Dataset.objects.select_for_update(of=("self",)).get(pk=dataset.pk)
    before, lacked = state_of(stored), missing(stored)
    dictionary = dictionary_of(stored.variables.all())
    dataset.is_public = stored.is_public
    for name, value in fields.items():
        setattr(dataset, name, value)
    dataset.full_clean()
    dataset.save()
    if profile:
        save_facts(profile_model(dataset.declared), dataset, profile)
    kept = None if variables is None else _keep_variables(dataset, variables)
    if dataset.is_public and (lost := newly_missing(lacked, missing(dataset))):
        raise NotComplete(lost)
    record(by=by, organisation=dataset.organisation, verb=Act.CHANGED, obj=dataset)
    now = Dataset.objects.get(pk=dataset.pk)
    record_change(
        dataset=dataset,
        fields=difference(before, state_of(now)) + _changed(dictionary, kept),
        by=by,
    )
    return dataset


@transaction.atomic
def replace_variables(*, dataset: Dataset, variables: Iterable[Variable], by: User) -> None:
    """Make ``variables`` the dataset's data dictionary, in that order.

    Raises
    ------
    PermissionError
        If ``by`` may not change the dataset.
    NotComplete
        If it is public, and a public dataset needs what goes missing.
    """
    _require(may(by, Verb.CHANGE, dataset), "Only contributors of the holder change a dataset.")
    stored = Dataset.objects.select_for_update(of=("self",)).get(pk=dataset.pk)
    dictionary, lacked = dictionary_of(stored.variables.all()), missing(stored)
    kept = _keep_variables(dataset, variables)
    if stored.is_public and (lost := newly_missing(lacked, missing(stored))):
        raise NotComplete(lost)
    dataset.save(update_fields=["modified"])
    record(
        by=by,
        organisation=dataset.organisation,
        verb=Act.CHANGED,
        obj=dataset,
        sentence=f"changed the data dictionary of the dataset “{dataset}”",
    )
    record_change(dataset=dataset, fields=_changed(dictionary, kept), by=by)


def _keep_variables(dataset: Dataset, variables: Iterable[Variable]) -> list[Variable]:
    """Make ``variables`` the data dictionary."""
    kept = list(variables)
    if len({variable.name for variable in kept}) < len(kept):
        raise ValidationError(_("Two variables have the same name."))
    dataset.variables.all().delete()
    for position, variable in enumerate(kept):
        variable.pk, variable.dataset, variable.position = None, dataset, position
        variable.full_clean(exclude=["dataset"], validate_unique=False, validate_constraints=False)
    Variable.objects.bulk_create(kept)
    return kept


def _changed(
    before: Mapping[str, Mapping[str, str]], kept: Iterable[Variable] | None
) -> list[dict[str, Any]]:
    """What became of the data dictionary: of each variable that is not what it was."""
    after = before if kept is None else dictionary_of(kept)
    touched = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if not touched:
        return []
    return [
        {
            "field": VARIABLES,
            "before": {name: before[name] for name in touched if name in before},
            "after": {name: after[name] for name in touched if name in after},
        }
    ]


def shown_file_name(name: str) -> str:
    """The last part of a file name as a person's computer sent it, harmless to show."""
    last = PurePosixPath(PureWindowsPath(name).name).name
    shown = "".join(character for character in last if character.isprintable())[:200]
    return shown if shown.strip(". ") else "file"


@transaction.atomic
def receive_upload(
    *,
    dataset: Dataset,
    task: Task,
    schema: TableSchema,
    file: UploadedFile,
    model_version: ModelVersion | None = None,
    by: User,
) -> Upload:
    """Keep an uploaded file until a worker has turned it into a table, and wake one.

    Parameters
    ----------
    model_version
        Whose output it is, for a table of a model's output.

    Raises
    ------
    PermissionError
        If ``by`` may not change the dataset.
    ValueError
        If a model's output comes without a version, or another table with one.
    """
    _require(may(by, Verb.CHANGE, dataset), "Only contributors of the holder upload tables.")
    if (schema in task.output_tables) != (model_version is not None):
        raise ValueError(f"Table '{schema.name}': a model version is named for its output only.")
    # A name of our own: nothing of what the person's computer sent becomes a path.
    stored_name = default_storage.save(f"arrived/{get_random_string(32)}", file)
    upload = Upload.objects.create(
        dataset=dataset,
        task=task.slug,
        name=schema.name,
        model_version=model_version,
        file_name=shown_file_name(file.name or ""),
        stored_name=stored_name,
        created_by=by,
    )
    record(
        by=by,
        organisation=dataset.organisation,
        verb=Act.UPLOADED,
        obj=dataset,
        what=f": {schema.name} of {task.slug}",
    )
    from portal.catalogue.tasks import run_upload  # which imports this module

    transaction.on_commit(lambda: wake(run_upload, upload.pk))
    return upload


def accept_upload(*, upload: Upload, path: Path, reply: dict[str, Any]) -> Table:
    """Store the converted table and end the upload, in one transaction.

    Raises
    ------
    StaleWorkerError
        If the upload was cancelled or taken over meanwhile; no table is made.
    """
    if not Upload.objects.held_by(upload).exists():  # before anything is stored
        raise StaleWorkerError(str(upload.pk))
    sha256 = store.put(path, suffix="parquet")
    with transaction.atomic():
        table, _created = Table.objects.get_or_create(
            dataset=upload.dataset,
            task=upload.task,
            name=upload.name,
            model_version=upload.model_version,
            sha256=sha256,
            defaults={
                "rows": reply["rows"],
                "size": path.stat().st_size,
                "columns": reply["columns"],
                "profile": reply["profile"],
                "references": reply.get("references", {}),
                "created_by": upload.created_by,
            },
        )
        Upload.objects.finish(upload, Status.SUCCEEDED, table=table)
        if upload.model_version is None:
            describe_columns(dataset=upload.dataset, table=table)
    default_storage.delete(upload.stored_name)
    return table


def describe_columns(*, dataset: Dataset, table: Table) -> None:
    """Add the table's columns to the data dictionary, where it does not name them yet."""
    known = set(dataset.variables.values_list("name", flat=True))
    schema = dataset.declared.task(table.task).table(table.name)
    declared = {column.name: column for column in schema.columns}
    added = [column for column in table.columns if column["name"] not in known]
    described = [
        Variable(
            dataset=dataset,
            position=len(known) + position,
            name=column["name"][:100],
            label=declared[column["name"]].label if column["name"] in declared else "",
            unit=declared[column["name"]].unit if column["name"] in declared else "",
            datatype=DATATYPES.get(Kind(column["kind"]), Datatype.STRING),
        )
        for position, column in enumerate(added)
    ]
    # Meanwhile a person, or another upload, may have named one of them.
    Variable.objects.bulk_create(described, ignore_conflicts=True)
    record_change(dataset=dataset, fields=_changed({}, described), by=table.created_by)


def refuse_upload(*, upload: Upload, problems: list[dict[str, Any]]) -> None:
    """End the upload with every problem of its file; nothing of it is kept."""
    sentence = ngettext(
        "The table was refused for one reason. Correct the file and upload it again.",
        "The table was refused for %(count)d reasons. Correct the file and upload it again.",
        len(problems),
    ) % {"count": len(problems)}
    Upload.objects.finish(upload, Status.FAILED, failure=sentence, problems=problems)
    default_storage.delete(upload.stored_name)


def fail_upload(*, upload: Upload, sentence: str, detail: str = "") -> None:
    """End the upload with the reason why it could not be read; nothing of it is kept."""
    Upload.objects.finish(
        upload,
        Status.FAILED,
        failure=sentence or _("The file could not be read."),
        failure_detail=detail,
    )
    default_storage.delete(upload.stored_name)


def discard_given_up(pk: int) -> None:
    """Throw away the file of an upload that was given up."""
    default_storage.delete(Upload.objects.get(pk=pk).stored_name)


def cancel_upload(*, upload: Upload, by: User) -> bool:
    """Stop an upload that is not finished; its file is thrown away.

    Raises
    ------
    PermissionError
        If ``by`` may not change the dataset.
    """
    is_own = may(by, Verb.CHANGE, upload.dataset)
    _require(is_own or administers(by, Duty.RUN_JOBS), "Only contributors of the holder cancel it.")
    with transaction.atomic():
        if not Upload.objects.cancel(upload.pk):
            return False
        record(
            by=by,
            organisation=upload.dataset.organisation if is_own else None,
            verb=Act.CANCELLED,
            obj=upload.dataset,
            sentence=f"cancelled an upload to the dataset “{upload.dataset}”",
        )
    default_storage.delete(upload.stored_name)
    return True
