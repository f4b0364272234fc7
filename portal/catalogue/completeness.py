"""How much of what can be said about a dataset is said, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from portal.catalogue.models import Dataset, Variable
from portal.catalogue.profiles import profile_accessors, profile_model, profile_of
from portal.facts import label_of

if TYPE_CHECKING:
    from django.db.models import Field

OPTIONAL = (
    "keyword",
    "temporal_start",
    "temporal_end",
    "number_of_records",
    "number_of_unique_individuals",
    "contact_name",
    "contact_email",
    "legal_basis",
    "provenance",
)
"""The shared metadata that a dataset may be saved without."""


@dataclass(frozen=True)
class Completeness:
    """What is described of what can be described."""

    filled: int
    possible: int
    absent: list[Field[Any, Any] | None]
    """The fields that are not described; None is the data dictionary."""

    @property
    def missing(self) -> list[str]:
        """What is not described, in words."""
        return [label_of(field) if field else _("Data dictionary") for field in self.absent]

    @property
    def percent(self) -> int:
        """Rounded down: only what is complete is called 100%."""
        return 100 * self.filled // self.possible


def for_completeness(datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
    """``datasets`` with what :func:`completeness` reads, without a query for each."""
    dictionary = Variable.objects.filter(dataset=OuterRef("pk"))
    return datasets.select_related("organisation", *profile_accessors()).annotate(
        has_dictionary=Exists(dictionary)
    )


def completeness(dataset: Dataset) -> Completeness:
    """How much of a dataset's metadata, profile and data dictionary is there."""
    stated = list(_stated(dataset))
    absent = [field for field, is_stated in stated if not is_stated]
    return Completeness(len(stated) - len(absent), len(stated), absent)


def _stated(dataset: Dataset) -> Iterator[tuple[Field[Any, Any] | None, bool]]:
    for name in OPTIONAL:
        field: Field[Any, Any] = Dataset._meta.get_field(name)  # type: ignore[assignment]
        yield field, getattr(dataset, name) not in (None, "", [])
    has_dictionary = getattr(dataset, "has_dictionary", None)
    if has_dictionary is None:
        has_dictionary = dataset.variables.exists()
    yield None, has_dictionary
    model, profile = profile_model(dataset.declared), profile_of(dataset)
    for field in model.stated_fields() if model else ():
        if profile is None or profile.applies(field.name):
            yield field, getattr(profile, field.name, None) not in (None, "", [])
