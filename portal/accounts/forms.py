"""Forms of the account pages: django-allauth's in the words and looks of this site, and our own."""

import struct
from typing import Any

from allauth.account.forms import (
    ChangePasswordForm,
    LoginForm,
    ReauthenticateForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
)
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateByCodeForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.accounts.actions import record_refusal
from portal.accounts.adapters import AccountAdapter, SecondFactorAdapter
from portal.accounts.models import ApiToken, User


def _plain(form: forms.BaseForm, **labels: Any) -> None:
    """Give the fields the labels, and no placeholders that repeat them."""
    for name, field in form.fields.items():
        field.widget.attrs.pop("placeholder", None)
        field.label = labels.get(name, field.label)


class SignInForm(LoginForm):
    """Sign-in by e-mail address; the answer is the same whether or not the account exists."""

    error_title = _("You are not signed in")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self, login=_("E-mail address"), password=_("Password"))
        self.fields["password"].help_text = ""
        self.fields["login"].widget.attrs |= {"autocomplete": "username", "autofocus": True}


class ForgottenPasswordForm(ResetPasswordForm):
    """Sends a letter in any case: with a link, or saying that there is no password to reset."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self, email=_("E-mail address"))

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        found = User.objects.filter(email__iexact=email, is_active=True)
        # Whose provider vouches for them has no password, and gets none behind its back.
        self.users = [user for user in found if user.has_usable_password()]
        return email

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        if self.users:
            return str(super().save(request, **kwargs))
        email: str = self.cleaned_data["email"]
        AccountAdapter(request).send_mail("account/email/unknown_account", email, {})
        return email


class NewPasswordForm(ResetPasswordKeyForm):
    """The new password of who came by the letter's link."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self, password1=_("New password"), password2=_("New password again"))


class PasswordForm(ChangePasswordForm):
    """Another password; sessions elsewhere end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(
            self,
            oldpassword=_("Present password"),
            password1=_("New password"),
            password2=_("New password again"),
        )
        self.fields["oldpassword"].help_text = ""


class ConfirmPasswordForm(ReauthenticateForm):
    """The password once more, before something important."""

    error_title = _("Not confirmed")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self, password=_("Password"))
        self.fields["password"].help_text = ""
        self.fields["password"].widget.attrs["autofocus"] = True


CODE_HELP = _("The six digits that your authenticator app shows, or a recovery code.")


class SecondFactorForm(AuthenticateForm):
    """The code after the password."""

    error_title = _("You are not signed in yet")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self, code=_("Code"))
        self.fields["code"].help_text = CODE_HELP
        self.fields["code"].widget.attrs |= {"autofocus": True, "inputmode": "numeric"}

    def _emit_authentication_failed(self, authenticator: Authenticator) -> None:
        super()._emit_authentication_failed(authenticator)
        record_refusal(person=self.user, because="the code after the right password was wrong")


class ConfirmCodeForm(ReauthenticateByCodeForm):
    """A code, before something important."""

    error_title = _("Not confirmed")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self, code=_("Code"))
        self.fields["code"].help_text = CODE_HELP
        self.fields["code"].widget.attrs |= {"autofocus": True, "inputmode": "numeric"}


class AuthenticatorForm(ActivateTOTPForm):
    """The first code of an authenticator app: it proves that the app has the secret."""

    error_title = _("The app is not set up yet")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self, code=_("Code"))
        self.fields["code"].help_text = _("The six digits that the app shows now.")
        self.fields["code"].widget.attrs["inputmode"] = "numeric"


class ReadCredential:
    """What is no credential at all is refused like one that does not fit, and breaks nothing."""

    BROKEN = (AttributeError, LookupError, TypeError, ValueError, struct.error)

    def clean_credential(self) -> Any:
        try:
            return super().clean_credential()  # type: ignore[misc]
        except self.BROKEN as error:
            raise SecondFactorAdapter().validation_error("incorrect_code") from error


class PasskeySignInForm(ReadCredential, LoginWebAuthnForm):
    """A passkey in place of the password."""


class PasskeySecondFactorForm(ReadCredential, AuthenticateWebAuthnForm):
    """A passkey after the password."""


class ConfirmPasskeyForm(ReadCredential, ReauthenticateWebAuthnForm):
    """A passkey, before something important."""


class PasskeyForm(AddWebAuthnForm):
    """A new passkey; the browser fills in the credential."""

    error_title = _("The passkey was not added")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name")
        self.fields["name"].required = True
        self.fields["name"].help_text = _("By which you tell it from others: “My laptop”.")
        self.fields["name"].widget.attrs["maxlength"] = 80
        self.fields["passwordless"].label = _("Sign in with this passkey alone")
        self.fields["passwordless"].help_text = _(
            "The device then asks for your fingerprint, face or PIN in place of the password."
        )
        self.fields["passwordless"].initial = True

    def clean(self) -> dict[str, Any]:
        try:
            cleaned: dict[str, Any] = super().clean()
        except ReadCredential.BROKEN as error:
            raise SecondFactorAdapter().validation_error("incorrect_code") from error
        return cleaned


class PasskeyNameForm(EditWebAuthnForm):
    """Another name of a passkey."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name")
        self.fields["name"].widget.attrs["maxlength"] = 80


class NameForm(forms.ModelForm):
    """How a person is called here."""

    class Meta:
        model = User
        fields = ("full_name",)


class TokenForm(forms.Form):
    """A new API token: what it is for, what it may do, and when it ends."""

    DAYS = ((30, _("30 days")), (90, _("90 days")), (365, _("A year")))

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_("What uses it: “Nightly upload, registry server”."),
    )
    scope = forms.ChoiceField(
        label=_("It may"),
        choices=ApiToken.Scope,
        initial=ApiToken.Scope.READ,
        widget=forms.RadioSelect,
        help_text=_("Reading is enough for most programs."),
    )
    days = forms.TypedChoiceField(
        label=_("Valid for"), choices=DAYS, coerce=int, initial=90, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if ApiToken.objects.filter(user=self.user, name=name).exists():
            raise forms.ValidationError(_("You have a token of this name. Choose another name."))
        return name
