"""What every page knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from portal.organisations.acting import acting_organisation, acting_organisations
from portal.usecase import use_cases


def site(request: HttpRequest) -> dict[str, Any]:
    """The use cases, and for which organisation the person acts."""
    user = getattr(request, "user", None)
    acting, choices = None, []
    if user is not None and user.is_authenticated and not request.path.startswith("/admin/"):
        acting, choices = acting_organisation(request), acting_organisations(request)
    return {
        "use_cases": list(use_cases().values()),
        "acting_organisation": acting,
        "acting_organisations": choices,
        "version": settings.VERSION,
        "is_demonstration": settings.DEMONSTRATION,
    }
