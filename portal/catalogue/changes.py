"""What was changed in a description: field by field, kept as it was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pgtrigger
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

if TYPE_CHECKING:
    from portal.accounts.models import User
    from portal.catalogue.models import Dataset, Variable

VARIABLES = "variables"
"""Stands for the data dictionary among the names of fields."""
PROFILE = "profile."
"""Before the names of the use case's own fields."""
OF_A_VARIABLE = ("label", "description", "datatype", "unit", "code")


class DatasetChange(models.Model):
    """One saving of a description that changed something. The database refuses to change it.

    It outlives the dataset, as an entry of the log does.
    """

    dataset = models.ForeignKey(
        "catalogue.Dataset",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="changes",
    )
    at = models.DateTimeField(gettext_lazy("when"), db_default=Now(), editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        help_text="None: the site itself.",
    )
    fields = models.JSONField(
        default=list,
        encoder=DjangoJSONEncoder,
        help_text="The name of each field that changed, with its value before and after.",
    )

    class Meta:
        verbose_name = gettext_lazy("change of a description")
        verbose_name_plural = gettext_lazy("changes of descriptions")
        ordering = ("-id",)
        indexes = (models.Index(fields=["dataset", "-id"], name="change_by_dataset"),)
        triggers: ClassVar = [
            pgtrigger.Protect(name="change_is_kept", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.dataset_id} · {self.at:%Y-%m-%d %H:%M}"

    @property
    def lines(self) -> list[Line]:
        """The change as it is read: a line for each field."""
        return [line for found in self.fields for line in _lines(self.dataset, found)]


@dataclass(frozen=True)
class Line:
    """What became of one field."""

    label: str
    before: str
    """Empty: nothing was stated."""
    after: str


def state_of(dataset: Dataset) -> dict[str, Any]:
    """The values of a description that people state, by the names of their fields."""
    from portal.catalogue.profiles import profile_model, profile_of
    from portal.facts import in_words

    stated: dict[str, Any] = {
        name: getattr(dataset, dataset._meta.get_field(name).attname)  # type: ignore[union-attr]
        for name in described_fields(dataset)
    }
    model, profile = profile_model(dataset.declared), profile_of(dataset)
    with override(settings.LANGUAGE_CODE):
        for field in model.stated_fields() if model else ():
            value = getattr(profile, field.name, None)
            stated[PROFILE + field.name] = in_words(field, value) if profile else ""
    return stated


def described_fields(dataset: Dataset | type[Dataset]) -> list[str]:
    """The names of a dataset's fields that somebody writes."""
    return [
        field.name
        for field in dataset._meta.concrete_fields
        if field.editable and field.name not in ("id", "use_case", "slug", "document")
    ] + ["is_public"]


def dictionary_of(variables: Iterable[Variable]) -> dict[str, dict[str, str]]:
    """A data dictionary as it is compared: by the variables' names, in their order."""
    return {
        one.name: {name: str(getattr(one, name)) for name in OF_A_VARIABLE} for one in variables
    }


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields whose values differ."""
    return [
        {"field": name, "before": before.get(name), "after": value}
        for name, value in after.items()
        if (before.get(name) or None) != (value or None)
    ]


def record_change(*, dataset: Dataset, fields: list[dict[str, Any]], by: User | None) -> None:
    """Keep what changed, where anything did."""
    if fields:
        DatasetChange.objects.create(dataset=dataset, person=by, fields=fields)


def _lines(dataset: Dataset, found: Mapping[str, Any]) -> list[Line]:
    from portal.catalogue.profiles import profile_model
    from portal.facts import label_of

    name, before, after = found["field"], found["before"], found["after"]
    if name == VARIABLES:
        return list(_dictionary_lines(before or {}, after or {}))
    if name.startswith(PROFILE):
        model = profile_model(dataset.declared)
        own = {field.name: field for field in model.stated_fields()} if model else {}
        field = own.get(name.removeprefix(PROFILE))
        return [Line(label_of(field) if field else name, before or "", after or "")]
    known = {field.name: field for field in dataset._meta.concrete_fields}
    if name not in known:  # of an older version of the site
        return [Line(name, _plain(before), _plain(after))]
    field = known[name]
    return [Line(label_of(field), _in_words(field, before), _in_words(field, after))]


def _in_words(field: models.Field[Any, Any], value: Any) -> str:
    from portal.facts import in_words

    if value in (None, "", []):
        return ""
    if field.is_relation:
        other = field.related_model._default_manager.filter(pk=value).first()  # type: ignore[union-attr]
        return str(other or value)
    numbers = (models.IntegerField, models.FloatField)
    if (isinstance(value, str) and not field.choices) or isinstance(field, numbers):
        return str(value)
    return in_words(field, value)


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _dictionary_lines(
    before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]
) -> Iterable[Line]:
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = _of_a_variable(before.get(name)), _of_a_variable(after.get(name))
        yield Line(
            _("Variable %(name)s") % {"name": name},
            old or (_("not there") if name not in before else ""),
            new or (_("not there") if name not in after else ""),
        )


def _of_a_variable(stated: Mapping[str, str] | None) -> str:
    told = stated or {}  # the database keeps names in an order of its own
    return "; ".join(told[name] for name in OF_A_VARIABLE if told.get(name))
