"""Who did what: a line for each act, kept as it was written."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.audit.acts import Act

if TYPE_CHECKING:
    from datetime import date


def type_of(obj: models.Model) -> str:
    """How the log calls the kind of ``obj``: "catalogue.dataset"."""
    return obj._meta.label_lower


class EntryQuerySet(models.QuerySet["Entry"]):
    """Entries, by what is asked of the log."""

    def about(self, *objects: models.Model) -> Self:
        """What was done to any of ``objects``."""
        wanted = models.Q(pk__in=[])
        for obj in objects:
            wanted |= models.Q(object_type=type_of(obj), object_id=str(obj.pk))
        return self.filter(wanted)

    def matching(self, words: str) -> Self:
        """Entries in which each of the words stands: in the names, the address or the sentence."""
        found = self
        for word in words.split():
            found = found.filter(
                models.Q(sentence__icontains=word)
                | models.Q(person_name__icontains=word)
                | models.Q(person_email__icontains=word)
                | models.Q(organisation_name__icontains=word)
                | models.Q(object_label__icontains=word)
                | models.Q(address__startswith=word)
            )
        return found

    def between(self, first: date | None, last: date | None) -> Self:
        """Entries from the start of ``first`` to the end of ``last``, both in the site's time."""
        found = self
        if first is not None:
            found = found.filter(at__gte=timezone.make_aware(datetime.combine(first, time.min)))
        if last is not None:
            found = found.filter(at__lte=timezone.make_aware(datetime.combine(last, time.max)))
        return found


class Entry(models.Model):
    """One act. The database refuses to change or remove it; see the migrations.

    Names are kept as they were, beside keys that nothing checks: an entry outlives the person, the
    organisation and the object that it names.
    """

    at = models.DateTimeField(_("when"), db_default=Now(), editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        help_text="None: the site itself.",
    )
    person_name = models.CharField(_("who"), max_length=150, blank=True)
    person_email = models.CharField(_("e-mail address"), max_length=254, blank=True)
    organisation = models.ForeignKey(
        "organisations.Organisation",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        help_text="The organisation that the person acted for.",
    )
    organisation_name = models.CharField(_("for"), max_length=200, blank=True)
    address = models.GenericIPAddressField(_("network address"), null=True)
    verb = models.CharField(_("act"), max_length=40, choices=Act)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=64)
    object_label = models.CharField(_("what"), max_length=300)
    sentence = models.CharField(_("in words"), max_length=1000)

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("log entry")
        verbose_name_plural = _("log entries")
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["object_type", "object_id", "-id"], name="entry_by_object"),
            models.Index(fields=["verb", "-id"], name="entry_by_verb"),
            models.Index(fields=["organisation", "-id"], name="entry_by_organisation"),
            models.Index(fields=["at"], name="entry_by_time"),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(verb__in=Act.values), name="entry_verb_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.person_name} {self.sentence}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write a new entry; there is no other kind of saving.

        Raises
        ------
        TypeError
            If it has been written already.
        """
        if self.pk is not None:
            raise TypeError("An entry of the log is written once and never changed.")
        super().save(*args, **kwargs)
