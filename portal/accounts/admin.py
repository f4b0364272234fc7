from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from portal.accounts.models import ApiToken, User
from portal.accounts.people import signed_in
from portal.administration import SuperuserAdmin
from portal.audit.actions import record
from portal.audit.acts import Act

# The address of a person is the one of their account, providers are in the environment, and
# what somebody signs in with is shown with the person.
for elsewhere in (Authenticator, EmailAddress, SocialAccount, SocialApp, SocialToken, UserSession):
    admin.site.unregister(elsewhere)


class OwnedInline(admin.TabularInline):
    """What a person set up themselves: an administrator sees it, removes it, and makes none."""

    extra = 0
    view_on_site = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class SecondFactorInline(OwnedInline):
    """For a person who has lost the phone and the recovery codes."""

    model = Authenticator
    verbose_name_plural = _("second factors")
    fields = readonly_fields = ("type", "created_at", "last_used_at")


class ApiTokenInline(OwnedInline):
    model = ApiToken
    fields = readonly_fields = ("name", "scope", "created", "expiry", "last_used_at")


class ProviderInline(OwnedInline):
    """Which identity providers sign the person in."""

    model = SocialAccount
    verbose_name_plural = _("identity providers")
    fields = readonly_fields = ("provider", "uid", "last_login")


@admin.register(User)
class UserAdmin(SuperuserAdmin, DjangoUserAdmin):
    """People; for site administrators alone, or whoever edits people makes themselves one."""

    list_display = ("email", "full_name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "full_name")
    ordering = ("email",)
    # Groups mirror memberships and are kept by organisations.actions, never by hand.
    filter_horizontal = ("user_permissions",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password", "full_name")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    inlines = (SecondFactorInline, ProviderInline, ApiTokenInline)
    add_fieldsets = (
        (None, {"fields": ("email", "full_name", "usable_password", "password1", "password2")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody is deleted: what they did names them. They are deactivated."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            _record(request, obj, Act.PERSON_ADDED, "added")
        elif "is_active" in form.changed_data:
            verb = Act.PERSON_ACTIVATED if obj.is_active else Act.PERSON_DEACTIVATED
            _record(request, obj, verb, "activated" if obj.is_active else "deactivated")

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - as Django calls it
        form_url: str = "",
    ) -> HttpResponse:
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def log_change(self, request: HttpRequest, obj: User, message: object) -> Any:
        """Every page that changes an account comes by here, that of the password too."""
        changed = _changed_words(message)
        _record(request, obj, Act.PERSON_CHANGED, "changed the account of", changed)
        return super().log_change(request, obj, message)


def _changed_words(message: object) -> str:
    """Which fields Django's own message of a change names, never their values."""
    if not isinstance(message, list):
        return ""
    parts: list[str] = []
    for part in message:
        for done, what in part.items():
            parts += what.get("fields", []) or [f"{done} {what.get('name', '')}".strip()]
    return ", ".join(parts)


def _record(request: HttpRequest, user: User, verb: Act, words: str, changed: str = "") -> None:
    record(
        by=signed_in(request),
        organisation=None,
        verb=verb,
        obj=user,
        sentence=f"{words} {user}" + (f": {changed}" if changed else ""),
    )
