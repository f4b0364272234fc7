"""What the registry can be filtered by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Concat
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from portal.facets import Facet, of_use_case
from portal.registry.models import ModelVersion
from portal.usecase import UseCase, use_cases

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

SORTS: Mapping[str, tuple[str | StrPromise, Sequence[str]]] = {
    "name": (_("Name"), ("name", "id")),
    "newest": (_("Newest"), ("-created_at", "-id")),
}
"""How the registry can be sorted: in the address, in words, in the database."""


def model_facets(use_case: UseCase | None) -> list[Facet]:
    """The facets of a use case's models, or of all for None."""
    declared = use_cases().values() if use_case is None else [use_case]
    tasks = {
        f"{found.slug}/{task.slug}": gettext(task.title)
        for found in declared
        for task in found.tasks
    }
    return [
        *([of_use_case()] if use_case is None else []),
        Facet(
            "task",
            _("Task"),
            Concat("use_case", Value("/"), "task"),
            _of_any_task,
            labels=tasks,
        ),
        Facet(
            "developer",
            pgettext_lazy("of a model", "Developer"),
            F("organisation__name"),
            lambda values: Q(organisation__name__in=list(values)),
        ),
        _of_versions("kind", _("How it is evaluated"), "kind", ModelVersion.Kind.choices),
        _of_versions("marking", _("CE marking"), "ce_status", ModelVersion.Marking.choices),
    ]


def _of_any_task(values: Sequence[str]) -> Q:
    found = Q()
    for value in values:
        use_case, _slash, task = value.partition("/")
        found |= Q(use_case=use_case, task=task)
    return found


def _of_versions(key: str, title: StrPromise, name: str, choices: Any) -> Facet:
    """A facet of what a model's versions are; drafts are their developers' own matter."""
    told = ModelVersion.objects.told().order_by()

    def condition(values: Sequence[str]) -> Q:
        return Q(Exists(told.filter(model=OuterRef("pk"), **{f"{name}__in": list(values)})))

    return Facet(
        key, title, told.values_list("model", name).distinct(), condition, labels=dict(choices)
    )
