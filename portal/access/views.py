"""Pages of applications for those who write, decide on and are asked about them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from portal.access import applying
from portal.access.models import Application, Review
from portal.access.seeing import is_of, seen_items
from portal.access.steps import gaps_by_step
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty


def application_of(request: HttpRequest, reference: str) -> Application:
    """The application, if the person may see it (404)."""
    visible = Application.objects.visible_to(request.user).select_related("organisation")
    return get_object_or_404(visible, reference=reference)


def content_context(request: HttpRequest, application: Application) -> dict[str, Any]:
    """What an application says, as the person sees it."""
    return {
        "application": application,
        "seen": seen_items(request.user, application),
        "people": list(application.people.all()),
        "model_versions": list(application.model_versions.select_related("model__organisation")),
        "attachments": list(application.attachments.all()),
    }


@login_required
@require_GET
def application_detail(request: HttpRequest, reference: str) -> HttpResponse:
    """The application as it stands, who decides on it, and what comes next."""
    application = application_of(request, reference)
    may_write = (
        Organisation.objects.where_may(request.user, Duty.ASK_ACCESS)
        .filter(pk=application.organisation_id)
        .exists()
    )
    reviews = Review.objects.seen_by(request.user).filter(application=application)
    context = content_context(request, application) | {
        "section": "access",
        "is_applicant": is_of(request.user, application.organisation),
        "may_write": may_write,
        "may_edit": may_write and application.may_be_changed,
        "reviews": list(reviews.select_related("holder")),
        "steps": gaps_by_step(application) if may_write else [],
        "withdrawn": applying.withdrawn_datasets(application),
    }
    return render(request, "access/application_detail.html", context)
