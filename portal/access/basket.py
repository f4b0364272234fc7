"""The basket: datasets that a person gathers before an application is begun with them.

It is part of the session, so it goes with it. What a person no longer sees is in no basket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.access.applying import MOST_DATASETS
from portal.access.rule import needs_permit
from portal.catalogue.models import Dataset
from portal.catalogue.vocabulary import AccessRights
from portal.organisations.acting import acting_organisation
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest

SESSION_KEY = "access_basket"


def _keys(request: HttpRequest) -> list[int]:
    return list(request.session.get(SESSION_KEY, []))


def in_basket(request: HttpRequest) -> list[Dataset]:
    """The datasets that were gathered, and that the person still sees."""
    if not request.user.is_authenticated or not (keys := _keys(request)):
        return []
    seen = Dataset.objects.visible_to(request.user).filter(pk__in=keys)
    return list(seen.select_related("organisation").order_by("title", "pk"))


def put(request: HttpRequest, dataset: Dataset) -> bool:
    """Add a dataset; False where the basket is full."""
    keys = _keys(request)
    if dataset.pk in keys:
        return True
    if len(keys) >= MOST_DATASETS:
        return False
    request.session[SESSION_KEY] = [*keys, dataset.pk]
    return True


def take_out(request: HttpRequest, datasets: Iterable[int]) -> None:
    """Remove datasets, by their keys."""
    gone = set(datasets)
    request.session[SESSION_KEY] = [key for key in _keys(request) if key not in gone]


def asking_organisation(request: HttpRequest) -> Organisation | None:
    """For which organisation the person asks: the one they act for, if they may there."""
    acting = acting_organisation(request)
    mine = list(Organisation.objects.where_may(request.user, Duty.ASK_ACCESS))
    return acting if acting in mine else next(iter(mine), None)


def asks_here(request: HttpRequest, dataset: Dataset) -> bool:
    """Whether a page about the dataset offers to ask for it.

    To visitors it does, where anybody needs a permit: there they learn how to become a partner.
    """
    acting = acting_organisation(request)
    return needs_permit(dataset, acting) if acting is not None else needs_permit_of_anyone(dataset)


def needs_permit_of_anyone(dataset: Dataset) -> bool:
    """Whether the dataset is not open to everybody."""
    return dataset.access_rights != AccessRights.PUBLIC


def is_key(value: str) -> bool:
    """Whether a request's text can be the key of a row."""
    return value.isascii() and value.isdecimal() and len(value) < 16
