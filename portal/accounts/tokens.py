"""Programs sign in with a personal token: `Authorization: Bearer shaiped_…`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from portal.accounts import second_factor
from portal.accounts.models import ApiToken, User

if TYPE_CHECKING:  # the framework imports this module while its views are being made
    from rest_framework.views import APIView


class TokenAuthentication(KnoxTokenAuthentication):
    """Who asks, by their token.

    Asked anew with each request: a token ends at once when it is revoked, when its person is
    deactivated, and while the person lacks a second factor that their role requires.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        digest = hash_token(token.decode("utf-8", errors="replace"))
        found = ApiToken.objects.select_related("user").filter(digest=digest).first()
        if found is None or found.is_expired or not found.user.is_active:
            raise AuthenticationFailed(_("The token is unknown, revoked or expired."))
        if second_factor.is_missing(found.user):
            raise AuthenticationFailed(
                _("Your role needs a second factor. Sign in to the site and set it up.")
            )
        now = timezone.now()
        ApiToken.objects.filter(
            Q(last_used_at=None) | Q(last_used_at__lt=now - ApiToken.SEEN_EVERY), pk=found.pk
        ).update(last_used_at=now)
        return found.user, found


class ScopeAllows(BasePermission):
    """Signed in by a token whose scope covers the method: `write` for all but reading."""

    message = "This token may only read. Make one with the scope 'write' on your account page."

    def has_permission(self, request: Request, view: APIView) -> bool:
        token = request.auth
        if not isinstance(token, ApiToken):
            return False
        return request.method in SAFE_METHODS or token.scope == ApiToken.Scope.WRITE


class TokenThrottle(SimpleRateThrottle):
    """So many requests a minute for a token, whichever process answers them."""

    scope = "token"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        token: Any = request.auth
        if not isinstance(token, ApiToken):
            return None
        return self.cache_format % {"scope": self.scope, "ident": token.pk}
