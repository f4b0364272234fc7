"""What this site decides where django-allauth asks: the account, the second factor, providers."""

from __future__ import annotations

import base64
import hashlib
import logging
import time
from smtplib import SMTPException
from typing import Any

from allauth.account import app_settings as account_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from portal.accounts import second_factor
from portal.accounts.actions import note_language, record_change, record_refusal
from portal.accounts.identity_providers import IdentityProviderConfiguration
from portal.accounts.models import User
from portal.audit.actions import record
from portal.audit.acts import Act
from portal.organisations.acting import acting_organisation

logger = logging.getLogger(__name__)

CLOSED = "the account is deactivated"


class AccountAdapter(DefaultAccountAdapter):
    """Accounts: nobody signs up, and nobody learns here who has an account."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("The e-mail address or the password is wrong."),
        "incorrect_password": _("That is not your password."),
        "incorrect_code": _("The code is wrong or has been used. Wait for the next one."),
        "too_many_login_attempts": _("Too many attempts. Try again in five minutes."),
        "rate_limited": _("Too many attempts. Try again in five minutes."),
    }
    SILENT = frozenset({"account/messages/logged_in.txt", "account/messages/logged_out.txt"})

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whoever has just signed in is not asked for the password a second time."""
        records = get_authentication_records(self.request, self.request.user)
        latest = max((record["at"] for record in records), default=0.0)
        return time.time() - latest > account_settings.REAUTHENTICATION_TIMEOUT

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """A person without a password confirms by signing in at the provider again."""
        found: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if found or not user.is_authenticated:
            return found
        accounts = SocialAccount.objects.filter(user=user)
        ids = {provider.id for provider in settings.IDENTITY_PROVIDERS}
        return [
            {
                "id": "provider",
                "description": gettext("Sign in with your organisation again"),
                "url": reverse("openid_connect_login", kwargs={"provider_id": account.provider}),
            }
            for account in accounts
            if account.provider in ids
        ]

    @transaction.atomic
    def login(self, request: HttpRequest, user: Any) -> None:
        """Sign in, whatever the way: with password, passkey, provider or invitation."""
        super().login(request, user)
        note_language(user, get_language() or settings.LANGUAGE_CODE)
        record(
            by=user,
            organisation=acting_organisation(request),
            verb=Act.SIGNED_IN,
            obj=user,
            sentence="signed in",
        )

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        person = User.objects.filter(email__iexact=credentials.get("email") or "").first()
        if person is not None:
            why = "the password was wrong" if person.is_active else CLOSED
            record_refusal(person=person, because=why)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account-detail")

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        return closed(request, user)

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        *arguments: Any,
        **named: Any,
    ) -> None:
        if message_template not in self.SILENT:  # the page itself shows who is signed in
            super().add_message(request, level, message_template, *arguments, **named)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a letter; a mail server that is away neither undoes nor tells anything."""
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, SMTPException):
            logger.exception("The letter '%s' could not be sent", template_prefix)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Second factors: secrets are encrypted at rest, and who must have one keeps one."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "cannot_delete_authenticator": _(
            "Your role needs a second factor and this is your only one. Add another one first."
        ),
        "incorrect_code": _("The code is wrong or has been used. Wait for the next one."),
    }

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _cipher().decrypt(encrypted_text.encode()).decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        others = Authenticator.objects.filter(
            user_id=authenticator.user_id, type__in=second_factor.FACTORS
        ).exclude(pk=authenticator.pk)
        return others.exists() or not second_factor.is_required_of(authenticator.user)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return super().get_public_key_credential_rp_entity() | {"name": "SHAIPED"}

    def generate_authenticator_name(self, user: Any, type: Any) -> str:  # noqa: A002 - allauth's
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return gettext("Passkey {number}").format(number=number)


def _cipher() -> MultiFernet:
    """Encrypts with SECRET_KEY, and reads what SECRET_KEY_FALLBACKS encrypted."""
    return MultiFernet(
        Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"second factor:" + key.encode()).digest()))
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Sign-in through a partner's provider: whom it may vouch for, and who gets an account."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """The providers of the environment; none is kept in the database."""
        return [
            SocialApp(
                provider="openid_connect",
                provider_id=found.id,
                name=found.name,
                client_id=found.client_id,
                secret=found.client_secret,
                settings={"server_url": found.discovery_url, "issuer": found.issuer},
            )
            for found in settings.IDENTITY_PROVIDERS
            if provider in (None, "openid_connect", found.id)
            and client_id in (None, found.client_id)
        ]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Find or refuse the account, once the provider has said who somebody is.

        An account that was matched before stays matched by the provider's own identifier. Else
        the address decides, and only if the provider verified it and may vouch for its domain.
        """
        if sociallogin.is_existing:
            return
        provider = _configuration(sociallogin)
        email = next((found.email for found in sociallogin.email_addresses if found.verified), "")
        if not email or not provider.vouches_for(email):
            raise ImmediateHttpResponse(refused(request))
        user = User.objects.filter(email__iexact=email).first()
        if user is not None and user.is_active:
            with transaction.atomic():
                sociallogin.connect(request, user)
                record_change(sentence=f"was matched by the provider “{provider.name}”", by=user)
        elif user is not None:
            raise ImmediateHttpResponse(closed(request, user))
        elif not provider.creates_accounts:
            raise ImmediateHttpResponse(refused(request))

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return _configuration(sociallogin).creates_accounts

    def populate_user(
        self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]
    ) -> User:
        user: User = sociallogin.user
        user.email = data.get("email") or ""
        user.full_name = (data.get("name") or user.email)[:150]
        return user

    @transaction.atomic
    def save_user(
        self, request: HttpRequest, sociallogin: SocialLogin, form: object = None
    ) -> User:
        """Make the account. It has no password: whoever the provider lets go is out here too."""
        user = User.objects.create_user(
            sociallogin.user.email, full_name=sociallogin.user.full_name
        )
        sociallogin.user = user
        sociallogin.account.user = user
        sociallogin.account.save()
        record(
            by=user,
            organisation=None,
            verb=Act.PERSON_ADDED,
            obj=user,
            sentence=f"got an account through the provider “{_configuration(sociallogin).name}”",
        )
        return user

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Every failure has one page; what exactly was wrong stands in the log alone."""
        if error == AuthError.CANCELLED:
            messages.info(request, gettext("You did not sign in."))
            raise ImmediateHttpResponse(redirect("sign-in"))
        logger.warning("Sign-in through '%s' failed: %s", provider.sub_id, exception or error)
        page = render(request, "accounts/provider_failed.html", {"provider": provider}, status=403)
        raise ImmediateHttpResponse(page)


def _configuration(sociallogin: SocialLogin) -> IdentityProviderConfiguration:
    return next(
        provider
        for provider in settings.IDENTITY_PROVIDERS
        if provider.id == sociallogin.account.provider
    )


def refused(request: HttpRequest) -> HttpResponse:
    """Say that no account here is open to a person: the same whether it is closed or never was."""
    return render(request, "accounts/refused.html", status=403)


def closed(request: HttpRequest, user: User) -> HttpResponse:
    """Refuse ``user``, whose account is deactivated."""
    record_refusal(person=user, because=CLOSED)
    return refused(request)
