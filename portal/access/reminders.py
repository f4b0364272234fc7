"""What people are reminded of: a permit's end, a decision that is due, the duty to publish."""

from __future__ import annotations

from datetime import date, timedelta

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_noop

from portal.access import telling
from portal.access.models import Outcome, Permit, Review
from portal.access.models.permit import MONTHS_TO_PUBLISH
from portal.access.models.review import months_after
from portal.access.states import PermitStatus, ReviewStatus
from portal.evaluations.models import Evaluation
from portal.notifications.kinds import Kind

DAYS_BEFORE = (30, 7)
"""A permit's end, and a decision, are announced so many days before."""
MONTHS_LEFT = (6, 1)
"""Before the day until which results are made public, when people are reminded."""
MOST = 500
"""Of each kind that are looked at in one sweep."""


def remind(today: date) -> None:
    """Tell everybody what is near; each is told once."""
    for days in DAYS_BEFORE:
        _ends_of_permits(today, days)
        _decisions(today, days)
    _publications(today)


def _ends_of_permits(today: date, days: int) -> None:
    ending = Permit.objects.filter(
        status=PermitStatus.IN_FORCE,
        valid_until__gte=today,
        valid_until__lte=today + timedelta(days=days),
    )
    for permit in ending.select_related("organisation").order_by("valid_until")[:MOST]:
        telling.of_permit(
            permit,
            Kind.PERMIT_ENDING,
            gettext_noop("The data permit %(number)s (“%(title)s”) ends on %(day)s."),
            once=f"permit-{permit.number}-{permit.version}-ends-in-{days}",
            day=permit.valid_until.isoformat(),
        )


def _decisions(today: date, days: int) -> None:
    due = Review.objects.filter(
        status=ReviewStatus.ASSESSED, due_on__lte=today + timedelta(days=days)
    )
    for review in due.select_related("application", "holder").order_by("due_on")[:MOST]:
        telling.due(review, once=f"review-{review.pk}-due-{review.due_on}-in-{days}")


def _publications(today: date) -> None:
    """Remind of results that nobody has made public since the permit ended."""
    told = Outcome.objects.filter(number=OuterRef("number"))
    published = Evaluation.objects.filter(
        permit__number=OuterRef("number"), study__publication__isnull=False
    )
    ended = Permit.objects.ended(today).filter(~Exists(told), ~Exists(published))
    since = months_after(today, -MONTHS_TO_PUBLISH)
    recent = ended.filter(valid_until__gte=since).select_related("organisation")
    for permit in recent.order_by("valid_until")[:MOST]:
        last = permit.publish_by
        for months in MONTHS_LEFT:
            if today >= months_after(last, -months):
                telling.of_permit(
                    permit,
                    Kind.PUBLICATION_DUE,
                    gettext_noop(
                        "Results under the data permit %(number)s (“%(title)s”) are to be made "
                        "public by %(day)s."
                    ),
                    once=f"permit-{permit.number}-publish-{months}",
                    day=last.isoformat(),
                )
