"""Forms of applications. They only validate; actions write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.catalogue.forms import only_organisations_of
from portal.organisations.models import Organisation

if TYPE_CHECKING:
    from portal.accounts.models import User


class BeginForm(forms.Form):
    """For whom an application is begun, and what it is called."""

    organisation = forms.ModelChoiceField(
        label=_("Applicant"),
        queryset=Organisation.objects.none(),
        help_text=_("The organisation that answers for what is done with the data."),
    )
    title = forms.CharField(
        label=_("Title"),
        max_length=200,
        help_text=_("What the work is about, in a few words; you can change it later."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        only_organisations_of(self, user)
