"""What HealthDCAT-AP makes mandatory or recommends, by the access level of a dataset.

A draft may lack anything. To publish one, and to change one that is public, what is mandatory must
be there; each thing that is missing is a sentence and the field that it is about.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from portal.catalogue.vocabulary import AccessRights
from portal.facts import label_of
from portal.organisations.models import Organisation

if TYPE_CHECKING:
    from portal.catalogue.models import Dataset, Variable

DICTIONARY = "dictionary"
"""Stands for the data dictionary among the names of fields."""
LABELS = "labels"
"""Stands for what the variables mean."""
ACCESS_BODY = "access_body"

ALWAYS = ("title", "description", "access_rights", "health_category")
NON_PUBLIC = ("keyword", "contact_email", "dataset_type", "provenance")
"""Also mandatory where a permit is needed; recommended elsewhere."""
RECOMMENDED = (
    "spatial",
    "temporal_start",
    "temporal_end",
    "number_of_records",
    "number_of_unique_individuals",
    "contact_name",
    "legal_basis",
    "health_theme",
    "min_typical_age",
    "max_typical_age",
    "population_coverage",
    "personal_data_categories",
    "coding_systems",
    "code_values",
    "retention_end",
    "purpose",
    "quality_certificate",
    "analytics",
    "sample",
)
"""At every level."""
RECOMMENDED_NON_PUBLIC = (
    "conforms_to",
    "documentation",
    "accrual_periodicity",
    "publications",
    "languages",
    "sources",
    "temporal_resolution",
    "landing_page",
    "relations",
)
"""Only where a permit is needed."""

_MOST_NAMED = 3


@dataclass(frozen=True)
class Missing:
    """Something mandatory that is not stated."""

    field: str
    """The name of a dataset's field, or one of the names above."""
    label: str
    sentence: str
    """What is missing and what to do, for who describes the dataset."""

    def __str__(self) -> str:
        return self.sentence

    @property
    def anchor(self) -> str:
        """Where on the page of the form it is stated; empty: not there."""
        if self.field == ACCESS_BODY:
            return ""
        return "dictionary" if self.field in (DICTIONARY, LABELS) else f"id_{self.field}"


def mandatory_fields(access_rights: str) -> tuple[str, ...]:
    """The fields that must be stated to publish at an access level."""
    return ALWAYS + (NON_PUBLIC if access_rights == AccessRights.NON_PUBLIC else ())


def recommended_fields(access_rights: str) -> tuple[str, ...]:
    """The fields that HealthDCAT-AP recommends at an access level."""
    more = RECOMMENDED_NON_PUBLIC if access_rights == AccessRights.NON_PUBLIC else NON_PUBLIC
    return RECOMMENDED + more


def is_stated(dataset: Dataset, name: str) -> bool:
    """Whether a field holds anything."""
    value = getattr(dataset, name)
    return bool(value.strip()) if isinstance(value, str) else value not in (None, [])


def missing(dataset: Dataset, variables: Iterable[Variable] | None = None) -> list[Missing]:
    """What must be stated before the dataset is published.

    Parameters
    ----------
    variables
        Its data dictionary; None: as it is stored.
    """
    found = [
        Missing(name, _label(dataset, name), _sentence(dataset, name))
        for name in mandatory_fields(dataset.access_rights)
        if not is_stated(dataset, name)
    ]
    if dataset.has_structured_data:
        held = list(dataset.variables.all() if variables is None else variables)
        found += _missing_of_dictionary(held)
    country = dataset.organisation.country
    if Organisation.objects.access_body_of(country) is None:
        found.append(
            Missing(
                ACCESS_BODY,
                _("Health data access body"),
                _("No health data access body of %(country)s is on this site yet, and whoever "
                  "reads the description must know whom to ask. A site administrator adds it.")
                % {"country": dataset.organisation.country_name},
            )
        )  # fmt: skip
    return found


def _missing_of_dictionary(variables: list[Variable]) -> list[Missing]:
    label = _("Data dictionary")
    if not variables:
        text = _("List the variables in the data dictionary, or say that the data are not "
                 "structured.")  # fmt: skip
        return [Missing(DICTIONARY, label, text)]
    without = [variable.name for variable in variables if not variable.label.strip()]
    if not without:
        return []
    names = ", ".join(without[:_MOST_NAMED])
    if more := len(without) - _MOST_NAMED:
        names = _("%(names)s and %(n)d more") % {"names": names, "n": more} if more > 0 else names
    text = _("Say what each variable means: these have no label: %(names)s.")
    return [Missing(LABELS, label, text % {"names": names})]


def _label(dataset: Dataset, name: str) -> str:
    return label_of(dataset._meta.get_field(name))  # type: ignore[arg-type]


def _sentence(dataset: Dataset, name: str) -> str:
    return {
        "title": _("Give the dataset a title."),
        "description": _("Describe what is in the dataset, of whom, and how it came to be."),
        "access_rights": _("Say who may have access to the data."),
        "health_category": _("Choose the category of health data that it belongs to."),
        "keyword": _("Give at least one keyword by which people find it."),
        "contact_email": _("Give an e-mail address to which questions about the data go."),
        "dataset_type": _("Choose what kind of data it is."),
        "provenance": _("Say where the data come from and how they were made."),
    }[name]


class NotComplete(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """A dataset is not published, or a public one not changed: something mandatory is missing."""

    def __init__(self, missing: list[Missing]) -> None:
        super().__init__(" ".join(one.sentence for one in missing))
        self.missing = missing


def newly_missing(before: Iterable[Missing], after: Iterable[Missing]) -> list[Missing]:
    """What a change made to be missing that was there before it."""
    known = {one.field for one in before}
    return [one for one in after if one.field not in known]
