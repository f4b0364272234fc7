"""Forms about organisations and their people. They only validate; actions write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib.auth.forms import SetPasswordMixin
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from portal.organisations.countries import COUNTRIES
from portal.organisations.models import Organisation
from portal.organisations.roles import SHARED_WITH, Role

if TYPE_CHECKING:
    from portal.accounts.models import User


class HttpsField(forms.URLField):
    """An address, which is one of HTTPS where it does not say."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"assume_scheme": "https", **given})


class OrganisationFilter(forms.Form):
    """Which organisations a list shows."""

    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[("", _("Any kind")), *Organisation.Kind.choices]
    )
    country = forms.ChoiceField(
        label=_("Country"), required=False, choices=[("", _("Any country")), *COUNTRIES]
    )


class DescriptionForm(forms.ModelForm):
    """What everybody reads of a partner, beside what it is and where."""

    class Meta:
        model = Organisation
        fields = ("website", "description", "description_fr", "description_da")
        field_classes: ClassVar = {"website": HttpsField}
        widgets: ClassVar = {
            name: forms.Textarea(attrs={"rows": rows})
            for name, rows in (("description", 8), ("description_fr", 5), ("description_da", 5))
        }


class RoleForm(forms.Form):
    """A person's role in an organisation."""

    role = forms.ChoiceField(label=_("Role"), choices=Role, widget=forms.RadioSelect)


class InvitationForm(RoleForm):
    """Whom to invite, and as what."""

    email = forms.EmailField(
        label=_("E-mail address"),
        help_text=_("The letter goes there, and only who reads it there can accept."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("email", "role")


class JoinForm(SetPasswordMixin, forms.Form):
    """The name and the password of somebody who was invited and has no account."""

    full_name = forms.CharField(
        label=_("Your name"),
        max_length=150,
        help_text=_("As others see it here."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password1, password2 = SetPasswordMixin.create_password_fields(
        label1=_("Password"), label2=_("Password again")
    )

    def __init__(self, *args: Any, account: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account

    def clean(self) -> dict[str, Any]:
        self.account.full_name = self.cleaned_data.get("full_name", "")
        self.validate_passwords()
        self.validate_password_for_user(self.account, "password1")
        return super().clean() or {}


class ShareForm(forms.Form):
    """With whom, and for what, an object is shared."""

    organisation = forms.ModelChoiceField(
        label=_("With"),
        queryset=Organisation.objects.none(),
        required=False,
        empty_label=_("Choose…"),
    )
    everyone = forms.BooleanField(
        label=_("With the whole consortium instead"),
        required=False,
        help_text=_("Every organisation that takes part, now and later."),
    )
    verbs = forms.MultipleChoiceField(
        label=_("They may"),
        required=False,
        choices=[(verb.value, verb.label) for verb in SHARED_WITH],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Nothing ticked ends the sharing."),
    )

    def __init__(self, *args: Any, owner: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["organisation"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = Organisation.objects.exclude(pk=owner.pk)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and bool(cleaned["organisation"]) == cleaned["everyone"]:
            # The broadest sharing is never what a careless click gives.
            raise ValidationError(
                _("Choose an organisation, or tick the whole consortium: one of the two.")
            )
        return cleaned
