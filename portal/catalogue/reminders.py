"""Who is reminded that a description has become old."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext_noop

from portal.catalogue.models import Dataset
from portal.notifications.actions import notify
from portal.notifications.addresses import page
from portal.notifications.kinds import Kind
from portal.organisations.models import Membership
from portal.organisations.roles import Role

OLD = timedelta(days=365)
MISSED = timedelta(days=14)
"""For how long the sweep may have stood still without anybody being forgotten."""


def remind(now: datetime | None = None) -> None:
    """Tell the contributors of each dataset whose description is older than a year.

    Each is told once for a state of the description: saving it, changed or not, is what begins the
    next year.
    """
    moment = now or timezone.now()
    old = Dataset.objects.filter(
        modified__lte=moment - OLD,
        modified__gt=moment - OLD - MISSED,
        organisation__suspended_at=None,
    ).select_related("organisation")
    for dataset in old.order_by("modified", "id"):
        members = Membership.objects.in_force().filter(
            organisation=dataset.organisation, role__in=(Role.CONTRIBUTOR, Role.MANAGER)
        )
        notify(
            to=[membership.user for membership in members.select_related("user")],
            kind=Kind.DESCRIPTION_OLD,
            sentence=gettext_noop(
                "The description of “%(dataset)s” was last changed a year ago. Please see whether "
                "it still holds."
            ),
            words={"dataset": dataset.title},
            url=page("dataset-edit", use_case=dataset.declared, slug=dataset.slug),
            once=f"description-{dataset.pk}-{dataset.modified:%Y-%m-%d}",
        )
