"""The account page, and what django-allauth has no page for."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView, PasswordChangeView, PasswordResetFromKeyView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, RemoveWebAuthnView
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LogoutView
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts import actions, second_factor
from portal.accounts.devices import device
from portal.accounts.forms import NameForm, TokenForm
from portal.accounts.models import ApiToken, User
from portal.accounts.people import signed_in
from portal.audit.actions import record
from portal.audit.acts import Act
from portal.organisations.acting import acting_organisation, acting_organisations


@login_required
@never_cache
@require_GET
def account_detail(request: HttpRequest) -> HttpResponse:
    """Everything that a person's account holds, and where to change it."""
    user = signed_in(request)
    context = {
        "memberships": user.memberships.select_related("organisation"),
        "appointments": user.appointments.all(),
        "choices": acting_organisations(request),
        "acting": acting_organisation(request),
        "providers": provider_names(request),
        "factors": factors(request),
        "factor_required": second_factor.is_required_of(user),
        "sessions": [
            {"session": session, "device": device(session.user_agent)} for session in _open(request)
        ],
        "tokens": ApiToken.objects.filter(user=user),
    }
    return render(request, "accounts/account_detail.html", context)


def _open(request: HttpRequest) -> list[UserSession]:
    """The person's sessions that are still open, this one first, then the last used."""
    found: list[UserSession] = UserSession.objects.purge_and_list(signed_in(request))
    return sorted(found, key=lambda one: (not one.is_current(), -one.last_seen_at.timestamp()))


def factors(request: HttpRequest) -> dict[str, Any]:
    """The person's second factors: the app, the passkeys, and how many recovery codes are left."""
    mine = list(Authenticator.objects.filter(user=signed_in(request)).order_by("created_at"))
    codes = next((one for one in mine if one.type == Authenticator.Type.RECOVERY_CODES), None)
    return {
        "app": next((one for one in mine if one.type == Authenticator.Type.TOTP), None),
        "passkeys": [one for one in mine if one.type == Authenticator.Type.WEBAUTHN],
        "has_codes": codes is not None,
        "codes_left": len(codes.wrap().get_unused_codes()) if codes else 0,
        "any": any(one.type in second_factor.FACTORS for one in mine),
    }


def provider_names(request: HttpRequest) -> list[str]:
    """The identity providers through which the person may sign in."""
    names = {provider.id: provider.name for provider in settings.IDENTITY_PROVIDERS}
    accounts = SocialAccount.objects.filter(user=signed_in(request), provider__in=names)
    return [names[account.provider] for account in accounts]


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def name_edit(request: HttpRequest) -> HttpResponse:
    """Change how one is called."""
    user = signed_in(request)
    form = NameForm(request.POST or None, instance=user)
    if form.is_valid():
        user.refresh_from_db(fields=["full_name"])
        actions.rename(name=form.cleaned_data["full_name"], by=user)
        messages.success(request, _("Your name is changed."))
        return redirect("account-detail")
    user.refresh_from_db(fields=["full_name"])  # the page's top shows the name that is saved
    return render(request, "accounts/name_edit.html", {"form": form})


@login_required
@require_POST
def session_end(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign out elsewhere; to sign out here there is a button of its own."""
    user = signed_in(request)
    session = get_object_or_404(UserSession, pk=pk, user=user)
    if session.is_current():
        raise Http404
    actions.end_sessions(sessions=[session], by=user)
    messages.success(request, _("That session is ended."))
    return redirect("account-detail")


@login_required
@require_POST
def other_sessions_end(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    end_others(request)
    messages.success(request, _("You are signed in here alone."))
    return redirect("account-detail")


def end_others(request: HttpRequest) -> None:
    """End the person's sessions but this one."""
    others = [session for session in _open(request) if not session.is_current()]
    actions.end_sessions(sessions=others, by=signed_in(request))


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def token_create(request: HttpRequest) -> HttpResponse:
    """Make an API token, and show it in the answer: it is never kept, so never shown again."""
    user = signed_in(request)
    form = TokenForm(request.POST or None, user=user)
    if form.is_valid():
        token, text = actions.create_token(**form.cleaned_data, by=user)
        return render(request, "accounts/token_created.html", {"token": token, "text": text})
    return render(request, "accounts/token_create.html", {"form": form})


@login_required
@require_POST
def token_revoke(request: HttpRequest, digest: str) -> HttpResponse:
    """End a token."""
    user = signed_in(request)
    token = get_object_or_404(ApiToken, pk=digest, user=user)
    actions.revoke_token(token=token, by=user)
    messages.success(request, _("The token “%(name)s” is revoked.") % {"name": token.name})
    return redirect("account-detail")


@login_required
@never_cache
@require_GET
def second_factor_detail(request: HttpRequest) -> HttpResponse:
    """The second factors, and for who lacks one that they must have, the way to it."""
    context = {
        "factors": factors(request),
        "factor_required": second_factor.is_required_of(signed_in(request)),
        "lacking": second_factor.is_missing(request.user),
    }
    return render(request, "accounts/second_factor.html", context)


class SignIn(LoginView):
    """By password, by passkey, or through a partner's identity provider."""

    template_name = "accounts/sign_in.html"

    def get_context_data(self, **named: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**named)
        return context | {"providers": settings.IDENTITY_PROVIDERS}


class SignOut(LogoutView):
    """The end of this session; the log holds whose it was."""

    @transaction.atomic
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated:
            record(
                by=request.user,
                organisation=acting_organisation(request),
                verb=Act.SIGNED_OUT,
                obj=signed_in(request),
                sentence="signed out",
            )
        return super().post(request, *args, **kwargs)


class Recorded:
    """A page of django-allauth whose deed stands in the log, in the same transaction."""

    request: HttpRequest
    deed = ""
    verb = Act.PERSON_CHANGED

    def doer(self) -> User:
        return signed_in(self.request)

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)  # type: ignore[misc]
            actions.record_change(sentence=self.deed, by=self.doer(), verb=self.verb)
        return response


@method_decorator(login_required, name="dispatch")
class PasswordChange(Recorded, PasswordChangeView):
    """Another password, for those who have one; the others sign in at their provider."""

    template_name = "accounts/password_change.html"
    deed = "changed the password"
    verb = Act.PASSWORD_CHANGED

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not signed_in(request).has_usable_password():
            raise Http404
        return super().dispatch(request, *args, **kwargs)


@method_decorator(require_http_methods(["GET", "HEAD", "POST"]), name="dispatch")
class PasswordNew(Recorded, PasswordResetFromKeyView):
    """The password of who comes by the link in the letter."""

    template_name = "accounts/password_new.html"
    success_url = reverse_lazy("sign-in")
    deed = "changed the password by the link in a letter"
    verb = Act.PASSWORD_CHANGED

    def doer(self) -> User:
        user: User = self.reset_user
        return user


class FactorAdded(Recorded):
    """A session from before a second factor never showed it, and so it ends."""

    verb = Act.FACTOR_ADDED

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        end_others(self.request)
        return response


class AuthenticatorAdd(FactorAdded, ActivateTOTPView):
    template_name = "accounts/authenticator_add.html"
    deed = "set up an authenticator app"


class AuthenticatorRemove(Recorded, DeactivateTOTPView):
    template_name = "accounts/authenticator_remove.html"
    deed = "removed the authenticator app"
    verb = Act.FACTOR_REMOVED


class PasskeyAdd(FactorAdded, AddWebAuthnView):
    template_name = "accounts/passkey_add.html"
    deed = "added a passkey"


class PasskeyRemove(Recorded, RemoveWebAuthnView):
    template_name = "accounts/passkey_remove.html"
    success_url = reverse_lazy("mfa_index")
    deed = "removed a passkey"
    verb = Act.FACTOR_REMOVED


class RecoveryCodesNew(Recorded, GenerateRecoveryCodesView):
    template_name = "accounts/recovery_codes_new.html"
    deed = "made new recovery codes"
    verb = Act.FACTOR_ADDED
