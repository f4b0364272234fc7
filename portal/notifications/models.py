"""What people are told, and how they want to be told it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import get_language
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from portal.notifications.addresses import in_language
from portal.notifications.kinds import WITHOUT_MAIL, Kind

if TYPE_CHECKING:
    from portal.accounts.models import User

KEPT_READ = timedelta(days=365)
MOST_COUNTED = 100
"""Beyond this nobody counts: the bell says that there are more."""


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Notifications, by whose they are and what must happen to them."""

    def of(self, person: User) -> Self:
        return self.filter(person=person)

    def unread(self) -> Self:
        return self.filter(read_at=None)

    def count_of_unread(self, person: User) -> int:
        """How many ``person`` has not read; no more are counted than are told."""
        return self.of(person).unread().order_by()[:MOST_COUNTED].count()

    def to_mail(self) -> Self:
        """Those whose letter is due."""
        return self.filter(mail_at__lte=Now())

    def long_read(self) -> Self:
        """Those read so long ago that they are kept no more."""
        return self.filter(read_at__lt=Now() - KEPT_READ)


class Notification(models.Model):
    """A sentence for one person, and where it leads.

    The sentence is kept as it stands in the program, beside the words that fill it, and is read
    in the language of whoever reads it.
    """

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="notifications",
        verbose_name=_("person"),
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    sentence = models.CharField(max_length=500)
    words = models.JSONField(default=dict, blank=True)
    url = models.CharField(max_length=500, help_text="A path without a language.")
    once = models.CharField(
        max_length=200, blank=True, help_text="What one person is told once; empty: each time."
    )
    created_at = models.DateTimeField(_("when"), db_default=Now(), editable=False)
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    mail_at = models.DateTimeField(
        _("e-mail due"), null=True, blank=True, help_text="Empty: none is to be sent (any more)."
    )
    mail_attempts = models.PositiveSmallIntegerField(_("attempts to send it"), default=0)
    mailed_at = models.DateTimeField(_("e-mail sent"), null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(
                fields=["person", "-created_at", "-id"],
                condition=models.Q(read_at=None),
                name="notification_unread",
            ),
            models.Index(fields=["person", "-created_at", "-id"], name="notification_newest"),
            models.Index(
                fields=["url"],
                condition=models.Q(read_at=None, kind="waiting"),
                name="notification_waiting",
            ),
            models.Index(
                fields=["mail_at"],
                condition=models.Q(mail_at__isnull=False),
                name="notification_to_mail",
            ),
            models.Index(
                fields=["read_at"],
                condition=models.Q(read_at__isnull=False),
                name="notification_long_read",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["person", "once"],
                condition=~models.Q(once=""),
                name="notification_told_once",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=Kind.values), name="notification_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(url__startswith="/") & ~models.Q(url__startswith="//"),
                name="notification_leads_to_a_page_of_the_site",
            ),
            models.CheckConstraint(
                condition=models.Q(mail_at=None) | models.Q(mailed_at=None),
                name="notification_mailed_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.person}"

    @property
    def text(self) -> str:
        """The sentence, in the language that is being read."""
        return _now(self.sentence) % self.words

    @property
    def is_read(self) -> bool:
        return self.read_at is not None

    @property
    def address(self) -> str:
        """Where it leads, in the language that is being read."""
        return in_language(self.url, get_language() or settings.LANGUAGE_CODE)


class MailChoiceQuerySet(models.QuerySet["MailChoice"]):
    """What people chose."""

    def kinds_of(self, person: User) -> set[Kind]:
        """The kinds that ``person`` gets by e-mail."""
        chosen = dict(self.filter(person=person).values_list("kind", "by_mail"))
        return {kind for kind in Kind if chosen.get(kind, kind not in WITHOUT_MAIL)}

    def wanting(self, kind: Kind, people: Any) -> set[int]:
        """The keys of those among ``people`` who get ``kind`` by e-mail."""
        chosen = self.filter(kind=kind, person__in=people)
        said = dict(chosen.values_list("person_id", "by_mail"))
        usual = kind not in WITHOUT_MAIL
        return {person.pk for person in people if said.get(person.pk, usual)}


class MailChoice(models.Model):
    """Whether a person gets one kind by e-mail, where they have said so."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mail_choices"
    )
    kind = models.CharField(max_length=20, choices=Kind)
    by_mail = models.BooleanField()

    objects = MailChoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("choice of e-mails")
        verbose_name_plural = _("choices of e-mails")
        constraints = (
            models.UniqueConstraint(fields=["person", "kind"], name="mail_chosen_once_a_kind"),
            models.CheckConstraint(
                condition=models.Q(kind__in=Kind.values), name="mail_choice_kind_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.person} · {self.get_kind_display()}"
