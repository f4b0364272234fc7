"""What of the access to data waits for a person, and what their organisations have under way."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from portal.access.basket import in_basket
from portal.access.models import Application, Permit, Review
from portal.access.states import ApplicationStatus, PermitStatus, ReviewStatus
from portal.accounts.people import signed_in
from portal.organisations.models import Appointment, Organisation
from portal.organisations.roles import Duty

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from portal.accounts.models import User

SHOWN = 10
"""Entries of a section; the lists hold the rest."""
ENDS_SOON = timedelta(days=60)


def to_review(user: User) -> QuerySet[Review]:
    """Reviews on which the person decides now, the most urgent first."""
    mine = Organisation.objects.where_member(user)
    found = Review.objects.decided_by(user).exclude(application__organisation__in=mine)
    waiting = found.filter(status__in=(ReviewStatus.RECEIVED, ReviewStatus.ASSESSED))
    return waiting.for_list().order_by("due_on", "received_at", "pk")


def opinions_asked(user: User) -> QuerySet[Review]:
    """Reviews in which a holder of the person's has not said yet what it thinks."""
    holders = Organisation.objects.where_may(user, Duty.ANSWER_ACCESS)
    found = Review.objects.asking(user).undecided()
    given = Review.objects.filter(opinions__organisation__in=holders)
    return found.exclude(pk__in=given.values("pk")).for_list().order_by("received_at", "pk")


def to_answer(user: User) -> QuerySet[Review]:
    """Reviews of the person's applications that came back, to be completed."""
    writes = Organisation.objects.where_may(user, Duty.ASK_ACCESS)
    found = Review.objects.filter(
        application__organisation__in=writes, status=ReviewStatus.RETURNED
    )
    return found.for_list().order_by("received_at", "pk")


def ending_soon(user: User) -> QuerySet[Permit]:
    """Permits of the person's organisations whose last day is near."""
    today = timezone.localdate()
    mine = Permit.objects.current().filter(
        organisation__in=Organisation.objects.where_member(user),
        valid_until__range=(today, today + ENDS_SOON),
    )
    return mine.exclude(status=PermitStatus.REVOKED).order_by("valid_until", "pk")


def waiting_for(user: User) -> dict[str, Any]:
    """What waits for the person, for this page and that of their work."""
    found: dict[str, Any] = {
        "access_reviews": list(to_review(user)[:SHOWN]),
        "access_opinions": list(opinions_asked(user)[:SHOWN]),
        "access_returned": list(to_answer(user)[:SHOWN]),
        "access_ending": list(ending_soon(user)[:SHOWN]),
    }
    return found | {"access_waits": any(found.values())}


@login_required
@require_GET
def access_home(request: HttpRequest) -> HttpResponse:
    """What waits for me, what my organisations asked for, and the permits that they hold."""
    user = signed_in(request)
    mine = Organisation.objects.where_member(user)
    under_way = Application.objects.filter(
        Q(organisation__in=mine),
        status__in=(ApplicationStatus.DRAFT, ApplicationStatus.SUBMITTED),
    )
    permits = Permit.objects.current().filter(organisation__in=mine)
    context = waiting_for(user) | {
        "section": "access",
        "basket": in_basket(request),
        "applications": list(under_way.for_list()[:SHOWN]),
        "permits": list(permits.for_list().order_by("-valid_until", "-pk")[:SHOWN]),
        "may_ask": Organisation.objects.where_may(user, Duty.ASK_ACCESS).exists(),
        "decides": Appointment.objects.may(user, Duty.DECIDE_ACCESS),
    }
    return render(request, "access/home.html", context)
