"""Pages of permits, for their holders and for those who issued them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.access import changes, deeds, permits
from portal.access.deciding_forms import AmendForm, ExtendPermitForm, OutcomeForm
from portal.access.models import Outcome, Permit
from portal.access.permits import PermitRefused
from portal.access.register import publications_under
from portal.access.seeing import is_of, may_decide, seen_datasets
from portal.access.states import PermitStatus
from portal.accounts.people import signed_in
from portal.evaluations.models import Evaluation
from portal.evaluations.presentation import listed
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty
from portal.pagination import page_of

EVALUATIONS = 10
"""That ran under a permit and stand on its page; the list of results has the others."""


def permit_of(request: HttpRequest, number: str) -> Permit:
    """The permit in its newest version, if the person may see it (404)."""
    visible = Permit.objects.visible_to(request.user).current()
    related = visible.select_related(
        "organisation", "review__holder", "review__application__organisation", "issued_by"
    )
    return get_object_or_404(related, number=number)


@login_required
@require_GET
def permit_list(request: HttpRequest) -> HttpResponse:
    """The permits that one may see, each in its newest version."""
    today = timezone.localdate()
    rows = Permit.objects.visible_to(request.user).current()
    chosen = request.GET.get("show", "")
    if chosen == "in-force":
        rows = rows.in_force(today)
    elif chosen == "ended":
        rows = rows.ended(today)
    shows = {"": _("All"), "in-force": _("In force"), "ended": _("Ended")}
    context = {
        "section": "access",
        "page": page_of(request, rows.for_list()),
        "shows": list(shows.items()),
        "chosen": chosen if chosen in shows else "",
    }
    return render(request, "access/permit_list.html", context)


@login_required
@require_GET
def permit_detail(request: HttpRequest, number: str) -> HttpResponse:
    """What a permit allows, how long, and what came of it."""
    permit = permit_of(request, number)
    versions = (
        Permit.objects.filter(number=number)
        .order_by("version")
        .prefetch_related(
            "permitted_people__person", "permitted_model_versions__model_version__model"
        )
    )
    evaluations = Evaluation.objects.visible_to(request.user).filter(permit__number=number)
    context: dict[str, Any] = {
        "section": "access",
        "permit": permit,
        "review": permit.review,
        "seen": seen_datasets(request.user, permit),
        "people": [one.person for one in permit.permitted_people.select_related("person")],
        "model_versions": changes.model_versions_of(permit),
        "versions": changes.of_versions(versions)[::-1],
        "rows": [listed(one) for one in evaluations.for_list()[:EVALUATIONS]],
        "outcomes": list(Outcome.objects.filter(number=number)),
        "publications": publications_under([number]).get(number, []),
        "may_decide": may_decide(request.user, permit.review),
        "is_holder": is_of(request.user, permit.organisation),
        "may_tell": _may_tell(request, permit),
        "was_extended": any(one.is_extension for one in versions),
    }
    return render(request, "access/permit_detail.html", context)


def _may_tell(request: HttpRequest, permit: Permit) -> bool:
    """Whether the person says for the permit's holder what came of it."""
    writes = Organisation.objects.where_may(request.user, Duty.ASK_ACCESS)
    return writes.filter(pk=permit.organisation_id).exists()


def _decided(request: HttpRequest, number: str, *states: PermitStatus) -> Permit:
    """The permit, if the person may see it (404), decides on it (403), and it stands so (404)."""
    permit = permit_of(request, number)
    if not may_decide(request.user, permit.review):
        raise PermissionDenied
    is_over = permit.has_ended or permit.state not in states
    if request.method == "GET" and is_over:
        raise Http404("The permit has moved on.")
    return permit


def _reason_view(
    deed: deeds.Deed, act: Callable[..., object], *states: PermitStatus
) -> Callable[..., HttpResponse]:
    """A page on which those who decide do something to a permit, with a reason."""

    @login_required
    @require_http_methods(["GET", "POST"])
    def page(request: HttpRequest, number: str) -> HttpResponse:
        permit, user = _decided(request, number, *states), signed_in(request)
        return deeds.deed_page(
            request, deed, permit, lambda given: act(permit=permit, reason=given["text"], by=user)
        )

    return page


permit_suspend = _reason_view(deeds.SUSPEND, permits.suspend, PermitStatus.IN_FORCE)
permit_revoke = _reason_view(
    deeds.REVOKE, permits.revoke, PermitStatus.IN_FORCE, PermitStatus.SUSPENDED
)


@login_required
@require_POST
def permit_reinstate(request: HttpRequest, number: str) -> HttpResponse:
    """Put a suspended permit in force again."""
    permit = _decided(request, number)
    try:
        permits.reinstate(permit=permit, by=signed_in(request))
    except PermissionError as error:
        raise PermissionDenied from error
    except PermitRefused as refusal:
        for reason in refusal.reasons:
            messages.error(request, reason)
    return redirect(permit)


@login_required
@require_http_methods(["GET", "POST"])
def permit_extend(request: HttpRequest, number: str) -> HttpResponse:
    """Let a permit last longer, once."""
    permit, user = _decided(request, number, PermitStatus.IN_FORCE), signed_in(request)
    form = ExtendPermitForm(request.POST or None, until=permit.valid_until)
    return deeds.deed_page(
        request,
        deeds.PROLONG,
        permit,
        lambda given: permits.extend(permit=permit, by=user, **given),
        form,
    )


@login_required
@require_http_methods(["GET", "POST"])
def permit_amend(request: HttpRequest, number: str) -> HttpResponse:
    """Issue a new version with other people, model versions or conditions."""
    permit, user = _decided(request, number, PermitStatus.IN_FORCE), signed_in(request)
    form = AmendForm(request.POST or None, permit=permit)

    def act(given: dict[str, Any]) -> None:
        added = given.pop("added")
        people = {*given.pop("people"), *([added] if added else ())}
        permits.amend(permit=permit, people=people, by=user, **given)

    return deeds.deed_page(request, deeds.AMEND, permit, act, form)


@login_required
@require_http_methods(["GET", "POST"])
def permit_outcome(request: HttpRequest, number: str) -> HttpResponse:
    """Say in the public register what came of the permit."""
    permit, user = permit_of(request, number), signed_in(request)
    if not _may_tell(request, permit):
        raise PermissionDenied
    form = OutcomeForm(request.POST or None)
    return deeds.deed_page(
        request,
        deeds.OUTCOME,
        permit,
        lambda given: permits.tell_outcome(permit=permit, by=user, **given),
        form,
    )
