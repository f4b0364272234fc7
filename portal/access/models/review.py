"""Reviews: the part of an application that one body decides on, and what is said meanwhile."""

from __future__ import annotations

import calendar
from datetime import date
from typing import TYPE_CHECKING, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.access.models.application import LONGEST, Application
from portal.access.states import REVIEW_MOVES, UNDECIDED, ReviewStatus
from portal.organisations.countries import COUNTRIES, country_name
from portal.organisations.models import Appointment, Organisation
from portal.organisations.roles import Duty

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User


FOR_THE_BODY = ~models.Q(holder__is_trusted_holder=True)
"""Reviews on which the access body of the country decides, and no holder itself."""


class ReviewQuerySet(models.QuerySet["Review"]):
    """Reviews, by who decides and who is asked."""

    def decided_by(self, user: User | AnonymousUser) -> Self:
        """Those on which ``user`` decides: for the country, or for a trusted holder.

        What waits for a holder that is no longer trusted falls to the access body.
        """
        countries = Appointment.objects.giving(user, Duty.DECIDE_ACCESS).values("country")
        holders = Organisation.objects.where_may(user, Duty.ANSWER_ACCESS)
        return self.filter(
            models.Q(FOR_THE_BODY, country__in=countries)
            | models.Q(holder__in=holders, holder__is_trusted_holder=True)
        )

    def asking(self, user: User | AnonymousUser) -> Self:
        """Those in which a holder of ``user``'s is asked for its opinion."""
        holders = Organisation.objects.where_may(user, Duty.ANSWER_ACCESS)
        asked = self.filter(FOR_THE_BODY, items__dataset__organisation__in=holders)
        return self.filter(pk__in=asked.values("pk"))

    def seen_by(self, user: User | AnonymousUser) -> Self:
        """Those that ``user`` reads: the applicant's all, or one's own part of it."""
        mine = Organisation.objects.where_member(user)
        return self.filter(
            models.Q(application__organisation__in=mine)
            | models.Q(pk__in=self.model.objects.decided_by(user).values("pk"))
            | models.Q(pk__in=self.model.objects.asking(user).values("pk"))
        )

    def undecided(self) -> Self:
        return self.filter(status__in=UNDECIDED)

    def for_list(self) -> Self:
        """With what a line of a list shows, in a constant number of queries."""
        return self.select_related("holder", "application__organisation")

    def locked(self) -> Self:
        """To be read for a change of state: nobody else moves it meanwhile."""
        return self.select_for_update(of=("self",), no_key=True)


class Review(models.Model):
    """The datasets of an application that one body decides on: of a country, or a holder."""

    Status = ReviewStatus

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="reviews")
    country = models.CharField(_("country"), max_length=2, choices=COUNTRIES)
    holder = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text=_("The trusted holder that decides itself; empty for the access body."),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=ReviewStatus, default=ReviewStatus.RECEIVED
    )
    received_at = models.DateTimeField(_("received"), db_default=Now())
    complete_at = models.DateTimeField(_("complete since"), null=True)
    due_on = models.DateField(
        _("due"), null=True, help_text=_("Until when the body decides (EHDS Article 68).")
    )
    extended_at = models.DateTimeField(_("deadline extended"), null=True)
    extension_reason = models.TextField(_("why it was extended"), blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reasons = models.TextField(_("reasons of the decision"), blank=True, max_length=LONGEST)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        verbose_name = _("review of an application")
        verbose_name_plural = _("reviews of applications")
        ordering = ("application", "country", "holder")
        indexes = (models.Index(fields=["country", "status"], name="review_by_country"),)
        constraints = (
            models.UniqueConstraint(
                fields=["application", "country", "holder"],
                nulls_distinct=False,
                name="review_once_for_a_body",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    status__in=(ReviewStatus.GRANTED, ReviewStatus.REFUSED),
                    decided_at__isnull=False,
                    decided_by__isnull=False,
                )
                & ~models.Q(reasons="")
                | ~models.Q(status__in=(ReviewStatus.GRANTED, ReviewStatus.REFUSED))
                & models.Q(decided_at=None, decided_by=None, reasons=""),
                name="review_decided_with_reasons",
            ),
            models.CheckConstraint(
                condition=models.Q(complete_at=None, due_on=None)
                | models.Q(complete_at__isnull=False, due_on__isnull=False),
                name="review_due_when_complete",
            ),
            models.CheckConstraint(
                condition=~models.Q(
                    status__in=(
                        ReviewStatus.ASSESSED,
                        ReviewStatus.GRANTED,
                        ReviewStatus.REFUSED,
                    )
                )
                | models.Q(complete_at__isnull=False),
                name="review_complete_before_it_is_assessed",
            ),
            models.CheckConstraint(
                condition=models.Q(extended_at=None) ^ ~models.Q(extension_reason=""),
                name="review_extended_with_a_reason",
            ),
        )
        triggers: ClassVar = [
            pgtrigger.FSM(name="review_moves", field="status", transitions=REVIEW_MOVES),
            pgtrigger.Protect(name="review_is_kept", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.application} · {self.body}"

    def get_absolute_url(self) -> str:
        return reverse("review-detail", kwargs={"review": self.pk})

    @property
    def body(self) -> str:
        """Who decides, in words."""
        if self.holder is not None and self.holder.is_trusted_holder:
            return str(self.holder)
        return str(_("Access body, %(country)s") % {"country": country_name(self.country)})

    @property
    def state(self) -> ReviewStatus:
        return ReviewStatus(self.status)

    @property
    def days_left(self) -> int | None:
        """Days until the decision is due; negative when it is late, None while none is due."""
        if self.due_on is None or self.state not in UNDECIDED:
            return None
        return (self.due_on - timezone.localdate()).days

    @property
    def days_late(self) -> int:
        """Days since the decision was due; 0 when it is not late."""
        return max(0, -(self.days_left or 0))

    def holders(self) -> models.QuerySet[Organisation]:
        """The holders of its datasets."""
        return Organisation.objects.filter(
            pk__in=self.items.values("dataset__organisation")
        ).order_by("name")


class Opinion(models.Model):
    """What a holder says about an application for its data; the access body decides."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="opinions")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    is_in_favour = models.BooleanField(_("in favour"))
    text = models.TextField(_("opinion"), max_length=LONGEST)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(fields=["review", "organisation"], name="opinion_given_once"),
        )
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="opinion_never_changes", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organisation}: {self.text[:60]}"


class Message(models.Model):
    """A remark, a question or an answer on the record of a review; nothing is taken back."""

    class Kind(models.TextChoices):
        REMARK = "remark", _("Returned for completion")
        QUESTION = "question", _("Question")
        ANSWER = "answer", _("Answer")

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="messages")
    kind = models.CharField(max_length=10, choices=Kind)
    text = models.TextField(_("text"), max_length=LONGEST)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("created_at", "id")
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="message_never_changes", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]


def months_after(day: date, months: int) -> date:
    """The same day of a later month; its last day where the month is shorter."""
    years, place = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, place + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
