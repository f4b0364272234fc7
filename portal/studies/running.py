"""Writes about studies that run: start, retry a cell, finish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from portal.audit.actions import record
from portal.audit.acts import Act
from portal.evaluations.actions import (
    SubmissionRefused,
    fingerprint,
    readiness,
    retry_evaluation,
    submit_evaluation,
)
from portal.jobs.models import Status
from portal.jobs.tasks import wake
from portal.studies.actions import StudyRefused, held_for, start_reasons
from portal.studies.models import Cell, Study, StudyStatus, protocol_hash
from portal.studies.pooling import pool_study
from portal.studies.telling import tell_finished, tell_nobody_is_asked

if TYPE_CHECKING:
    from portal.accounts.models import User
    from portal.evaluations.models import Evaluation


@transaction.atomic
def start_study(*, study: Study, by: User) -> Study:
    """Lock the protocol and the members, and submit every cell.

    A cell whose inputs are missing has failed from the start, with its reasons.

    Raises
    ------
    PermissionError, StudyRefused
        If ``by`` does not coordinate it, it does not invite any more, or nobody has accepted.
    """
    held = held_for(study, by, StudyStatus.INVITING)
    if reasons := start_reasons(held, by):
        raise StudyRefused(reasons)
    held.status = StudyStatus.RUNNING
    held.started_at = Now()
    held.protocol_sha256 = protocol_hash(held.use_case, held.task, held.protocol)
    held.save(update_fields=["status", "started_at", "protocol_sha256"])
    held.refresh_from_db()
    members = held.invitations.accepted().select_related(
        "dataset__organisation", "model_version__model__organisation"
    )
    datasets = [member.dataset for member in members if member.dataset]
    versions = [member.model_version for member in members if member.model_version]
    for version in versions:
        for dataset in datasets:
            cell = Cell(study=held, model_version=version, dataset=dataset)
            _submit(cell, by)
            cell.save()
    record(
        by=by,
        organisation=held.organisation,
        verb=Act.STARTED,
        obj=held,
        what=f", {len(versions)} model versions on {len(datasets)} datasets",
    )
    tell_nobody_is_asked(held)
    _settle_on_commit(held)
    return held


def _submit(cell: Cell, by: User) -> None:
    """Give the cell its evaluation, or the reasons why there can be none."""
    try:
        cell.evaluation, cell.reasons = _evaluation_of(cell, by), []
    except SubmissionRefused as refusal:
        cell.evaluation, cell.reasons = None, refusal.reasons


def _evaluation_of(cell: Cell, by: User) -> Evaluation:
    study = cell.study
    evaluation, _is_new = submit_evaluation(
        organisation=study.organisation,
        dataset=cell.dataset,
        model_version=cell.model_version,
        task=study.declared_task,
        protocol=study.frozen_protocol,
        by=by,
        study=study,
    )
    return evaluation


@transaction.atomic
def retry_cell(*, cell: Cell, by: User) -> Cell:
    """Try a cell again that has failed or was cancelled, with what its dataset holds now.

    Raises
    ------
    PermissionError, StudyRefused
        If ``by`` does not coordinate the study, it has ended, or the cell has not failed.
    """
    study = held_for(cell.study, by, StudyStatus.RUNNING, StudyStatus.FINISHED)
    cell = Cell.objects.select_related("evaluation").get(pk=cell.pk)
    before = cell.evaluation
    if before is not None and before.status not in (Status.FAILED, Status.CANCELLED):
        raise StudyRefused([_("Only a cell that failed or was cancelled is tried again.")])
    cell.study = study
    try:
        cell.evaluation = _again(cell, before, by)
    except SubmissionRefused as refusal:
        if before is not None:  # it keeps what it has
            raise StudyRefused(refusal.reasons) from refusal
        cell.reasons = refusal.reasons
        cell.save(update_fields=["reasons"])
        return cell
    cell.reasons = []
    cell.save(update_fields=["evaluation", "reasons"])
    study.take_up_again()
    return cell


def _again(cell: Cell, before: Evaluation | None, by: User) -> Evaluation:
    """The evaluation that failed, queued once more; a new one where the tables have changed."""
    if before is None or _fingerprint_now(cell) != before.fingerprint:
        return _evaluation_of(cell, by)
    retry_evaluation(evaluation=before, by=by)
    return before


def _fingerprint_now(cell: Cell) -> str:
    """The fingerprint of what the cell would read if it were submitted now; "" if it cannot."""
    task = cell.study.declared_task
    ready = readiness(dataset=cell.dataset, model_version=cell.model_version, task=task)
    if ready.reasons:
        return ""
    return fingerprint(
        task=task,
        use_case=cell.study.use_case,
        model_version=cell.model_version,
        tables=ready.tables,
        protocol=cell.study.frozen_protocol,
    )


def _settle_on_commit(study: Study) -> None:
    """For a study whose cells have all failed from the start: nothing else wakes it."""
    from portal.studies.tasks import settle_study  # which imports this module

    transaction.on_commit(lambda: wake(settle_study, study.pk))


@transaction.atomic
def settle(pk: int) -> bool:
    """Finish a running study of which every cell has ended, with its pooled estimates.

    The row is locked while they are computed, so that no cell is retried meanwhile.
    """
    study = Study.objects.locked().filter(pk=pk, status=StudyStatus.RUNNING).first()
    if study is None or study.cells.unfinished().exists():
        return False
    study.pooled = pool_study(study)
    study.status, study.finished_at = StudyStatus.FINISHED, Now()
    study.save(update_fields=["pooled", "status", "finished_at"])
    tell_finished(study)
    return True
