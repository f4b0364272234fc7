"""The name of a saved search."""

from __future__ import annotations

from django import forms

from portal.searches.models import SavedSearch


class NameForm(forms.ModelForm):
    """What a person calls a search; its uniqueness is checked where it is written."""

    class Meta:
        model = SavedSearch
        fields = ("name",)

    def validate_unique(self) -> None:
        """Left to the action, which knows whose it is."""
