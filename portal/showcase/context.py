"""What every page knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from portal.organisations.models import Organisation
from portal.usecase import use_cases


def site(request: HttpRequest) -> dict[str, Any]:
    """The use cases, and for which organisation the person acts."""
    user = getattr(request, "user", None)
    acting = None
    if user is not None and user.is_authenticated and not request.path.startswith("/admin/"):
        acting = Organisation.objects.where_member(user).order_by("memberships__created_at").first()
    return {
        "use_cases": list(use_cases().values()),
        "acting_organisation": acting,
        "version": settings.VERSION,
        "is_demonstration": settings.DEMONSTRATION,
    }
