"""Applications: which datasets an organisation asks for, why, and how it would use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal.access.states import APPLICATION_MOVES, ApplicationStatus, ReviewStatus
from portal.access.vocabulary import Environment, Identifiability, Purpose
from portal.catalogue.models import Dataset
from portal.evaluations.models import new_reference
from portal.organisations.models import Appointment, Organisation
from portal.organisations.roles import Duty
from portal.registry.models import ModelVersion

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User

LONGEST = 5_000
"""Characters of a text field."""


class ApplicationQuerySet(models.QuerySet["Application"]):
    """Applications, by who may see and change them."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Those of one's organisations; once sent, also for whoever decides or is asked.

        That is the access body of a country that a part of it goes to, and the managers of the
        holders whose datasets are asked for.
        """
        if not user.is_authenticated or not user.is_active:
            return self.none()
        mine = Organisation.objects.where_member(user)
        sent = self.model.objects.exclude(submitted_at=None)
        countries = Appointment.objects.giving(user, Duty.DECIDE_ACCESS).values("country")
        decided = sent.filter(
            ~models.Q(reviews__holder__is_trusted_holder=True), reviews__country__in=countries
        )
        holders = Organisation.objects.where_may(user, Duty.ANSWER_ACCESS)
        asked = sent.filter(items__dataset__organisation__in=holders)
        return self.filter(
            models.Q(organisation__in=mine)
            | models.Q(pk__in=decided.values("pk"))
            | models.Q(pk__in=asked.values("pk"))
        )

    def written_by(self, user: User | AnonymousUser) -> Self:
        """Those that ``user`` may change, send and withdraw."""
        return self.filter(organisation__in=Organisation.objects.where_may(user, Duty.ASK_ACCESS))

    def for_list(self) -> Self:
        """With what a row of a list shows, in a constant number of queries."""
        return self.select_related("organisation").prefetch_related(
            "items__dataset__organisation", "reviews__holder"
        )

    def locked(self) -> Self:
        """To be read for a change of state: nobody else moves it meanwhile."""
        return self.select_for_update(of=("self",), no_key=True)


class Application(models.Model):
    """An organisation asks for datasets of others, for a purpose and a time."""

    Status = ApplicationStatus

    reference = models.CharField(max_length=20, unique=True, default=new_reference, editable=False)
    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        related_name="applications",
        verbose_name=_("applicant"),
    )
    title = models.CharField(_("title"), max_length=200)
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=ApplicationStatus,
        default=ApplicationStatus.DRAFT,
        editable=False,
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )
    created_at = models.DateTimeField(_("begun"), db_default=Now(), editable=False)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)
    submitted_at = models.DateTimeField(_("sent"), null=True, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)

    datasets = models.ManyToManyField(Dataset, through="Item", related_name="applications")
    # What for
    purpose = models.CharField(
        _("purpose"),
        max_length=4,
        choices=Purpose,
        default=Purpose.ALGORITHMS,
        help_text=_("One of those for which EHDS Article 53 lets health data be reused."),
    )
    summary = models.TextField(
        _("summary for everybody"),
        blank=True,
        max_length=LONGEST,
        help_text=_(
            "What you will do with the data and why, in words that a citizen reads. It stands in "
            "the public register if a permit is issued."
        ),
    )
    intended_use = models.TextField(
        _("intended use"),
        blank=True,
        max_length=LONGEST,
        help_text=_("What is done with the data, step by step."),
    )
    expected_benefit = models.TextField(
        _("expected benefit"),
        blank=True,
        max_length=LONGEST,
        help_text=_("For patients, care or science."),
    )
    # Which data
    population = models.TextField(
        _("population"),
        blank=True,
        max_length=LONGEST,
        help_text=_("Whose data are needed: inclusion and exclusion, and about how many people."),
    )
    period_start = models.DateField(_("data from"), null=True, blank=True)
    period_end = models.DateField(_("data to"), null=True, blank=True)
    identifiability = models.CharField(
        _("form of the data"),
        max_length=13,
        choices=Identifiability,
        default=Identifiability.PSEUDONYMISED,
    )
    why_pseudonymised = models.TextField(
        _("why pseudonymised"),
        blank=True,
        max_length=LONGEST,
        help_text=_("Why anonymised data would not do. Left empty for anonymised data."),
    )
    brought_along = models.TextField(
        _("data brought along"),
        blank=True,
        max_length=LONGEST,
        help_text=_("Data of your own that are to be linked or compared; empty for none."),
    )
    # Who and with what
    people = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        related_name="applications",
        verbose_name=_("people with access"),
        blank=True,
    )
    any_model_version = models.BooleanField(
        _("any model version"),
        default=False,
        help_text=_("Every version that is released now or later, instead of those named."),
    )
    model_versions = models.ManyToManyField(
        ModelVersion, related_name="applications", verbose_name=_("model versions"), blank=True
    )
    # How
    environment = models.CharField(
        _("where"), max_length=6, choices=Environment, default=Environment.HERE
    )
    months = models.PositiveSmallIntegerField(
        _("months"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(120)],
        help_text=_("How long the data are needed; at most 120 months (EHDS Article 68(12))."),
    )
    safeguards = models.TextField(
        _("safeguards"),
        blank=True,
        max_length=LONGEST,
        help_text=_("Against misuse, and against finding out who a person is."),
    )
    tools = models.TextField(
        _("tools and computing"),
        blank=True,
        max_length=LONGEST,
        help_text=_("Programs, memory, processors that you need; empty for what the site has."),
    )
    ethics = models.TextField(
        _("ethics"),
        blank=True,
        max_length=LONGEST,
        help_text=_("The approval of an ethics committee, or why none is required."),
    )
    funding = models.TextField(
        _("funding"), blank=True, max_length=LONGEST, help_text=_("Who pays for the work.")
    )

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        verbose_name = _("data access application")
        verbose_name_plural = _("data access applications")
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=["organisation", "status"], name="application_by_status"),)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status=ApplicationStatus.DRAFT, submitted_at=None)
                | models.Q(
                    status__in=(ApplicationStatus.SUBMITTED, ApplicationStatus.DECIDED),
                    submitted_at__isnull=False,
                )
                | models.Q(status=ApplicationStatus.WITHDRAWN),
                name="application_status_known_and_sent_when_submitted",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    status__in=(ApplicationStatus.DRAFT, ApplicationStatus.SUBMITTED), ended_at=None
                )
                | models.Q(
                    status__in=(ApplicationStatus.DECIDED, ApplicationStatus.WITHDRAWN),
                    ended_at__isnull=False,
                ),
                name="application_ended_at_when_ended",
            ),
            models.CheckConstraint(
                condition=models.Q(period_start=None)
                | models.Q(period_end=None)
                | models.Q(period_start__lte=models.F("period_end")),
                name="application_period_in_order",
                violation_error_message=_("The period ends before it begins."),
            ),
        )
        triggers: ClassVar = [
            pgtrigger.FSM(name="application_moves", field="status", transitions=APPLICATION_MOVES),
            pgtrigger.Protect(
                name="sent_application_is_kept",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__submitted_at__isnull=False),
            ),
            pgtrigger.Protect(
                name="ended_application_never_changes",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__ended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("application-detail", kwargs={"reference": self.reference})

    @property
    def state(self) -> ApplicationStatus:
        return ApplicationStatus(self.status)

    def people_of_applicant(self) -> models.QuerySet[User]:
        """Those whom it names and who still belong to the applicant."""
        members = self.organisation.memberships.in_force().values("user")
        return self.people.filter(is_active=True, pk__in=members)

    @property
    def may_be_changed(self) -> bool:
        """Whether its content may change: a draft, or one that a body gave back."""
        if self.state == ApplicationStatus.SUBMITTED:
            return self.reviews.filter(status=ReviewStatus.RETURNED).exists()
        return self.state == ApplicationStatus.DRAFT


class Item(models.Model):
    """A dataset that an application asks for, and which of its variables."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="items")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+")
    variables = ArrayField(
        models.CharField(max_length=100),
        verbose_name=_("variables"),
        default=list,
        blank=True,
        help_text=_("The names of those that are needed; empty for all."),
    )
    review = models.ForeignKey(
        "access.Review", on_delete=models.PROTECT, null=True, related_name="items", editable=False
    )

    class Meta:
        ordering = ("dataset__title", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["application", "dataset"], name="dataset_asked_for_once"
            ),
        )

    def __str__(self) -> str:
        return str(self.dataset)


class Submission(models.Model):
    """What an application said when it was sent, or sent again: kept as it was."""

    application = models.ForeignKey(
        Application, on_delete=models.PROTECT, related_name="submissions"
    )
    number = models.PositiveSmallIntegerField()
    content = models.JSONField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=["application", "number"], name="submission_numbered"),
        )
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="submission_never_changes", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application} ({self.number})"


class Attachment(models.Model):
    """A document that goes with an application."""

    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="attachments"
    )
    file_name = models.CharField(max_length=200, help_text="As the person's computer called it.")
    stored_name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.file_name
