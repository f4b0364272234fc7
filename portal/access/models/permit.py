"""Permits: who may use which datasets, for what, with which models, from when to when.

What a permit says never changes. Extending or narrowing it makes a new version under its number,
and the one before is replaced.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.access.models.application import LONGEST
from portal.access.models.review import Review, months_after
from portal.access.states import PERMIT_MOVES, PermitStatus
from portal.access.vocabulary import Environment, Purpose
from portal.catalogue.models import Dataset
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty
from portal.registry.models import ModelVersion
from portal.triggers import any_changed

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User

MONTHS_TO_PUBLISH = 18
"""From the end of a permit until its results are public (EHDS Article 61(4))."""
CONTENT = (
    "number", "version", "review", "organisation", "title", "summary", "purpose",
    "any_model_version", "valid_from", "valid_until", "conditions", "environment", "fees",
    "keeps_results", "is_extension", "replaces", "issued_by", "issued_at",
)  # fmt: skip
"""What a permit says."""


class PermitQuerySet(models.QuerySet["Permit"]):
    """Permits, by who may see them and what they allow."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Those of one's organisations, those one decides on, those on data that one holds."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        held = self.model.objects.filter(
            datasets__organisation__in=Organisation.objects.where_may(user, Duty.ANSWER_ACCESS)
        )
        return self.filter(
            models.Q(organisation__in=Organisation.objects.where_member(user))
            | models.Q(review__in=Review.objects.decided_by(user))
            | models.Q(pk__in=held.values("pk"))
        )

    def current(self) -> Self:
        """The newest version of each."""
        return self.exclude(status=PermitStatus.REPLACED)

    def in_force(self, day: date) -> Self:
        """Those that allow anything on that day."""
        return self.filter(status=PermitStatus.IN_FORCE, valid_from__lte=day, valid_until__gte=day)

    def ended(self, day: date) -> Self:
        """Those that allow nothing any more, and will not: revoked, or past their last day."""
        return self.current().filter(
            models.Q(status=PermitStatus.REVOKED) | models.Q(valid_until__lt=day)
        )

    def of_person(self, user: User) -> Self:
        """Those that name ``user``."""
        return self.filter(people=user)

    def for_list(self) -> Self:
        """With what a row of a list shows, in a constant number of queries."""
        return self.select_related("organisation", "review").prefetch_related(
            "datasets__organisation"
        )

    def locked(self) -> Self:
        """To be read for a change of state: nobody else moves it meanwhile."""
        return self.select_for_update(of=("self",), no_key=True)


class Permit(models.Model):
    """A data permit, EHDS Article 68, in one of its versions."""

    Status = PermitStatus

    number = models.CharField(_("number"), max_length=20)
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="permits")
    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        related_name="permits",
        verbose_name=_("permit holder"),
    )
    title = models.CharField(_("title"), max_length=200)
    summary = models.TextField(_("summary for everybody"), max_length=LONGEST)
    purpose = models.CharField(_("purpose"), max_length=4, choices=Purpose)
    datasets = models.ManyToManyField(Dataset, through="PermittedDataset", related_name="permits")
    people = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="PermittedPerson", related_name="permits"
    )
    any_model_version = models.BooleanField(_("any model version"), default=False)
    model_versions = models.ManyToManyField(
        ModelVersion, through="PermittedModelVersion", related_name="permits"
    )
    valid_from = models.DateField(_("from"))
    valid_until = models.DateField(
        _("to"), help_text=_("The last day on which it allows anything.")
    )
    conditions = models.TextField(_("conditions"), blank=True, max_length=LONGEST)
    environment = models.CharField(
        _("where"), max_length=6, choices=Environment, default=Environment.HERE
    )
    fees = models.TextField(_("fees"), blank=True, max_length=LONGEST)
    keeps_results = models.BooleanField(
        _("keeps results"),
        default=True,
        help_text=_("Whether its holder goes on seeing the aggregate results after its end."),
    )
    is_extension = models.BooleanField(default=False)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="replaced_by"
    )
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    issued_at = models.DateTimeField(_("issued"), db_default=TransactionNow())

    status = models.CharField(
        _("status"), max_length=10, choices=PermitStatus, default=PermitStatus.IN_FORCE
    )
    status_reason = models.TextField(_("reason"), blank=True, max_length=LONGEST)
    status_at = models.DateTimeField(_("since"), db_default=Now())
    settled_at = models.DateTimeField(
        null=True, editable=False, help_text="When what its end involves was done."
    )

    objects = PermitQuerySet.as_manager()

    class Meta:
        verbose_name = _("data permit")
        verbose_name_plural = _("data permits")
        ordering = ("-issued_at", "-id")
        indexes = (
            models.Index(fields=["organisation", "valid_until"], name="permit_by_holder"),
            models.Index(fields=["valid_until"], name="permit_by_end"),
        )
        constraints = (
            models.UniqueConstraint(fields=["number", "version"], name="permit_version_unique"),
            models.UniqueConstraint(
                fields=["number"],
                condition=~models.Q(status=PermitStatus.REPLACED),
                name="permit_has_one_current_version",
            ),
            models.UniqueConstraint(
                fields=["number"],
                condition=models.Q(is_extension=True),
                name="permit_extended_once",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=PermitStatus.values), name="permit_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(valid_from__lte=models.F("valid_until")),
                name="permit_period_in_order",
                violation_error_message=_("The permit ends before it begins."),
            ),
            models.CheckConstraint(
                condition=~models.Q(status__in=(PermitStatus.SUSPENDED, PermitStatus.REVOKED))
                | ~models.Q(status_reason=""),
                name="permit_suspended_or_revoked_with_a_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(version=1, replaces=None, is_extension=False)
                | models.Q(version__gt=1, replaces__isnull=False),
                name="permit_version_replaces_the_one_before",
            ),
        )
        triggers: ClassVar = [
            pgtrigger.FSM(name="permit_moves", field="status", transitions=PERMIT_MOVES),
            pgtrigger.Protect(
                name="permit_is_never_edited",
                operation=pgtrigger.Update,
                condition=any_changed(*CONTENT),
            ),
            pgtrigger.Protect(name="permit_is_kept", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("permit-detail", kwargs={"number": self.number})

    @property
    def state(self) -> PermitStatus:
        return PermitStatus(self.status)

    @property
    def is_in_force(self) -> bool:
        """Whether it allows anything today."""
        return (
            self.state == PermitStatus.IN_FORCE
            and self.valid_from <= timezone.localdate() <= self.valid_until
        )

    @property
    def has_ended(self) -> bool:
        """Whether it allows nothing any more, and will not."""
        return self.state == PermitStatus.REVOKED or self.valid_until < timezone.localdate()

    @property
    def ended_on(self) -> date | None:
        """Its last day: when it was revoked, or the one that it names; None before its end."""
        if self.state == PermitStatus.REVOKED:
            return min(timezone.localdate(self.status_at), self.valid_until)
        return self.valid_until if self.has_ended else None

    @property
    def days_left(self) -> int:
        """Days until its last one; negative when that has passed."""
        return (self.valid_until - timezone.localdate()).days

    @property
    def publish_by(self) -> date:
        """Until when what was found is to be public (EHDS Article 61(4))."""
        return months_after(self.ended_on or self.valid_until, MONTHS_TO_PUBLISH)

    @property
    def days_to_publish(self) -> int:
        """Days until then; negative when it is late."""
        return (self.publish_by - timezone.localdate()).days


IS_NEW = """
PERFORM 1 FROM access_permit WHERE id = NEW.permit_id AND issued_at = now();
IF NOT FOUND THEN
    RAISE EXCEPTION 'pgtrigger: what a permit says is written with it, and never later';
END IF;
RETURN NEW;
"""
"""The time of a transaction is the same for all that is written in it."""


def _sealed(name: str) -> list[pgtrigger.Trigger]:
    """The rows beside a permit are written with it, and never change."""
    return [
        pgtrigger.Protect(
            name=f"{name}_never_change", operation=pgtrigger.Update | pgtrigger.Delete
        ),
        pgtrigger.Trigger(
            name=f"{name}_written_with_permit",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert,
            func=IS_NEW,
        ),
    ]


class PermittedDataset(models.Model):
    """A dataset that a permit covers, and which of its variables."""

    permit = models.ForeignKey(Permit, on_delete=models.PROTECT, related_name="permitted_datasets")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+")
    variables = ArrayField(
        models.CharField(max_length=100), default=list, blank=True, help_text="Empty for all."
    )

    class Meta:
        ordering = ("dataset__title", "id")
        constraints = (
            models.UniqueConstraint(fields=["permit", "dataset"], name="dataset_permitted_once"),
        )
        triggers: ClassVar = _sealed("permitted_datasets")

    def __str__(self) -> str:
        return str(self.dataset)


class PermittedPerson(models.Model):
    """A person whom a permit names."""

    permit = models.ForeignKey(Permit, on_delete=models.PROTECT, related_name="permitted_people")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="permitted"
    )

    class Meta:
        ordering = ("person__full_name", "id")
        constraints = (
            models.UniqueConstraint(fields=["permit", "person"], name="person_permitted_once"),
        )
        triggers: ClassVar = _sealed("permitted_people")

    def __str__(self) -> str:
        return str(self.person)


class PermittedModelVersion(models.Model):
    """A model version that a permit names."""

    permit = models.ForeignKey(
        Permit, on_delete=models.PROTECT, related_name="permitted_model_versions"
    )
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=["permit", "model_version"], name="model_version_permitted_once"
            ),
        )
        triggers: ClassVar = _sealed("permitted_model_versions")

    def __str__(self) -> str:
        return str(self.model_version)


class Outcome(models.Model):
    """What came of a permit: a result that was made public, for the register."""

    number = models.CharField(max_length=20, help_text="Of the permit, whatever its version.")
    title = models.CharField(_("title"), max_length=300)
    url = models.URLField(_("address"), max_length=500)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("created_at", "id")
        indexes = (models.Index(fields=["number"], name="outcome_by_permit"),)
        constraints = (models.UniqueConstraint(fields=["number", "url"], name="outcome_told_once"),)

    def __str__(self) -> str:
        return self.title
