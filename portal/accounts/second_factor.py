"""Who must have a second factor, and what they may do until they have one: set it up."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django_htmx.http import HttpResponseClientRedirect

from portal.accounts.models import User
from portal.organisations.models import Appointment, Membership
from portal.organisations.roles import Role

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""Recovery codes stand in for a factor; alone they are none."""

OPEN = frozenset(
    {
        "healthz",
        "sign-in",
        "sign-out",
        "account_login",
        "account_reauthenticate",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key",
        "mfa_index",
        "mfa_activate_totp",
        "mfa_add_webauthn",
        "mfa_view_recovery_codes",
        "mfa_download_recovery_codes",
        "openid_connect_login",
        "openid_connect_callback",
    }
)
"""The names of the addresses that stay open without the second factor that a person must have."""


def _must_have() -> Q:
    managers = Membership.objects.filter(user=OuterRef("pk"), role=Role.MANAGER)
    appointed = Appointment.objects.filter(user=OuterRef("pk"))
    return Q(is_staff=True) | Q(is_superuser=True) | Exists(managers) | Exists(appointed)


def is_required_of(user: User) -> bool:
    """Whether ``user`` must have a second factor: managers, consortium roles, administrators."""
    if not settings.REQUIRE_SECOND_FACTOR:
        return False
    return User.objects.filter(_must_have(), pk=user.pk).exists()


def is_missing(user: User | AnonymousUser) -> bool:
    """Whether ``user`` must have a second factor and has none. One query, or none."""
    if not settings.REQUIRE_SECOND_FACTOR or not user.is_authenticated:
        return False
    factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=FACTORS)
    return User.objects.filter(_must_have(), ~Exists(factors), pk=user.pk).exists()


class SecondFactorMiddleware(MiddlewareMixin):
    """Leads those who lack the second factor that they must have to the page that sets it up."""

    def process_view(
        self, request: HttpRequest, view: Any, arguments: Any, named: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        if match is not None and match.view_name in OPEN:
            return None
        if not is_missing(request.user):
            return None
        setup = reverse("mfa_index")
        if getattr(request, "htmx", False):
            return HttpResponseClientRedirect(setup)
        return redirect(setup)
