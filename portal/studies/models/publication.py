"""Publications: what a study found, as it stood on the day that it was published."""

from __future__ import annotations

from typing import ClassVar, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal.studies.models.study import Study
from portal.usecase import UseCase, use_cases


class PublicationQuerySet(models.QuerySet["Publication"]):
    """Publications: everybody sees them all."""

    def of(self, use_case: UseCase) -> Self:
        return self.filter(use_case=use_case.slug)

    def matching(self, words: str) -> Self:
        """Those in whose title, finding, models or coordinator each of the words stands."""
        found = self
        for word in words.split():
            found = found.filter(
                models.Q(title__icontains=word)
                | models.Q(finding__icontains=word)
                | models.Q(summary__models__icontains=word)
                | models.Q(summary__coordinated_by__icontains=word)
            )
        return found

    def newest(self) -> Self:
        """For lists, the newest first: with their notices, without their content."""
        return self.defer("content").prefetch_related("notices").order_by("-published_at", "-id")


class Publication(models.Model):
    """A frozen snapshot of a finished study, at an address that stays."""

    study = models.OneToOneField(Study, on_delete=models.PROTECT, related_name="publication")
    use_case = models.CharField(max_length=40)
    slug = models.SlugField(_("address"), max_length=120)
    title = models.CharField(_("title"), max_length=200)
    finding = models.CharField(_("finding"), max_length=500)
    summary = models.JSONField(
        default=dict, help_text="For lists: the models, the number of sites, their countries."
    )
    content = models.BinaryField(help_text="The report as JSON; its page is drawn from it alone.")
    sha256 = models.CharField(max_length=64)
    published_at = models.DateTimeField(_("published"), db_default=Now(), editable=False)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )

    objects = PublicationQuerySet.as_manager()

    class Meta:
        verbose_name = _("publication")
        verbose_name_plural = _("publications")
        ordering = ("-published_at", "-id")
        indexes = (
            models.Index(fields=["use_case", "-published_at"], name="publication_by_use_case"),
        )
        constraints = (
            models.UniqueConstraint(fields=["use_case", "slug"], name="publication_address_unique"),
            models.CheckConstraint(
                condition=models.Q(sha256__regex=r"^[0-9a-f]{64}$"),
                name="publication_sha256_is_one",
            ),
        )
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="publication_never_changes", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("publication-detail", kwargs={"use_case": self.declared, "slug": self.slug})

    @property
    def declared(self) -> UseCase:
        """The use case that it belongs to."""
        return use_cases()[self.use_case]

    @property
    def is_retracted(self) -> bool:
        return any(notice.kind == Notice.Kind.RETRACTION for notice in self.notices.all())


class Notice(models.Model):
    """What must be known of a publication since: it stands above it, and changes nothing in it."""

    class Kind(models.TextChoices):
        CORRECTION = "correction", _("Correction")
        RETRACTION = "retraction", _("Retraction")

    publication = models.ForeignKey(Publication, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    text = models.TextField(_("text"), help_text=_("What is wrong, and what a reader should do."))
    created_at = models.DateTimeField(_("added"), db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ("created_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(kind__in=("correction", "retraction")),
                name="notice_kind_known",
            ),
            models.CheckConstraint(condition=~models.Q(text=""), name="notice_says_something"),
        )
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="notice_never_changes", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.publication}"
