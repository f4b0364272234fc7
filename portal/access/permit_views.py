"""Pages of permits, for their holders and for those who issued them."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from portal.access.models import Permit
from portal.access.seeing import seen_datasets


def permit_of(request: HttpRequest, number: str) -> Permit:
    """The permit in its newest version, if the person may see it (404)."""
    visible = Permit.objects.visible_to(request.user).current()
    related = visible.select_related("organisation", "review__holder", "review__application")
    return get_object_or_404(related, number=number)


@login_required
@require_GET
def permit_detail(request: HttpRequest, number: str) -> HttpResponse:
    """What a permit allows, how long, and what came of it."""
    permit = permit_of(request, number)
    context = {
        "section": "access",
        "permit": permit,
        "seen": seen_datasets(request.user, permit),
    }
    return render(request, "access/permit_detail.html", context)
