"""What of an application, a review or a permit somebody sees who may see a part of it.

The applicant's people and those who decide see all of their part. A holder that is asked sees its
own datasets, and of the others those that it may see anyway; that there are more, it is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q

from portal.access.models import Application, Item, Permit, PermittedDataset, Review
from portal.catalogue.models import Dataset
from portal.organisations.models import Organisation

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User


@dataclass(frozen=True)
class SeenItems:
    """The datasets of an application that are shown to somebody."""

    items: list[Item]
    hidden: int
    """How many more there are."""
    linked: frozenset[int]
    """Those whose page opens."""


@dataclass(frozen=True)
class SeenDatasets:
    """The datasets of a permit that are shown to somebody."""

    rows: list[PermittedDataset]
    hidden: int
    linked: frozenset[int]


def is_of(user: User | AnonymousUser, organisation: Organisation) -> bool:
    """Whether ``user`` belongs to the organisation."""
    return Organisation.objects.where_member(user).filter(pk=organisation.pk).exists()


def _visible(user: User | AnonymousUser, keys: list[int]) -> frozenset[int]:
    seen = Dataset.objects.visible_to(user).filter(pk__in=keys)
    return frozenset(seen.values_list("pk", flat=True))


def seen_items(
    user: User | AnonymousUser, application: Application, review: Review | None = None
) -> SeenItems:
    """The datasets of ``application``, or of one review of it, that ``user`` is shown."""
    rows = application.items.select_related("dataset__organisation", "review")
    if review is not None:
        rows = rows.filter(review=review)
    every = list(rows)
    visible = _visible(user, [item.dataset_id for item in every])
    shown = every
    if not is_of(user, application.organisation):
        decided = set(
            Review.objects.decided_by(user)
            .filter(application=application)
            .values_list("pk", flat=True)
        )
        shown = [one for one in every if one.review_id in decided or one.dataset_id in visible]
    return SeenItems(shown, len(every) - len(shown), visible)


def seen_datasets(user: User | AnonymousUser, permit: Permit) -> SeenDatasets:
    """The datasets of ``permit`` that ``user`` is shown."""
    every = list(permit.permitted_datasets.select_related("dataset__organisation"))
    visible = _visible(user, [row.dataset_id for row in every])
    sees_all = is_of(user, permit.organisation) or decides_on(user, permit.review)
    shown = every if sees_all else [row for row in every if row.dataset_id in visible]
    return SeenDatasets(shown, len(every) - len(shown), visible)


def decides_on(user: User | AnonymousUser, review: Review) -> bool:
    """Whether ``user`` reads a review as one of those who decide on it."""
    return Review.objects.decided_by(user).filter(pk=review.pk).exists()


def may_decide(user: User | AnonymousUser, review: Review) -> bool:
    """Whether ``user`` may decide: nobody does on an application of their own organisation."""
    applicant = review.application.organisation
    own = applicant.memberships.filter(Q(user=user)) if user.is_authenticated else None
    return decides_on(user, review) and own is not None and not own.exists()
