"""Studies: a protocol applied to several model versions on several datasets."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from portal.catalogue.models import Dataset
from portal.evaluations.models import new_reference
from portal.jobs.models import UNFINISHED
from portal.organisations.models import Appointment, Organisation
from portal.organisations.roles import Duty
from portal.registry.models import ModelVersion
from portal.studies.states import MOVES, OPEN, STARTED, InvitationStatus, StudyStatus
from portal.triggers import any_changed
from portal.usecase import Protocol, Task, UseCase, use_cases

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User

LOCKED = (
    "reference", "use_case", "task", "organisation", "title", "question", "protocol",
    "protocol_sha256", "created_by", "created_at", "started_at",
)  # fmt: skip
"""What never changes once a study has started."""


class StudyQuerySet(models.QuerySet["Study"]):
    """Studies, by who may see and move them."""

    def of(self, use_case: UseCase) -> Self:
        return self.filter(use_case=use_case.slug)

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Studies of one's organisations, those they are asked to join, and those they joined.

        A draft is its own organisation's alone. Who declined, or did not answer in time, sees
        the study no more once it has started.
        """
        mine = Organisation.objects.where_member(user)
        if not user.is_active:
            return self.none()
        asked = Study.objects.filter(invitations__organisation__in=mine)
        joined = Study.objects.filter(
            invitations__organisation__in=mine, invitations__status=InvitationStatus.ACCEPTED
        )
        return self.filter(
            models.Q(organisation__in=mine)
            | models.Q(status=StudyStatus.INVITING, pk__in=asked.values("pk"))
            | (~models.Q(status=StudyStatus.DRAFT) & models.Q(pk__in=joined.values("pk")))
        )

    def coordinated_by(self, user: User | AnonymousUser) -> Self:
        """Studies that ``user`` may invite for, start, withdraw and publish."""
        if not Appointment.objects.may(user, Duty.LEAD_STUDIES):
            return self.none()
        return self.filter(organisation__in=Organisation.objects.where_may(user, Duty.ADD))

    def for_list(self) -> Self:
        """With what a row of a list shows, in two queries."""
        return self.select_related("organisation").prefetch_related("invitations")

    def to_settle(self) -> Self:
        """Running studies of which every cell has ended."""
        waiting = Study.objects.filter(cells__evaluation__status__in=UNFINISHED)
        return self.filter(status=StudyStatus.RUNNING).exclude(pk__in=waiting.values("pk"))

    def locked(self) -> Self:
        """To be read for a change of state: nobody else moves the study meanwhile.

        The lock lets evaluations name the study, which are written while it is moved.
        """
        return self.select_for_update(no_key=True)


class Study(models.Model):
    """A protocol, and the model versions and datasets that it is applied to."""

    Status = StudyStatus

    reference = models.CharField(max_length=20, unique=True, default=new_reference, editable=False)
    use_case = models.CharField(max_length=40)
    task = models.CharField(max_length=40)
    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        related_name="studies",
        verbose_name=_("coordinated by"),
        help_text=_("The organisation that answers for the study."),
    )
    title = models.CharField(_("title"), max_length=200)
    question = models.TextField(
        _("question"), help_text=_("What the study is to find out, in one or two sentences.")
    )
    protocol = models.JSONField()
    protocol_sha256 = models.CharField(max_length=64, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=StudyStatus, default=StudyStatus.DRAFT
    )
    pooled = models.JSONField(
        default=dict, blank=True, help_text="By model version: estimates over all sites."
    )
    withdrawal = models.TextField(_("why it was withdrawn"), blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = StudyQuerySet.as_manager()

    class Meta:
        verbose_name = _("study")
        verbose_name_plural = _("studies")
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=["use_case", "-created_at", "-id"], name="study_by_use_case"),
            models.Index(fields=["status"], name="study_by_status"),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=OPEN, started_at=None)
                | models.Q(status__in=STARTED, started_at__isnull=False)
                | models.Q(status=StudyStatus.WITHDRAWN),
                name="study_status_known_and_started_at_when_started",
            ),
            models.CheckConstraint(
                condition=models.Q(started_at=None, protocol_sha256="")
                | models.Q(started_at__isnull=False, protocol_sha256__regex=r"^[0-9a-f]{64}$"),
                name="study_protocol_has_its_hash_when_started",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    status__in=(StudyStatus.FINISHED, StudyStatus.PUBLISHED),
                    finished_at__isnull=False,
                )
                | (
                    ~models.Q(status__in=(StudyStatus.FINISHED, StudyStatus.PUBLISHED))
                    & models.Q(finished_at=None)
                ),
                name="study_finished_at_when_finished",
            ),
            models.CheckConstraint(
                condition=models.Q(status=StudyStatus.WITHDRAWN) ^ models.Q(withdrawal=""),
                name="study_withdrawal_has_a_reason",
            ),
        )
        triggers: ClassVar = [
            pgtrigger.FSM(name="study_moves", field="status", transitions=MOVES),
            pgtrigger.Protect(
                name="started_study_is_locked",
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__status="draft")
                & ~pgtrigger.Q(old__status="inviting")
                & any_changed(*LOCKED),
            ),
            pgtrigger.Protect(
                name="ended_study_never_changes",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__status="published")
                | pgtrigger.Q(old__status="withdrawn"),
            ),
            pgtrigger.Protect(name="study_is_kept", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse(
            "study-detail", kwargs={"use_case": self.declared, "reference": self.reference}
        )

    @property
    def declared(self) -> UseCase:
        """The use case that it belongs to."""
        return use_cases()[self.use_case]

    @property
    def declared_task(self) -> Task:
        return self.declared.task(self.task)

    @property
    def frozen_protocol(self) -> Protocol:
        """The protocol as the task's evaluation takes it."""
        return self.declared_task.protocol.model_validate(self.protocol)

    @property
    def dataset_count(self) -> int:
        """How many datasets are invited; with :meth:`StudyQuerySet.for_list` without a query."""
        return sum(1 for found in self.invitations.all() if found.dataset_id)

    @property
    def version_count(self) -> int:
        """How many model versions are invited."""
        return sum(1 for found in self.invitations.all() if found.model_version_id)

    @property
    def state(self) -> StudyStatus:
        return StudyStatus(self.status)

    @property
    def is_open(self) -> bool:
        """Whether protocol and members may still change."""
        return self.state in OPEN

    @property
    def has_started(self) -> bool:
        return self.started_at is not None

    def is_coordinated_by(self, user: User | AnonymousUser) -> bool:
        return Study.objects.coordinated_by(user).filter(pk=self.pk).exists()

    def participants(self) -> models.QuerySet[Organisation]:
        """The organisations that see its results: its own, and those that accepted."""
        accepted = self.invitations.filter(status=InvitationStatus.ACCEPTED)
        return Organisation.objects.filter(
            models.Q(pk=self.organisation_id) | models.Q(pk__in=accepted.values("organisation"))
        )

    def rights_reasons(self, *, dataset: Dataset, model_version: ModelVersion) -> list[str]:
        """Why the study may not evaluate the two; an acceptance counts inside this study alone."""
        reasons = []
        if self.status == StudyStatus.WITHDRAWN:
            reasons.append(_now("The study was withdrawn."))
        accepted = self.invitations.filter(status=InvitationStatus.ACCEPTED)
        if not accepted.filter(dataset=dataset).exists():
            reasons.append(_now("The dataset's holder has not accepted to take part in the study."))
        if not accepted.filter(model_version=model_version).exists():
            reasons.append(
                _now("The model's developer has not accepted to take part in the study.")
            )
        return reasons

    def take_up_again(self) -> bool:
        """Run on because a cell is tried again; False when it is published or withdrawn."""
        running = Study.objects.filter(
            pk=self.pk, status__in=(StudyStatus.RUNNING, StudyStatus.FINISHED)
        )
        return bool(running.update(status=StudyStatus.RUNNING, finished_at=None, pooled={}))


def protocol_hash(use_case: str, task: str, protocol: dict[str, Any]) -> str:
    """SHA-256 of a study's protocol, written as JSON with sorted keys and no spaces."""
    source = {"use_case": use_case, "task": task, "protocol": protocol}
    canonical = json.dumps(source, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
