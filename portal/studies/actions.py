"""Writes about studies before they run: draft, invite, answer, withdraw."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access.rule import Use, needs_permit, permit_reasons
from portal.access.vocabulary import Purpose
from portal.audit.actions import record
from portal.audit.acts import Act
from portal.catalogue.models import Dataset
from portal.evaluations.actions import cancel_evaluation, protocol_reasons
from portal.evaluations.models import Evaluation
from portal.jobs.models import UNFINISHED
from portal.organisations.models import Appointment, Organisation
from portal.organisations.roles import Duty
from portal.registry.models import ModelVersion
from portal.studies.models import (
    MOST_CELLS,
    Invitation,
    InvitationStatus,
    Study,
    StudyStatus,
)
from portal.studies.telling import (
    ASKED_AGAIN,
    tell_answer,
    tell_asked,
    tell_nobody_is_asked,
    waiting_organisations,
)
from portal.usecase import Protocol, Task, UseCase

if TYPE_CHECKING:
    from portal.accounts.models import User


class StudyRefused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """The study cannot do that now; ``reasons`` says everything that stands against it."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def may_coordinate(user: User, organisation: Organisation) -> bool:
    """Whether ``user`` makes and runs studies for ``organisation``."""
    return Appointment.objects.may(user, Duty.LEAD_STUDIES) and (
        Organisation.objects.where_may(user, Duty.ADD).contains(organisation)
    )


def require_coordinator(study: Study, by: User) -> None:
    """Raise PermissionError unless ``by`` coordinates the study."""
    if not study.is_coordinated_by(by):
        raise PermissionError("Only its coordinators move a study.")


def held_for(study: Study, by: User, *states: StudyStatus) -> Study:
    """The study, locked until the transaction ends, if it stands in one of ``states``.

    Raises
    ------
    PermissionError
        If ``by`` does not coordinate it.
    StudyRefused
        If it has moved on meanwhile.
    """
    require_coordinator(study, by)
    held = Study.objects.locked().get(pk=study.pk)
    if held.status not in states:
        raise StudyRefused(
            [_("The study is %(status)s by now.") % {"status": held.get_status_display().lower()}]
        )
    return held


@transaction.atomic
def create_study(
    *,
    use_case: UseCase,
    task: Task,
    organisation: Organisation,
    title: str,
    question: str,
    protocol: Protocol,
    by: User,
) -> Study:
    """Draft a study for ``organisation``.

    Raises
    ------
    PermissionError
        If ``by`` is no coordinator, or not a contributor of the organisation.
    StudyRefused
        If the protocol asks for what this site does not give.
    """
    if not may_coordinate(by, organisation):
        raise PermissionError("Only coordinators who contribute to an organisation make studies.")
    if reasons := protocol_reasons(protocol, {}, task):
        raise StudyRefused(reasons)
    study = Study(
        use_case=use_case.slug,
        task=task.slug,
        organisation=organisation,
        title=title,
        question=question,
        protocol=protocol.model_dump(mode="json"),
        created_by=by,
    )
    study.full_clean()
    study.save()
    record(by=by, organisation=organisation, verb=Act.ADDED, obj=study)
    return study


@transaction.atomic
def update_study(*, study: Study, title: str, question: str, protocol: Protocol, by: User) -> Study:
    """Change a study that has not started.

    Who accepted did so under the old protocol: when it changes, everybody is asked again.

    Raises
    ------
    PermissionError, StudyRefused
        As :func:`create_study`, or if the study has started.
    """
    held = held_for(study, by, StudyStatus.DRAFT, StudyStatus.INVITING)
    if reasons := protocol_reasons(protocol, {}, held.declared_task):
        raise StudyRefused(reasons)
    dumped = protocol.model_dump(mode="json")
    is_new = dumped != held.protocol
    held.title, held.question, held.protocol = title, question, dumped
    held.full_clean()
    held.save(update_fields=["title", "question", "protocol"])
    what = ", its protocol and so every answer" if is_new else ""
    record(by=by, organisation=held.organisation, verb=Act.CHANGED, obj=held, what=what)
    if is_new:
        held.invitations.exclude(organisation=held.organisation).update(
            status=InvitationStatus.WAITING, reason="", answered_by=None, answered_at=None
        )
        if held.status == StudyStatus.INVITING:
            tell_asked(held, waiting_organisations(held), by=by, sentence=ASKED_AGAIN)
    return held


@transaction.atomic
def invite(
    *,
    study: Study,
    datasets: Collection[Dataset],
    model_versions: Collection[ModelVersion],
    by: User,
) -> None:
    """Let exactly these be invited; who stays keeps the answer given, who is new has none.

    What the study's own organisation holds takes part without being asked.

    Raises
    ------
    PermissionError
        If ``by`` does not coordinate the study, or may not see one of them.
    StudyRefused
        If the study has started, or one of them does another task.
    """
    held = held_for(study, by, StudyStatus.DRAFT, StudyStatus.INVITING)
    _require_visible(held, datasets, model_versions, by)
    if len(datasets) * len(model_versions) > MOST_CELLS:
        raise StudyRefused(
            [_("A study has at most %(most)d cells; these are %(found)d.")
             % {"most": MOST_CELLS, "found": len(datasets) * len(model_versions)}]
        )  # fmt: skip
    held.invitations.exclude(
        Q(dataset__in=[dataset.pk for dataset in datasets])
        | Q(model_version__in=[version.pk for version in model_versions])
    ).delete()
    asked = set(held.invitations.values_list("dataset", "model_version"))
    new: set[Organisation] = set()
    for dataset in datasets:
        if (dataset.pk, None) not in asked:
            _ask(held, by, dataset.organisation, dataset=dataset)
            new.add(dataset.organisation)
    for version in model_versions:
        if (None, version.pk) not in asked:
            _ask(held, by, version.model.organisation, model_version=version)
            new.add(version.model.organisation)
    if held.status == StudyStatus.INVITING:
        tell_asked(held, new - {held.organisation}, by=by)
    record(
        by=by,
        organisation=held.organisation,
        verb=Act.CHANGED,
        obj=held,
        what=f": {len(datasets)} datasets and {len(model_versions)} model versions are invited",
    )


def _require_visible(
    study: Study, datasets: Collection[Dataset], versions: Collection[ModelVersion], by: User
) -> None:
    seen = Dataset.objects.visible_to(by).filter(pk__in=[dataset.pk for dataset in datasets])
    shown = ModelVersion.objects.visible_to(by).filter(pk__in=[version.pk for version in versions])
    if seen.count() != len(datasets) or shown.count() != len(versions):
        raise PermissionError("Only what one may see is invited.")
    wrong = [
        *seen.exclude(use_case=study.use_case),
        *shown.exclude(model__use_case=study.use_case, model__task=study.task),
        *shown.exclude(status=ModelVersion.Status.RELEASED),
    ]
    if wrong:
        raise StudyRefused(
            [_("%(subject)s is not released, or is not for this task.") % {"subject": subject}
             for subject in wrong]
        )  # fmt: skip


def _ask(study: Study, by: User, organisation: Organisation, **subject: object) -> None:
    answer: dict[str, object] = {}
    if organisation.pk == study.organisation_id:
        answer = {"status": InvitationStatus.ACCEPTED, "answered_by": by, "answered_at": Now()}
    Invitation.objects.create(study=study, organisation=organisation, **subject, **answer)


@transaction.atomic
def send_invitations(*, study: Study, by: User) -> None:
    """Show a draft to those who are invited, and let them answer.

    Raises
    ------
    PermissionError, StudyRefused
        If ``by`` does not coordinate it, or it is no draft, or nobody is invited.
    """
    held = held_for(study, by, StudyStatus.DRAFT)
    reasons = _member_reasons(
        held,
        _("Invite at least one dataset."),
        _("Invite at least one model version."),
    )
    if reasons:
        raise StudyRefused(reasons)
    held.status = StudyStatus.INVITING
    held.save(update_fields=["status"])
    record(by=by, organisation=held.organisation, verb=Act.ASKED, obj=held)
    tell_asked(held, waiting_organisations(held), by=by)


def _member_reasons(study: Study, no_dataset: str, no_version: str, **fields: str) -> list[str]:
    """What is said when no dataset, or no version, is among the invitations with ``fields``."""
    found = study.invitations.filter(**fields)
    reasons = []
    if not found.filter(dataset__isnull=False).exists():
        reasons.append(no_dataset)
    if not found.filter(model_version__isnull=False).exists():
        reasons.append(no_version)
    return reasons


def start_reasons(study: Study, by: User) -> list[str]:
    """What a study that invites lacks before ``by`` can start it: members, and permits."""
    return [
        *_member_reasons(
            study,
            _("No holder of a dataset has accepted yet."),
            _("No developer of a model has accepted yet."),
            status=InvitationStatus.ACCEPTED,
        ),
        *_permit_reasons(study, by),
    ]


def _permit_reasons(study: Study, by: User) -> list[str]:
    """Every permit that the matrix of accepted datasets and model versions lacks, once each."""
    members = study.invitations.accepted().select_related("dataset", "model_version__model")
    datasets = [
        member.dataset
        for member in members
        if member.dataset and needs_permit(member.dataset, study.organisation)
    ]
    versions = [member.model_version for member in members if member.model_version]
    today = timezone.localdate()
    reasons = [
        reason
        for dataset in datasets
        for version in versions
        for reason in permit_reasons(
            Use(study.organisation, by, dataset, version, Purpose.ALGORITHMS, today)
        )
    ]
    return list(dict.fromkeys(reasons))


@transaction.atomic
def answer_invitation(
    *, invitation: Invitation, accept: bool, reason: str = "", by: User
) -> Invitation:
    """Accept, or decline with a reason; until the start the answer may be changed.

    Raises
    ------
    PermissionError
        If ``by`` may not change what is invited.
    StudyRefused
        If the study has started or was withdrawn, or a reason is missing.
    """
    study = Study.objects.locked().get(pk=invitation.study_id)
    if study.status != StudyStatus.INVITING:
        raise StudyRefused([_("The study no longer waits for answers.")])
    if not Invitation.objects.answerable_by(by).contains(invitation):
        raise PermissionError("Only contributors of the organisation that is asked answer for it.")
    if not accept and not reason.strip():
        raise StudyRefused([_("Say why, so that the coordinator can do something about it.")])
    invitation.status = InvitationStatus.ACCEPTED if accept else InvitationStatus.DECLINED
    invitation.reason = "" if accept else reason.strip()
    invitation.answered_by = by
    invitation.answered_at = Now()
    invitation.save(update_fields=["status", "reason", "answered_by", "answered_at"])
    invitation.refresh_from_db()
    subject = invitation.subject
    said = "accepted" if accept else "declined"
    record(
        by=by,
        organisation=invitation.organisation,
        verb=Act.TOOK_PART if accept else Act.DECLINED,
        obj=subject,
        sentence=f"{said} that the {subject._meta.verbose_name} “{subject}” takes part in the "
        f"study “{study}”",
    )
    tell_answer(invitation, by=by)
    return invitation


@transaction.atomic
def withdraw_study(*, study: Study, reason: str, by: User) -> None:
    """End a study that has not finished; what runs is cancelled.

    Raises
    ------
    PermissionError, StudyRefused
        If ``by`` does not coordinate it, it has ended, or no reason is given.
    """
    held = held_for(study, by, StudyStatus.DRAFT, StudyStatus.INVITING, StudyStatus.RUNNING)
    if not reason.strip():
        raise StudyRefused([_("Say why, for those who take part.")])
    held.status, held.withdrawal = StudyStatus.WITHDRAWN, reason.strip()
    held.save(update_fields=["status", "withdrawal"])
    record(by=by, organisation=held.organisation, verb=Act.WITHDRAWN, obj=held)
    tell_nobody_is_asked(held)
    running = Evaluation.objects.filter(study=held, status__in=UNFINISHED)
    for evaluation in running.select_related("study"):
        cancel_evaluation(evaluation=evaluation, by=by)
