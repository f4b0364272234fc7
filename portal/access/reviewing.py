"""Pages of reviews: what a body reads, asks and decides, and what a holder thinks of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.access import applying, changes, deciding, deeds
from portal.access.applying import AccessRefused
from portal.access.deciding_forms import GrantForm, OpinionForm
from portal.access.models import Opinion, Review
from portal.access.seeing import decides_on, is_of, may_decide, seen_items
from portal.access.states import UNDECIDED, ReviewStatus
from portal.access.views import content_context, may_write
from portal.accounts.people import signed_in
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty


def review_of(request: HttpRequest, pk: int) -> Review:
    """The review, if the person may see it (404)."""
    seen = Review.objects.seen_by(request.user)
    return get_object_or_404(seen.select_related("holder", "application__organisation"), pk=pk)


def _decided(request: HttpRequest, pk: int, *states: ReviewStatus) -> Review:
    """The review, if the person may see it (404), decide on it (403), and it stands so (404)."""
    review = review_of(request, pk)
    if not may_decide(request.user, review):
        raise PermissionDenied
    _require_state(request, review, *states)
    return review


def _require_state(request: HttpRequest, review: Review, *states: ReviewStatus) -> None:
    """Nothing to fill in where it cannot be done any more; who posts is told why not."""
    if request.method == "GET" and review.state not in states:
        raise Http404("The review has moved on.")


def asked_holders(request: HttpRequest, review: Review) -> Any:
    """The holders that are asked for an opinion, and for which the person may give it."""
    if review.holder_id is not None or review.state not in UNDECIDED:
        return Organisation.objects.none()
    mine = Organisation.objects.where_may(request.user, Duty.ANSWER_ACCESS)
    asked = mine.filter(pk__in=review.items.values("dataset__organisation"))
    return asked.exclude(pk__in=review.opinions.values("organisation")).order_by("name")


def _opinions(request: HttpRequest, review: Review, *, is_applicant: bool) -> list[Opinion]:
    """The body reads all; a holder its own; the applicant all, once there is a decision."""
    given = review.opinions.select_related("organisation")
    is_decided = review.state not in UNDECIDED
    if decides_on(request.user, review) or (is_applicant and is_decided):
        return list(given)
    return list(given.filter(organisation__in=Organisation.objects.where_member(request.user)))


@login_required
@require_GET
def review_detail(request: HttpRequest, review: int) -> HttpResponse:
    """What a body has before it: the application, what was said, and what is left to do."""
    found = review_of(request, review)
    application = found.application
    is_applicant = is_of(request.user, application.organisation)
    content = content_context(request, application)
    shown = {item.dataset.slug for item in content["seen"].items}
    submissions = application.submissions.order_by("number")
    context = content | {
        "section": "access",
        "review": found,
        "own": seen_items(request.user, application, found),
        "is_applicant": is_applicant,
        "may_write": may_write(request, application),
        "may_decide": may_decide(request.user, found),
        "is_undecided": found.state in UNDECIDED,
        "submissions": changes.of_submissions(submissions, shown)[::-1],
        "opinions": _opinions(request, found, is_applicant=is_applicant),
        "asked": asked_holders(request, found),
        "thread": list(found.messages.select_related("created_by")),
        "answer_form": deeds.TextForm(deed=deeds.ANSWER),
        "permits": [one for one in found.permits.all() if one.status != "replaced"],
    }
    return render(request, "access/review_detail.html", context)


@login_required
@require_POST
def review_complete(request: HttpRequest, review: int) -> HttpResponse:
    """Find the application complete: the time for the decision runs from now on."""
    found, user = _decided(request, review), signed_in(request)
    try:
        deciding.find_complete(review=found, by=user)
    except PermissionError as error:
        raise PermissionDenied from error
    except AccessRefused as refusal:
        for reason in refusal.reasons:
            messages.error(request, reason)
    else:
        messages.success(request, _("The application is complete; the time for the decision runs."))
    return redirect(found)


def _text_view(
    deed: deeds.Deed, act: Callable[..., object], name: str, *states: ReviewStatus
) -> Callable[..., HttpResponse]:
    """A page on which those who decide do something with a text: ``act`` takes it as ``name``."""

    @login_required
    @require_http_methods(["GET", "POST"])
    def page(request: HttpRequest, review: int) -> HttpResponse:
        found, user = _decided(request, review, *states), signed_in(request)
        return deeds.deed_page(
            request, deed, found, lambda given: act(review=found, by=user, **{name: given["text"]})
        )

    return page


review_return = _text_view(
    deeds.RETURN, deciding.return_for_completion, "remarks", ReviewStatus.RECEIVED
)
review_ask = _text_view(deeds.ASK, deciding.ask, "question", *UNDECIDED)
review_extend = _text_view(deeds.EXTEND, deciding.extend_deadline, "reason", ReviewStatus.ASSESSED)
review_refuse = _text_view(deeds.REFUSE, deciding.refuse, "reasons", ReviewStatus.ASSESSED)


@login_required
@require_http_methods(["GET", "POST"])
def review_answer(request: HttpRequest, review: int) -> HttpResponse:
    """Answer on the record what the body asked."""
    found, user = review_of(request, review), signed_in(request)
    if not may_write(request, found.application):
        raise PermissionDenied
    _require_state(request, found, *UNDECIDED)
    return deeds.deed_page(
        request,
        deeds.ANSWER,
        found,
        lambda given: applying.answer(review=found, text=given["text"], by=user),
    )


@login_required
@require_http_methods(["GET", "POST"])
def review_opinion(request: HttpRequest, review: int) -> HttpResponse:
    """Say for a holder what it thinks of the application."""
    found, user = review_of(request, review), signed_in(request)
    holders = asked_holders(request, found)
    if not holders.exists():
        raise PermissionDenied
    form = OpinionForm(request.POST or None, holders=holders)
    return deeds.deed_page(
        request,
        deeds.OPINION,
        found,
        lambda given: deciding.give_opinion(review=found, by=user, **given),
        form,
    )


@login_required
@require_http_methods(["GET", "POST"])
def review_grant(request: HttpRequest, review: int) -> HttpResponse:
    """Grant the datasets, or some of them, and issue the permit."""
    found = _decided(request, review, ReviewStatus.ASSESSED)
    form = GrantForm(request.POST or None, review=found)
    if request.method == "POST" and form.is_valid():
        try:
            permit = deciding.grant(
                review=found,
                terms=form.terms(),
                reasons=form.cleaned_data["reasons"],
                by=signed_in(request),
            )
        except PermissionError as error:
            raise PermissionDenied from error
        except AccessRefused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason)
        else:
            messages.success(request, _("The permit is issued; the applicant is told."))
            return redirect(permit)
    context = {"section": "access", "review": found, "form": form}
    return render(request, "access/review_grant.html", context)
