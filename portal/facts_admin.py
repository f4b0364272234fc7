"""The administration's pages of what use cases add: to look through, with nothing to edit."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from portal.administration import NothingToEdit, SuperuserAdmin
from portal.facts import Facts, in_words, label_of, owner_of


class FactsAdmin(NothingToEdit, SuperuserAdmin):
    """Rows of a :class:`portal.facts.Facts`. They are changed where their owner is, by its people.

    A use case registers its models with it: ``admin.site.register([...], FactsAdmin)``.
    """

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return ["__str__", *(_column(self.model, name) for name in self.model.columns)]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [
            field.name
            for field in self.model.stated_fields()
            if field.choices or isinstance(field, models.BooleanField)
        ]

    def get_queryset(self, request: HttpRequest) -> Any:
        owner: Any = owner_of(self.model)
        named = [field.name for field in owner.related_model._meta.concrete_fields]
        related = [f"{owner.name}__model"] if "model" in named else [owner.name]
        return super().get_queryset(request).select_related(*related)


def _column(model: type[Facts], name: str) -> Any:
    """A column of the list, in words and with its unit."""
    field: Any = model._meta.get_field(name)

    @admin.display(description=label_of(field), ordering=name)
    def shown(row: Facts) -> str:
        return in_words(field, getattr(row, name), model.units.get(name, ""))

    return shown
