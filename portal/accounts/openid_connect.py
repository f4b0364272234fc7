"""OpenID Connect, as strictly as its specification asks.

django-allauth trusts an ID token that came over TLS without looking at its signature, sends no
nonce, and does not compare the subject of the user information. Here the signature, issuer,
audience, times and nonce are checked each time (OpenID Connect Core 1.0, 3.1.3.7).
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import jwt
from allauth.account.internal.decorators import login_not_required
from allauth.decorators import rate_limit
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialApp, SocialToken
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from requests import RequestException

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
"""Signatures by a key that only the provider has; never `none`, never a shared secret."""
CLOCK_SECONDS = 60


class VerifyingAdapter(OpenIDConnectOAuth2Adapter):
    """Exchanges the code and verifies what comes back."""

    nonce = ""

    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's own description, which must be of the issuer that was configured."""
        found: dict[str, Any] = super().openid_config
        issuer = self.get_provider().app.settings["issuer"]
        if str(found.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
            raise OAuth2Error(f"The provider calls itself '{found.get('issuer')}', not '{issuer}'.")
        return found

    def get_access_token_data(
        self, request: HttpRequest, app: SocialApp, client: Any, pkce_code_verifier: Any = None
    ) -> dict[str, Any]:
        self.nonce = nonce_of(pkce_code_verifier or "")
        found: dict[str, Any] = super().get_access_token_data(
            request, app, client, pkce_code_verifier=pkce_code_verifier
        )
        return found

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **named: Any
    ) -> Any:
        claims = self.verified(named["response"].get("id_token") or "", app)
        if not claims.get("email"):
            said = self._fetch_user_info(token.token)
            if said.get("sub") != claims["sub"]:
                raise OAuth2Error("The user information is about another person.")
            claims = {**said, **claims}
        return self.get_provider().sociallogin_from_response(request, {"id_token": claims})

    def verified(self, id_token: str, app: SocialApp) -> dict[str, Any]:
        """The claims of ``id_token``.

        Raises
        ------
        OAuth2Error
            If it is not signed by the provider, for this site, now, for this very sign-in.
        """
        try:
            key = self._key(jwt.get_unverified_header(id_token))
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key=key,
                algorithms=ALGORITHMS,
                audience=app.client_id,
                issuer=self.openid_config["issuer"],
                leeway=CLOCK_SECONDS,
                options={"require": ["exp", "iat", "aud", "iss", "sub"]},
            )
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise OAuth2Error(f"The ID token is refused: {error}") from error
        audience = claims["aud"]
        if isinstance(audience, list) and audience != [app.client_id]:
            raise OAuth2Error("The ID token is for other sites as well.")
        if not secrets.compare_digest(str(claims.get("nonce", "")), self.nonce):
            raise OAuth2Error("The ID token answers another sign-in: the nonce differs.")
        return claims

    def _key(self, header: dict[str, Any]) -> jwt.PyJWK:
        """The provider's key that ``header`` names; the only one where it names none."""
        with get_adapter().get_requests_session() as session:
            response = session.get(self.openid_config["jwks_uri"])
            response.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(response.json()).keys
        named = [key for key in keys if key.public_key_use in (None, "sig")]
        if "kid" in header:
            named = [key for key in named if key.key_id == header["kid"]]
        if len(named) != 1:
            raise OAuth2Error("The ID token is signed by no key of the provider.")
        return named[0]


class IdentityProvider(OpenIDConnectProvider):
    """A partner's provider, for signing in and nothing else."""

    oauth2_adapter_class = VerifyingAdapter
    package = "allauth.socialaccount.providers.openid_connect"

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        """What to ask for; the address of the page has no say in it."""
        found: dict[str, Any] = super().get_redirect_from_request_kwargs(request)
        return found | {
            "process": AuthProcess.LOGIN,
            "scope": self.get_scope(),
            "auth_params": self.get_auth_params(),
        }

    def get_pkce_params(self) -> dict[str, Any]:
        params: dict[str, Any] = generate_code_challenge()
        return params | {"nonce": nonce_of(params["code_verifier"])}


def nonce_of(code_verifier: str) -> str:
    """The nonce of a sign-in: a hash of the secret that the session keeps for PKCE anyway."""
    return hashlib.sha256(b"nonce:" + code_verifier.encode()).hexdigest()


def _adapter(request: HttpRequest, provider_id: str) -> VerifyingAdapter:
    if all(provider.id != provider_id for provider in settings.IDENTITY_PROVIDERS):
        raise Http404
    return VerifyingAdapter(request, provider_id)


def _answered(request: HttpRequest, adapter: VerifyingAdapter, view: Any) -> HttpResponse:
    """What django-allauth's view answers; a provider that cannot be reached is a page too."""
    try:
        answer: HttpResponse = view.adapter_view(adapter)(request)
    except (OAuth2Error, RequestException) as error:
        failed: HttpResponse = render_authentication_error(
            request, adapter.get_provider(), exception=error
        )
        return failed
    return answer


@login_not_required
@never_cache
@rate_limit(action="login")
@require_http_methods(["GET", "HEAD", "POST"])
def provider_sign_in(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Ask on a GET, leave on a POST.

    It leaves by a page of its own: a form of this site may not be answered by a redirect to
    another one (form-action in the Content-Security-Policy).
    """
    adapter = _adapter(request, provider_id)
    provider = adapter.get_provider()
    if request.method != "POST":
        asked = {"provider": provider, "next": request.GET.get("next", "")}
        return render(request, "accounts/provider_sign_in.html", asked)
    response = _answered(request, adapter, OAuth2LoginView)
    if response.status_code != 302:
        return response
    leaving = {"provider": provider, "address": response["Location"]}
    return render(request, "accounts/provider_leave.html", leaving)


@login_not_required
@never_cache
@require_GET
def provider_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take back who comes from the provider."""
    return _answered(request, _adapter(request, provider_id), OAuth2CallbackView)
