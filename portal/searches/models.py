"""Searches of the catalogue that people keep, to be told what is new in them."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal.accounts.models import User
from portal.usecase import UseCase, use_cases

MOST_OF_A_PERSON = 20
LONGEST_QUERY = 2000


class SavedSearchQuerySet(models.QuerySet["SavedSearch"]):
    """Saved searches, by whose they are."""

    def of(self, person: User) -> Self:
        return self.filter(person=person)

    def due(self, *, before: Any) -> Self:
        """Those of active people in which nobody looked since ``before``, the longest ago first."""
        waiting = self.filter(looked_at__lt=before, person__is_active=True)
        return waiting.order_by("looked_at", "id")


class SavedSearch(models.Model):
    """The words and filters of a list of datasets, and the datasets that it has found so far."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_searches"
    )
    name = models.CharField(_("name"), max_length=80)
    use_case = models.CharField(max_length=40, blank=True, help_text="Empty: all of them.")
    query = models.CharField(
        max_length=LONGEST_QUERY, blank=True, help_text="As in the list's address, and no more."
    )
    known = ArrayField(
        models.BigIntegerField(),
        default=list,
        blank=True,
        help_text="Keys of all datasets that it ever found: none of them is new again.",
    )
    latest = ArrayField(
        models.BigIntegerField(),
        default=list,
        blank=True,
        help_text="Keys of those that were told last.",
    )
    looked_at = models.DateTimeField(db_default=Now(), editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = SavedSearchQuerySet.as_manager()

    class Meta:
        verbose_name = _("saved search")
        verbose_name_plural = _("saved searches")
        ordering = ("name", "id")
        indexes = (models.Index(fields=["looked_at", "id"], name="saved_search_due"),)
        constraints = (
            models.UniqueConstraint(
                fields=["person", "name"],
                name="saved_search_name_unique",
                violation_error_message=_("You have a search of this name."),
            ),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The list of the datasets that it finds now."""
        declared = self.declared
        if declared is None:
            address = reverse("all-dataset-list")
        else:
            address = reverse("dataset-list", kwargs={"use_case": declared})
        return f"{address}?{self.query}" if self.query else address

    @property
    def declared(self) -> UseCase | None:
        """The use case whose datasets it searches; None for all, or one that is no more there."""
        return use_cases().get(self.use_case)

    @property
    def asked(self) -> QueryDict:
        """What the list's address asks for."""
        return QueryDict(self.query)
