"""Pages of organisations, and for which of them a person acts."""

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from portal.catalogue.completeness import (
    Completeness,
    completeness_of_all,
    for_completeness,
)
from portal.catalogue.models import Dataset
from portal.organisations.acting import act_for, acting_organisations
from portal.organisations.forms import OrganisationFilter
from portal.organisations.models import Membership, Organisation
from portal.organisations.roles import MAY, ConsortiumRole, Duty, Role, SiteRole, Verb
from portal.pagination import page_of, words_of
from portal.registry.models import Model
from portal.showcase.structured import organisation_data

SHOWN = 6
"""Datasets and models on an organisation's page; the lists hold the rest."""


@login_required
@require_POST
def acting_organisation_choose(request: HttpRequest) -> HttpResponse:
    """Act for another organisation, and go on where one was."""
    wanted = request.POST.get("organisation", "")
    found = next((one for one in acting_organisations(request) if str(one.pk) == wanted), None)
    if found is None:
        raise Http404
    act_for(request, found)
    messages.success(request, _("You act for %(organisation)s now.") % {"organisation": found})
    onward = request.POST.get("next", "")
    return redirect(onward if get_adapter().is_safe_url(onward) else "account-detail")


@require_GET
def organisation_list(request: HttpRequest) -> HttpResponse:
    """Every partner: its name, what it is, where it is."""
    form = OrganisationFilter(request.GET)
    form.is_valid()
    chosen = {name: value for name, value in form.cleaned_data.items() if value}
    words = words_of(request)
    rows = Organisation.objects.matching(words).filter(**chosen)
    context = {
        "section": "organisations",
        "places": Organisation.objects.places(),
        "form": form,
        "words": words,
        "is_filtered": bool(words or chosen),
        "page": page_of(request, rows),
    }
    return render(request, "organisations/organisation_list.html", context)


@require_GET
def organisation_roles(request: HttpRequest) -> HttpResponse:
    """Which role may do what: the table that the site itself goes by."""
    groups = [
        (_("In an organisation"), list(Role)),
        (_("Across the consortium, and for the site"), [*ConsortiumRole, *SiteRole]),
    ]
    tables = []
    for title, roles in groups:
        given = [one for one in (*Verb, *Duty) if any(one in MAY[role] for role in roles)]
        rows = [(one, [one in MAY[role] for role in roles]) for one in given]
        tables.append((title, roles, rows))
    context = {"section": "organisations", "tables": tables}
    return render(request, "organisations/organisation_roles.html", context)


def _described(organisation: Organisation) -> Completeness | None:
    """How well its datasets are described, for its members, who see each of them."""
    return completeness_of_all(for_completeness(organisation.datasets.order_by("title", "id")))


@require_GET
def organisation_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """What everybody may know of a partner; to its members, who they are."""
    organisation = get_object_or_404(Organisation, slug=slug)
    mine = Organisation.objects.where_may(request.user, Duty.SEE_PEOPLE).contains(organisation)
    manages = Organisation.objects.where_may(request.user, Duty.MANAGE_PEOPLE)
    belongs = mine or (
        request.user.is_authenticated
        and organisation.memberships.filter(user=request.user).exists()
    )
    people = organisation.memberships.select_related("user").by_role()
    datasets = Dataset.objects.visible_to(request.user).filter(organisation=organisation)
    models = Model.objects.visible_to(request.user).filter(organisation=organisation)
    context = {
        "section": "organisations",
        "organisation": organisation,
        "structured": organisation_data(organisation, request.build_absolute_uri),
        "datasets": datasets[:SHOWN],
        "described": _described(organisation) if mine else None,
        "models": models[:SHOWN],
        "is_mine": mine,
        "is_locked_out": belongs and not mine,
        "manages": mine and manages.contains(organisation),
        "page": page_of(request, people if mine else Membership.objects.none()),
        "invitations": organisation.member_invitations.unanswered() if mine else [],
    }
    return render(request, "organisations/organisation_detail.html", context)
