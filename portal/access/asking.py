"""Pages before an application: what asking for a dataset means, and the basket."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.access import applying
from portal.access.applying import AccessRefused
from portal.access.basket import (
    asking_organisation,
    in_basket,
    is_key,
    needs_permit_of_anyone,
    put,
    take_out,
)
from portal.access.deciding import MONTHS_TO_DECIDE
from portal.access.forms import BeginForm
from portal.access.models import Application, Permit
from portal.access.rule import needs_permit
from portal.access.states import ApplicationStatus
from portal.accounts.people import signed_in
from portal.catalogue.models import Dataset
from portal.organisations.acting import acting_for
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty


@require_http_methods(["GET", "POST"])
def access_ask(request: HttpRequest, slug: str) -> HttpResponse:
    """What asking for a dataset means; a POST puts it into the basket."""
    if request.method == "POST" and not request.user.is_authenticated:
        return redirect_to_login(reverse("access-ask", kwargs={"slug": slug}))
    visible = Dataset.objects.visible_to(request.user).select_related("organisation")
    dataset = get_object_or_404(visible, slug=slug)
    asker = asking_organisation(request)
    if request.method == "POST":
        return _into_basket(request, dataset, asker)
    holder = dataset.organisation
    context: dict[str, Any] = {
        "section": "access",
        "dataset": dataset,
        "holder": holder,
        "body": Organisation.objects.access_body_of(holder.country),
        "months": MONTHS_TO_DECIDE,
        "asker": asker,
        "needs_permit": needs_permit(dataset, asker) if asker else needs_permit_of_anyone(dataset),
        "is_in_basket": dataset in in_basket(request),
        **_known(request, dataset),
    }
    return render(request, "access/ask.html", context)


def _known(request: HttpRequest, dataset: Dataset) -> dict[str, Any]:
    """What the person's organisations have for the dataset already."""
    mine = Organisation.objects.where_member(request.user)
    under_way = Application.objects.filter(
        organisation__in=mine,
        datasets=dataset,
        status__in=(ApplicationStatus.DRAFT, ApplicationStatus.SUBMITTED),
    )
    permits = Permit.objects.in_force(timezone.localdate()).filter(
        organisation__in=mine, datasets=dataset
    )
    return {"applications": list(under_way[:5]), "permits": list(permits[:5])}


def _into_basket(
    request: HttpRequest, dataset: Dataset, asker: Organisation | None
) -> HttpResponse:
    if asker is None:
        raise PermissionDenied
    if not needs_permit(dataset, asker):
        messages.info(
            request,
            _("%(organisation)s uses “%(dataset)s” without a permit.")
            % {"organisation": asker, "dataset": dataset},
        )
        return redirect("access-ask", slug=dataset.slug)
    if not put(request, dataset):
        messages.error(
            request,
            _("An application asks for at most %(most)d datasets.")
            % {"most": applying.MOST_DATASETS},
        )
    return redirect("access-basket")


@login_required
@require_http_methods(["GET", "POST"])
def access_basket(request: HttpRequest) -> HttpResponse:
    """The datasets that were gathered, and the application that begins with them."""
    user = signed_in(request)
    if request.method == "POST" and "remove" in request.POST:
        take_out(request, [int(key) for key in request.POST.getlist("remove") if is_key(key)])
        return redirect("access-basket")
    datasets = in_basket(request)
    may_ask = Organisation.objects.where_may(user, Duty.ASK_ACCESS).exists()
    if request.method == "POST" and not may_ask:
        raise PermissionDenied
    form = BeginForm(request.POST or None, user=user, initial=acting_for(request))
    if request.method == "POST" and form.is_valid():
        try:
            application = applying.draft_application(
                organisation=form.cleaned_data["organisation"],
                title=form.cleaned_data["title"],
                datasets=datasets,
                by=user,
            )
        except AccessRefused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason)
        else:
            take_out(request, [dataset.pk for dataset in datasets])
            return redirect("application-edit", reference=application.reference, step="data")
    context = {"section": "access", "datasets": datasets, "form": form, "may_ask": may_ask}
    return render(request, "access/basket.html", context)
