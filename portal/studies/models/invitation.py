"""Invitations: who is asked to take part in a study, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from portal.catalogue.models import Dataset
from portal.organisations.models import Organisation
from portal.organisations.roles import Verb
from portal.registry.models import Model, ModelVersion
from portal.studies.models.study import Study
from portal.studies.states import InvitationStatus, StudyStatus
from portal.triggers import any_changed

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations, by who may answer them."""

    def answerable_by(self, user: User | AnonymousUser) -> Self:
        """Invitations to what ``user`` may change, in studies that have not started."""
        return self.filter(
            models.Q(dataset__in=Dataset.objects.allowing(user, Verb.CHANGE))
            | models.Q(model_version__model__in=Model.objects.allowing(user, Verb.CHANGE)),
            study__status=StudyStatus.INVITING,
        )

    def waiting_for(self, user: User | AnonymousUser) -> Self:
        """Invitations that wait for ``user``'s answer, the oldest first."""
        return (
            self.answerable_by(user)
            .filter(status=InvitationStatus.WAITING)
            .select_related("study__organisation", "dataset", "model_version__model")
            .order_by("created_at", "id")
        )

    def accepted(self) -> Self:
        return self.filter(status=InvitationStatus.ACCEPTED)

    def for_list(self) -> Self:
        """With what a line of a list shows, in one query."""
        return self.select_related("organisation", "dataset", "model_version__model")


IS_OPEN = """
PERFORM 1 FROM studies_study
    WHERE id = {row}.study_id AND status IN ('draft', 'inviting')
    FOR SHARE;
IF NOT FOUND THEN
    RAISE EXCEPTION 'pgtrigger: the members of a study that has started never change';
END IF;
RETURN {row};
"""
"""The lock makes an answer and a start wait for each other."""


class Invitation(models.Model):
    """The question to a dataset's holder, or a model version's developer, to take part."""

    Status = InvitationStatus

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="invitations")
    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        related_name="invitations",
        help_text="Who answers: the dataset's holder, or the model's developer.",
    )
    dataset = models.ForeignKey(
        Dataset, on_delete=models.PROTECT, null=True, blank=True, related_name="invitations"
    )
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="invitations"
    )
    status = models.CharField(
        _("status"), max_length=10, choices=InvitationStatus, default=InvitationStatus.WAITING
    )
    reason = models.TextField(_("reason"), blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    answered_at = models.DateTimeField(_("answered"), null=True)
    created_at = models.DateTimeField(_("invited"), db_default=Now(), editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(dataset=None) ^ models.Q(model_version=None),
                name="invitation_is_to_a_dataset_or_a_model_version",
            ),
            models.UniqueConstraint(fields=["study", "dataset"], name="dataset_invited_once"),
            models.UniqueConstraint(
                fields=["study", "model_version"], name="model_version_invited_once"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=InvitationStatus.values),
                name="invitation_status_known",
            ),
            models.CheckConstraint(
                condition=models.Q(status=InvitationStatus.DECLINED) ^ models.Q(reason=""),
                name="invitation_declined_with_a_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    status=InvitationStatus.WAITING, answered_at=None, answered_by=None
                )
                | (
                    ~models.Q(status=InvitationStatus.WAITING)
                    & models.Q(answered_at__isnull=False, answered_by__isnull=False)
                ),
                name="invitation_answered_by_a_person",
            ),
        )
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="members_change_before_the_start",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=pgtrigger.Func(IS_OPEN.replace("{row}", "NEW")),
            ),
            pgtrigger.Trigger(
                name="members_leave_before_the_start",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                func=pgtrigger.Func(IS_OPEN.replace("{row}", "OLD")),
            ),
            pgtrigger.Protect(
                name="invitation_stays_with_its_study",
                operation=pgtrigger.Update,
                condition=any_changed(
                    "study", "dataset", "model_version", "organisation", "created_at"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} · {self.study}"

    @property
    def subject(self) -> Dataset | ModelVersion:
        """What is invited."""
        return self.dataset or self.model_version  # type: ignore[return-value]
