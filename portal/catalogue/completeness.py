"""How much of what can be said about a dataset is said, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.translation import gettext as _

from portal.catalogue.models import Dataset, Variable
from portal.catalogue.profiles import profile_accessors, profile_model, profile_of
from portal.catalogue.requirements import is_stated, mandatory_fields, recommended_fields
from portal.facts import label_of
from portal.organisations.models import Organisation

if TYPE_CHECKING:
    from django.db.models import Field


@dataclass(frozen=True)
class Meter:
    """How much of some things is there."""

    filled: int
    possible: int
    missing: list[str]
    """What is not there, in words."""

    @property
    def percent(self) -> int:
        """Rounded down: only what is complete is called 100%."""
        return 100 * self.filled // self.possible if self.possible else 100


@dataclass(frozen=True)
class Completeness:
    """What is described of what can be described."""

    mandatory: Meter
    """What must be stated to publish it."""
    recommended: Meter
    """What HealthDCAT-AP recommends, and what its use case asks for."""

    @property
    def filled(self) -> int:
        return self.mandatory.filled + self.recommended.filled

    @property
    def possible(self) -> int:
        return self.mandatory.possible + self.recommended.possible

    @property
    def missing(self) -> list[str]:
        """What is not described, in words."""
        return self.mandatory.missing + self.recommended.missing

    @property
    def percent(self) -> int:
        """Rounded down: only what is complete is called 100%."""
        return 100 * self.filled // self.possible


def for_completeness(datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
    """``datasets`` with what :func:`completeness` reads, without a query for each."""
    dictionary = Variable.objects.filter(dataset=OuterRef("pk"))
    bodies = Organisation.objects.filter(
        kind=Organisation.Kind.ACCESS_BODY, country=OuterRef("country_of_holder")
    )
    return (
        datasets.select_related("organisation", *profile_accessors())
        .alias(country_of_holder=F("organisation__country"))
        .annotate(
            has_dictionary=Exists(dictionary),
            lacks_labels=Exists(dictionary.filter(label="")),
            has_access_body=Exists(bodies),
        )
    )


def completeness(dataset: Dataset) -> Completeness:
    """How much of a dataset's metadata, profile and data dictionary is there."""
    return Completeness(_meter(_mandatory(dataset)), _meter(_recommended(dataset)))


def completeness_of_all(datasets: Iterable[Dataset]) -> Completeness | None:
    """How well datasets are described on the whole (see :func:`for_completeness`).

    What is missing are the titles of the datasets that miss something. None: there are none.
    """
    found = [(dataset, completeness(dataset)) for dataset in datasets]
    if not found:
        return None
    return Completeness(
        *(
            Meter(
                sum(getattr(each, kind).filled for _dataset, each in found),
                sum(getattr(each, kind).possible for _dataset, each in found),
                [str(dataset) for dataset, each in found if getattr(each, kind).missing],
            )
            for kind in ("mandatory", "recommended")
        )
    )


def _meter(stated: Iterator[tuple[str, bool]]) -> Meter:
    lines = list(stated)
    absent = [label for label, is_there in lines if not is_there]
    return Meter(len(lines) - len(absent), len(lines), absent)


def _of_fields(dataset: Dataset, names: Iterable[str]) -> Iterator[tuple[str, bool]]:
    for name in names:
        field: Field[Any, Any] = Dataset._meta.get_field(name)  # type: ignore[assignment]
        yield label_of(field), is_stated(dataset, name)


def _mandatory(dataset: Any) -> Iterator[tuple[str, bool]]:
    yield from _of_fields(dataset, mandatory_fields(dataset.access_rights))
    if hasattr(dataset, "has_access_body"):  # fetched for a list of them
        has_dictionary, lacks_labels = dataset.has_dictionary, dataset.lacks_labels
        has_access_body = dataset.has_access_body
    else:
        has_dictionary = dataset.variables.exists()
        lacks_labels = dataset.variables.filter(label="").exists()
        body = Organisation.objects.access_body_of(dataset.organisation.country)
        has_access_body = body is not None
    if dataset.has_structured_data:
        yield _("Data dictionary"), has_dictionary
        yield _("Labels of the variables"), not lacks_labels
    yield _("Health data access body"), has_access_body


def _recommended(dataset: Dataset) -> Iterator[tuple[str, bool]]:
    yield from _of_fields(dataset, recommended_fields(dataset.access_rights))
    model, profile = profile_model(dataset.declared), profile_of(dataset)
    for field in model.stated_fields() if model else ():
        if profile is None or profile.applies(field.name):
            yield label_of(field), getattr(profile, field.name, None) not in (None, "", [])
