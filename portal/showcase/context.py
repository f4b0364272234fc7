"""What every page knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from portal.organisations.acting import acting_organisation, acting_organisations
from portal.organisations.models import Appointment
from portal.organisations.roles import Duty
from portal.usecase import use_cases


def site(request: HttpRequest) -> dict[str, Any]:
    """The use cases, and for which organisation the person acts."""
    user = getattr(request, "user", None)
    acting, choices, reads_log = None, [], False
    if user is not None and user.is_authenticated and not _is_admin(request):
        acting, choices = acting_organisation(request), acting_organisations(request)
        reads_log = Appointment.objects.may(user, Duty.READ_LOG)
    return {
        "use_cases": list(use_cases().values()),
        "acting_organisation": acting,
        "acting_organisations": choices,
        "reads_log": reads_log,
        "version": settings.VERSION,
        "is_demonstration": settings.DEMONSTRATION,
    }


def _is_admin(request: HttpRequest) -> bool:
    return bool(request.resolver_match and request.resolver_match.app_name == "admin")
