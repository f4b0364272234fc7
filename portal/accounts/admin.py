from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.accounts.models import ApiToken, User

# One way in, with the second factor and the rate limits that it has.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

# The address of a person is the one of their account, providers are in the environment, and
# what somebody signs in with is shown with the person.
for elsewhere in (Authenticator, EmailAddress, SocialAccount, SocialApp, SocialToken, UserSession):
    admin.site.unregister(elsewhere)


class OwnedInline(admin.TabularInline):
    """What a person set up themselves: an administrator sees it, removes it, and makes none."""

    extra = 0

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
class UserAdmin(DjangoUserAdmin):
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
