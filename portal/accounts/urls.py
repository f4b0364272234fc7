"""Every page about a person's account. What django-allauth has beyond these is off.

It finds its own pages by their names, which therefore stay as they are.
"""

from allauth.account import views as account
from allauth.mfa.base import views as factor
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.webauthn import views as webauthn
from django.urls import path, re_path, reverse_lazy

from portal.accounts import views
from portal.organisations.views import acting_organisation_choose

sign_in = views.SignIn.as_view()

urlpatterns = [
    path("", views.account_detail, name="account-detail"),
    path("name/", views.name_edit, name="name-edit"),
    path("acting-for/", acting_organisation_choose, name="acting-organisation-choose"),
    path("sessions/end-others/", views.other_sessions_end, name="other-sessions-end"),
    path("sessions/<int:pk>/end/", views.session_end, name="session-end"),
    path("tokens/new/", views.token_create, name="token-create"),
    path("tokens/<slug:digest>/revoke/", views.token_revoke, name="token-revoke"),
    # In and out
    path("sign-in/", sign_in, name="sign-in"),
    path("sign-in/", sign_in, name="account_login"),
    path(
        "sign-in/second-factor/",
        factor.AuthenticateView.as_view(template_name="accounts/sign_in_second_factor.html"),
        name="mfa_authenticate",
    ),
    path("sign-in/passkey/", webauthn.login_webauthn, name="mfa_login_webauthn"),
    path("sign-out/", views.SignOut.as_view(), name="sign-out"),
    # Password
    path("password/", views.PasswordChange.as_view(), name="account_change_password"),
    path(
        "password/forgotten/",
        account.PasswordResetView.as_view(template_name="accounts/password_forgotten.html"),
        name="account_reset_password",
    ),
    path(
        "password/forgotten/sent/",
        account.PasswordResetDoneView.as_view(template_name="accounts/password_sent.html"),
        name="account_reset_password_done",
    ),
    re_path(
        r"^password/new/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.PasswordNew.as_view(),
        name="account_reset_password_from_key",
    ),
    # Before something important
    path(
        "confirm/",
        account.ReauthenticateView.as_view(template_name="accounts/confirm.html"),
        name="account_reauthenticate",
    ),
    path(
        "confirm/code/",
        factor.ReauthenticateView.as_view(template_name="accounts/confirm.html"),
        name="mfa_reauthenticate",
    ),
    path(
        "confirm/passkey/",
        webauthn.ReauthenticateWebAuthnView.as_view(template_name="accounts/confirm.html"),
        name="mfa_reauthenticate_webauthn",
    ),
    # Second factor
    path("second-factor/", views.second_factor_detail, name="mfa_index"),
    path("second-factor/app/", views.AuthenticatorAdd.as_view(), name="mfa_activate_totp"),
    path(
        "second-factor/app/remove/",
        views.AuthenticatorRemove.as_view(),
        name="mfa_deactivate_totp",
    ),
    path("second-factor/passkeys/new/", views.PasskeyAdd.as_view(), name="mfa_add_webauthn"),
    path(
        "second-factor/passkeys/<int:pk>/",
        webauthn.EditWebAuthnView.as_view(
            template_name="accounts/passkey_edit.html", success_url=reverse_lazy("mfa_index")
        ),
        name="mfa_edit_webauthn",
    ),
    path(
        "second-factor/passkeys/<int:pk>/remove/",
        views.PasskeyRemove.as_view(),
        name="mfa_remove_webauthn",
    ),
    path(
        "second-factor/codes/",
        codes.ViewRecoveryCodesView.as_view(template_name="accounts/recovery_codes.html"),
        name="mfa_view_recovery_codes",
    ),
    path(
        "second-factor/codes/new/",
        views.RecoveryCodesNew.as_view(),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "second-factor/codes/download/",
        codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
]
