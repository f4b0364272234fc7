"""The page that shares a dataset or a model: the same for both."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from portal.accounts.people import signed_in
from portal.organisations.forms import ShareForm
from portal.organisations.roles import Verb
from portal.organisations.sharing import set_public, share, shared_with
from portal.usecase import UseCase


def share_page(request: HttpRequest, obj: Any, *, use_case: UseCase, section: str) -> HttpResponse:
    """Share ``obj`` with an organisation, the consortium or, its description, with everybody."""
    user = signed_in(request)
    if request.method == "POST" and "public" in request.POST:
        set_public(obj=obj, public=request.POST["public"] == "yes", by=user)
        messages.success(request, _("The sharing is changed."))
        return redirect(request.path)
    form = ShareForm(request.POST or None, owner=obj.organisation)
    if request.method == "POST" and form.is_valid():
        share(
            obj=obj,
            verbs=[Verb(value) for value in form.cleaned_data["verbs"]],
            organisation=form.cleaned_data["organisation"],
            by=user,
        )
        messages.success(request, _("The sharing is changed."))
        return redirect(request.path)
    context = {
        "use_case": use_case,
        "section": section,
        "shared": obj,
        "shared_with": shared_with(obj),
        "form": form,
        "missing": [] if obj.is_public or not hasattr(obj, "missing") else obj.missing(),
    }
    return render(request, use_case.templates("organisations/share.html"), context)
