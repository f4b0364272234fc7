"""The history of one object: which objects have one, and who reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps

from portal.audit.models import Entry, EntryQuerySet, type_of
from portal.organisations.acting import where_may
from portal.organisations.models import Appointment, Organisation
from portal.organisations.roles import Duty

if TYPE_CHECKING:
    from django.db.models import Model
    from django.http import HttpRequest


@dataclass(frozen=True)
class History:
    """A kind of object whose history is shown."""

    owner: Callable[[Any], Organisation]
    """The organisation whose members read it."""
    parts: Callable[[Any], list[Any]] = lambda obj: []
    """Objects whose histories belong to it."""


HISTORIES: Mapping[str, History] = {
    "organisations.organisation": History(owner=lambda organisation: organisation),
    "catalogue.dataset": History(owner=lambda dataset: dataset.organisation),
    "registry.model": History(
        owner=lambda model: model.organisation, parts=lambda model: list(model.versions.all())
    ),
    "registry.modelversion": History(owner=lambda version: version.model.organisation),
    "evaluations.evaluation": History(owner=lambda evaluation: evaluation.organisation),
    "studies.study": History(owner=lambda study: study.organisation),
    "access.application": History(owner=lambda application: application.organisation),
    "access.permit": History(
        owner=lambda permit: permit.organisation,
        parts=lambda permit: list(type(permit).objects.filter(number=permit.number)),
    ),
}


def may_read_history(request: HttpRequest, obj: Model) -> bool:
    """Whether the person may read what was done to ``obj``: members of its owner, and auditors."""
    owner = HISTORIES[type_of(obj)].owner(obj)
    if owner in where_may(request, Duty.SEE_PEOPLE):
        return True
    return Appointment.objects.may(request.user, Duty.READ_LOG)


def history(obj: Model) -> EntryQuerySet:
    """What was done to ``obj``, the newest first."""
    return Entry.objects.about(obj, *HISTORIES[type_of(obj)].parts(obj))


def find(kind: str, pk: str) -> Model | None:
    """The object that has a history and stands at this address, if there is one."""
    if kind not in HISTORIES or not pk.isdecimal() or len(pk) > 18:
        return None
    found: Model | None = apps.get_model(kind)._default_manager.filter(pk=int(pk)).first()
    return found
