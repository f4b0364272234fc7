"""What a use case adds to a shared object: declared as a model of its own, shown and edited alike.

The portal finds the model through the app that ``settings.USE_CASES`` names, and learns from its
fields how to show, edit, search and check it; a use case without one has nothing to add.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.contrib.postgres.fields import ArrayField, DecimalRangeField
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.backends.postgresql.psycopg_any import Range
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from portal.showcase.numbers import number
from portal.usecase import UseCase, package_of

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True)
class Fact:
    """One field as it is read."""

    name: str
    label: str
    text: str
    """With its unit; empty where nothing is stated."""


class Facts(models.Model):
    """One row of facts about a shared object, which a subclass names as its primary key."""

    columns: ClassVar[tuple[str, ...]] = ()
    """The fields that lists and cards show."""
    units: ClassVar[Mapping[str, str | StrPromise]] = {}
    """The units of the fields that have one."""

    class Meta:
        abstract = True

    @classmethod
    def stated_fields(cls) -> list[models.Field[Any, Any]]:
        """What can be stated, in the order of the declaration."""
        return [field for field in cls._meta.concrete_fields if not field.primary_key]

    def applies(self, name: str) -> bool:
        """Whether the field can be stated, given the others; a subclass may know better."""
        return True

    def facts(self, names: Iterable[str] | None = None) -> list[Fact]:
        """The fields called ``names`` (None: all) that apply, as they are read."""
        wanted = None if names is None else set(names)
        return [
            Fact(
                field.name,
                label_of(field),
                in_words(field, getattr(self, field.name), self.units.get(field.name, "")),
            )
            for field in self.stated_fields()
            if (wanted is None or field.name in wanted) and self.applies(field.name)
        ]

    @property
    def heading(self) -> str:
        """What the row is about, as the title of its section."""
        return capfirst(str(self._meta.verbose_name))

    @functools.cached_property
    def shown(self) -> list[Fact]:
        """The facts of lists and cards that are stated."""
        return [fact for fact in self.facts(self.columns) if fact.text]

    @classmethod
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *cls._check_names()]

    @classmethod
    def _check_names(cls) -> list[checks.CheckMessage]:
        return [
            *cls.unknown_names("columns", cls.columns),
            *cls.unknown_names("units", cls.units),
        ]

    @classmethod
    def unknown_names(cls, attribute: str, names: Iterable[str]) -> list[checks.CheckMessage]:
        """An error for each of ``names`` that is no field."""
        known = [field.name for field in cls.stated_fields()]
        return [
            checks.Error(
                f"{cls.__name__}.{attribute} names '{name}', which is no field of the model; "
                f"there are: {', '.join(known)}.",
                obj=cls,
                id="facts.E001",
            )
            for name in names
            if name not in known
        ]


def label_of(field: models.Field[Any, Any]) -> str:
    """A field's name at the beginning of a line; "eGFR" stays what it is."""
    name = str(field.verbose_name)
    return name if name[1:2].isupper() else capfirst(name)


def model_of(use_case: UseCase, base: Any) -> Any:
    """The model of the use case's app that subclasses ``base`` (a :class:`Facts`), or None.

    Raises
    ------
    ImproperlyConfigured
        If the app has several.
    """
    package = package_of(use_case)
    config = next((config for config in apps.get_app_configs() if config.name == package), None)
    found = [model for model in (config.get_models() if config else ()) if issubclass(model, base)]
    if len(found) > 1:
        names = ", ".join(model.__name__ for model in found)
        raise ImproperlyConfigured(
            f"{package}.models holds {len(found)} models of the kind {base.__name__}: {names}. "
            "A use case has at most one."
        )
    return found[0] if found else None


def owner_of(model: type[Facts]) -> models.OneToOneField[Any, Any]:
    """The relation to the shared object."""
    return next(
        field for field in model._meta.concrete_fields
        if isinstance(field, models.OneToOneField) and field.primary_key
    )  # fmt: skip


def accessor(model: type[Facts]) -> str:
    """The name under which the shared object has its row of ``model``."""
    return owner_of(model).remote_field.get_accessor_name() or ""


def save_facts(
    model: type[Facts] | None, owner: models.Model, values: Mapping[str, Any]
) -> Facts | None:
    """Make ``values`` what is stated about ``owner``; what is not named stays.

    Raises
    ------
    ValueError
        If there are values and no model to hold them.
    ValidationError
        If they do not fit.
    """
    if model is None:
        if values:
            raise ValueError(f"Nothing takes these facts about {owner}: {', '.join(values)}.")
        return None
    relation = owner_of(model).name
    found = model._default_manager.filter(pk=owner.pk).first() or model(**{relation: owner})
    for name, value in values.items():
        setattr(found, name, _as_stored(model._meta.get_field(name), value))
    found.full_clean(validate_unique=False)
    found.save()
    return found


def _as_stored(field: Any, value: Any) -> Any:
    """``value``, or the range that a pair of numbers stands for; None: without end."""
    if not isinstance(field, DecimalRangeField) or not isinstance(value, (tuple, list)):
        return value
    low, high = (None if end is None else Decimal(str(end)) for end in value)
    return field.range_type(low, high, field.default_bounds)


def in_words(field: models.Field[Any, Any], value: Any, unit: object = "") -> str:
    """A field's value as it is read, with its unit; empty where nothing is stated."""
    if value in (None, "", []):
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(field, ArrayField):
        return ", ".join(in_words(field.base_field, item) for item in value)
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    text = _span(value) if isinstance(value, Range) else _plain(value)
    if not text:
        return ""
    return f"{text}{unit}" if str(unit) == "%" else f"{text} {unit}".strip()


def _span(value: Range[Any]) -> str:
    low, high = value.lower, value.upper
    if low is None and high is None:
        return ""
    if low is None:
        return _("up to %(high)s") % {"high": _plain(high)}
    if high is None:
        return _("from %(low)s") % {"low": _plain(low)}
    if low == high:
        return _plain(low)
    return _("%(low)s to %(high)s") % {"low": _plain(low), "high": _plain(high)}


def _plain(value: Any) -> str:
    """A number with the decimals that it has, two at most; anything else as it is."""
    if isinstance(value, str):
        return value
    text = f"{float(value):.2f}".rstrip("0")
    return number(float(value), len(text.partition(".")[2]))
