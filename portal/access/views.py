"""Pages of applications for those who write, decide on and are asked about them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from portal.access import applying
from portal.access.models import Application, Message, Review
from portal.access.presentation import sections
from portal.access.seeing import is_of, seen_items
from portal.access.states import ApplicationStatus, ReviewStatus
from portal.access.steps import CHECK, gaps_by_step
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty
from portal.pagination import page_of


def application_of(request: HttpRequest, reference: str) -> Application:
    """The application, if the person may see it (404)."""
    visible = Application.objects.visible_to(request.user).select_related("organisation")
    return get_object_or_404(visible, reference=reference)


def may_write(request: HttpRequest, application: Application) -> bool:
    """Whether the person writes applications for the applicant."""
    writes = Organisation.objects.where_may(request.user, Duty.ASK_ACCESS)
    return writes.filter(pk=application.organisation_id).exists()


def content_context(request: HttpRequest, application: Application) -> dict[str, Any]:
    """What an application says, as the person sees it."""
    versions = application.model_versions.select_related("model__organisation")
    return {
        "application": application,
        "seen": seen_items(request.user, application),
        "sections": sections(application, application.people.all(), versions),
        "attachments": list(application.attachments.all()),
        "withdrawn": withdrawn(application),
    }


def withdrawn(application: Application) -> frozenset[int]:
    """The datasets that their holders no longer offer, while the application is under way."""
    if application.ended_at is not None:
        return frozenset()
    return frozenset(dataset.pk for dataset in applying.withdrawn_datasets(application))


def progress_context(application: Application) -> dict[str, Any]:
    """What the applicant has still to do: what is missing, and what was remarked."""
    steps = gaps_by_step(application)
    return {
        "steps": steps,
        "is_complete": not any(gaps for _step, gaps in steps),
        "next_step": next((step for step, gaps in steps if gaps), CHECK),
        "remarks": remarks(application),
    }


def remarks(application: Application) -> list[tuple[Review, Message]]:
    """Why it came back, from each body that has returned it."""
    returned = application.reviews.filter(status=ReviewStatus.RETURNED).select_related("holder")
    found = [
        (review, review.messages.filter(kind=Message.Kind.REMARK).last()) for review in returned
    ]
    return [(review, message) for review, message in found if message is not None]


@require_GET
@login_required
def application_list(request: HttpRequest) -> HttpResponse:
    """The applications that one may see, the newest first."""
    rows = Application.objects.visible_to(request.user)
    chosen = request.GET.get("status", "")
    if chosen in ApplicationStatus.values:
        rows = rows.filter(status=chosen)
    context = {
        "section": "access",
        "page": page_of(request, rows.for_list()),
        "statuses": [("", _("All")), *ApplicationStatus.choices],
        "chosen": chosen if chosen in ApplicationStatus.values else "",
        "may_ask": Organisation.objects.where_may(request.user, Duty.ASK_ACCESS).exists(),
    }
    return render(request, "access/application_list.html", context)


@login_required
@require_GET
def application_detail(request: HttpRequest, reference: str) -> HttpResponse:
    """The application as it stands, who decides on it, and what comes next."""
    application = application_of(request, reference)
    writes = may_write(request, application)
    reviews = Review.objects.seen_by(request.user).filter(application=application)
    context = content_context(request, application) | {
        "section": "access",
        "answer": _answer(application),
        "is_applicant": is_of(request.user, application.organisation),
        "may_write": writes,
        "may_edit": writes and application.may_be_changed,
        "reviews": list(reviews.select_related("holder").prefetch_related("permits")),
    }
    if context["may_edit"]:
        context |= progress_context(application)
    return render(request, "access/application_detail.html", context)


def _answer(application: Application) -> str:
    """Where the application stands, in a sentence."""
    if application.state == ApplicationStatus.DRAFT:
        return _("A draft: only the applicant’s people see it.")
    if application.state == ApplicationStatus.WITHDRAWN:
        return _("The applicant has withdrawn it.")
    states = [review.state for review in application.reviews.all()]
    if application.state == ApplicationStatus.DECIDED:
        if ReviewStatus.GRANTED not in states:
            return _("It was refused.")
        return _("It was granted.") if len(set(states)) == 1 else _("A part of it was granted.")
    if ReviewStatus.RETURNED in states:
        return _("It came back to the applicant, to be completed.")
    if ReviewStatus.RECEIVED in states:
        return _("It was sent, and is being checked for completeness.")
    return _("It is complete, and is being assessed.")
