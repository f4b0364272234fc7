"""What is done with a text: a page that asks for it, and says what comes of it.

Returning an application, a question, a refusal, a suspension: each is one such page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from portal.access.applying import AccessRefused
from portal.access.models.application import LONGEST
from portal.access.permits import PermitRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse
    from django_stubs_ext import StrPromise


@dataclass(frozen=True)
class Deed:
    """Something that is done with a text."""

    title: StrPromise
    lead: StrPromise
    """What comes of it."""
    label: StrPromise
    """What the text is called."""
    button: StrPromise
    help: StrPromise | str = ""
    is_grave: bool = False
    """Whether something is lost by it."""


class TextForm(forms.Form):
    """A text, under the name that the deed gives it."""

    text = forms.CharField(max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 6}))

    def __init__(self, *args: Any, deed: Deed, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["text"].label, self.fields["text"].help_text = deed.label, str(deed.help)


def deed_page(
    request: HttpRequest,
    deed: Deed,
    about: Any,
    act: Callable[[dict[str, Any]], object],
    form: forms.BaseForm | None = None,
) -> HttpResponse:
    """The page of a deed about a review or a permit; done, it leads back there.

    Parameters
    ----------
    act
        Takes the cleaned data of the form.
    form
        Where more than a text is asked for.
    """
    if form is None:
        form = TextForm(request.POST or None, deed=deed)
    if request.method == "POST" and form.is_valid():
        try:
            act(form.cleaned_data)
        except PermissionError as error:
            raise PermissionDenied from error
        except (AccessRefused, PermitRefused) as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason)
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            return redirect(about)
    context = {"section": "access", "deed": deed, "about": about, "form": form}
    return render(request, "access/deed.html", context)


RETURN = Deed(
    _("Return the application"),
    _("The applicant completes it and sends it again. The time for the decision does not run."),
    _("What is missing"),
    _("Return it for completion"),
    _("The applicant reads it; it stays on the record."),
)
ASK = Deed(
    _("Ask the applicant"),
    _("Question and answer stay on the record. The time for the decision goes on running."),
    _("Question"),
    _("Ask"),
)
ANSWER = Deed(
    _("Answer"),
    _("Your answer stays on the record; whoever decides is told of it."),
    _("Your answer"),
    _("Answer"),
)
EXTEND = Deed(
    _("Take more time"),
    _("Three more months for the decision, once. The applicant is told why."),
    _("Why more time is needed"),
    _("Take three more months"),
)
REFUSE = Deed(
    _("Refuse the application?"),
    _("No permit is issued for these datasets. This cannot be undone; they may apply anew."),
    _("Reasons of the decision"),
    _("Refuse it"),
    _("The applicant and the holders read them."),
    is_grave=True,
)
OPINION = Deed(
    _("Give an opinion"),
    _("You say once what you think of the application. The access body decides."),
    _("Reasons"),
    _("Give the opinion"),
    _("The access body reads it now, the applicant once there is a decision."),
)
SUSPEND = Deed(
    _("Suspend the permit?"),
    _(
        "What waits in the queue under it is stopped, and no row can be seen, until you "
        "reinstate it."
    ),
    _("Reason"),
    _("Suspend it"),
    _("The permit’s holder reads it."),
    is_grave=True,
)
REVOKE = Deed(
    _("Revoke the permit?"),
    _("It allows nothing from this moment on. This cannot be undone."),
    _("Reason"),
    _("Revoke it"),
    _("The permit’s holder reads it."),
    is_grave=True,
)
PROLONG = Deed(
    _("Extend the permit"),
    _("A new version with a later last day. That is done once for a permit."),
    _("Reason"),
    _("Extend it"),
)
AMEND = Deed(
    _("Change the permit"),
    _("A permit is never edited: this issues a new version in its place, under the same number."),
    _("Reason"),
    _("Issue the new version"),
)
OUTCOME = Deed(
    _("Say what came of it"),
    _("A result that was made public, with its address. It stands in the public register."),
    _("Title"),
    _("Add it to the register"),
)
