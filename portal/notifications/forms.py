"""The form of a person's preferences."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.accounts.models import User
from portal.notifications.kinds import Kind
from portal.notifications.models import MailChoice


class PreferencesForm(forms.Form):
    """A language, and a box for each kind."""

    language = forms.ChoiceField(label=gettext_lazy("Language of e-mails"), required=False)

    def __init__(self, *args: Any, person: User, **named: Any) -> None:
        super().__init__(*args, **named)
        names = dict(settings.LANGUAGES)
        used = names[person.language_used or settings.LANGUAGE_CODE]
        language: Any = self.fields["language"]
        language.choices = [
            ("", _("The one I sign in with (%(language)s)") % {"language": used}),
            *settings.LANGUAGES,
        ]
        language.initial = person.language
        by_mail = MailChoice.objects.kinds_of(person)
        for kind in Kind:
            self.fields[kind] = forms.BooleanField(
                label=kind.label, help_text=kind.in_words, initial=kind in by_mail, required=False
            )

    @property
    def of_kinds(self) -> list[forms.BoundField]:
        """The boxes."""
        return [self[kind] for kind in Kind]

    @property
    def preferences(self) -> dict[str, Any]:
        """What was chosen, as :func:`portal.notifications.actions.prefer` takes it."""
        chosen = self.cleaned_data
        return {
            "language": chosen["language"],
            "by_mail": {kind for kind in Kind if chosen[kind]},
        }
