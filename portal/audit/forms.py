"""What the log is searched for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.audit.acts import Act
from portal.audit.models import Entry, EntryQuerySet
from portal.organisations.models import Organisation


class LogForm(forms.Form):
    """Filters of the log; each that is left empty lets everything through."""

    verb = forms.ChoiceField(
        label=_("Act"), required=False, choices=[("", _("Any act")), *Act.choices]
    )
    organisation = forms.ModelChoiceField(
        label=_("Done for"),
        required=False,
        queryset=Organisation.objects.all(),
        empty_label=_("Any organisation"),
    )
    first = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    last = forms.DateField(
        label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and last < first:
            self.add_error("last", _("The end lies before the start."))
        return cleaned

    def chosen(self) -> EntryQuerySet:
        """The entries that the filters let through; a filter that makes no sense lets all."""
        self.is_valid()
        found = Entry.objects.between(self.cleaned_data.get("first"), self.cleaned_data.get("last"))
        if verb := self.cleaned_data.get("verb"):
            found = found.filter(verb=verb)
        if organisation := self.cleaned_data.get("organisation"):
            found = found.filter(organisation=organisation)
        return found
