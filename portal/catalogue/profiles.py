"""The dataset profile: what a use case knows about its datasets beyond the shared metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.postgres.fields import ArrayField, RangeField
from django.core import checks
from django.db import models

from portal.facts import Facts, accessor, model_of
from portal.usecase import UseCase, use_cases

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True)
class Band:
    """A stretch of a field of numbers that the catalogue can be searched for."""

    key: str
    """In the address."""
    label: str | StrPromise
    low: float | None = None
    high: float | None = None
    """From ``low`` to below ``high``; None: without end."""


class DatasetProfile(Facts):
    """One row for a dataset. A use case's ``models.py`` subclasses it once, or not at all.

    Every field may be left empty: a holder fills the catalogue bit by bit. Fields of choices,
    lists, yes/no, numbers and ranges of numbers are shown, edited and searched as they are.
    """

    facets: ClassVar[tuple[str, ...]] = ()
    """The fields that the catalogue can be filtered by, with counts."""
    bands: ClassVar[Mapping[str, tuple[Band, ...]]] = {}
    """For facets of numbers and ranges: what stretches are counted."""

    dataset = models.OneToOneField(
        "catalogue.Dataset",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="%(app_label)s_profile",
        editable=False,
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.dataset)

    @classmethod
    def _check_names(cls) -> list[checks.CheckMessage]:
        found = [
            *super()._check_names(),
            *cls.unknown_names("facets", cls.facets),
            *cls.unknown_names("bands", cls.bands),
        ]
        if found:
            return found
        for name in cls.facets:
            field = cls._meta.get_field(name)
            countable = isinstance(field, (models.CharField, models.BooleanField, ArrayField))
            if not countable and name not in cls.bands:
                found.append(
                    checks.Error(
                        f"{cls.__name__}.{name} cannot be a facet: its values are too many to "
                        f"list. Name the stretches to count in {cls.__name__}.bands.",
                        obj=cls,
                        id="facts.E002",
                    )
                )
            if name in cls.bands and not isinstance(
                field, (models.IntegerField, models.FloatField, models.DecimalField, RangeField)
            ):
                found.append(
                    checks.Error(
                        f"{cls.__name__}.bands names '{name}', which holds no numbers.",
                        obj=cls,
                        id="facts.E003",
                    )
                )
        return found


def profile_model(use_case: UseCase) -> type[DatasetProfile] | None:
    """The profile that the use case declares, or None."""
    found: type[DatasetProfile] | None = model_of(use_case, DatasetProfile)
    return found


def profile_accessors() -> list[str]:
    """Under which names datasets have their profiles, for ``select_related``."""
    declared = (profile_model(use_case) for use_case in use_cases().values())
    return [accessor(model) for model in declared if model is not None]


def profile_of(dataset: Any) -> DatasetProfile | None:
    """What the dataset's use case knows about it; None where nobody has said anything."""
    model = profile_model(dataset.declared)
    return None if model is None else getattr(dataset, accessor(model), None)
