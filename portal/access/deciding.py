"""What the bodies do that decide on applications, and the holders that are asked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import permits, telling
from portal.access.applying import AccessRefused
from portal.access.models import Application, Message, Opinion, Review
from portal.access.models.review import months_after
from portal.access.states import UNDECIDED, ApplicationStatus, ReviewStatus
from portal.access.vocabulary import Environment
from portal.audit.actions import record
from portal.audit.acts import Act
from portal.catalogue.models import Dataset
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty

if TYPE_CHECKING:
    from datetime import date

    from portal.access.models import Permit
    from portal.accounts.models import User

MONTHS_TO_DECIDE = 3
"""From a complete application to the decision; once as many more (EHDS Article 68)."""


@dataclass(frozen=True)
class Terms:
    """What a body grants of an application."""

    valid_from: date
    valid_until: date
    datasets: Collection[Dataset]
    """Some of those that the review is about."""
    environment: Environment = Environment.HERE
    conditions: str = ""
    fees: str = ""
    keeps_results: bool = True
    people: Collection[User] = field(default_factory=tuple)
    """Some of those that the application names; empty for all."""


def _held(review: Review, by: User, *states: ReviewStatus) -> Review:
    """The review, locked, if ``by`` decides on it and it stands in one of ``states``.

    The application is locked first, as in every action that moves the two.

    Raises
    ------
    PermissionError
        If ``by`` does not decide on it.
    AccessRefused
        If it has moved on meanwhile.
    """
    Application.objects.locked().get(pk=review.application_id)
    held = Review.objects.locked().select_related("application").get(pk=review.pk)
    if not Review.objects.decided_by(by).contains(held):
        raise PermissionError("Only the body that decides on it does that.")
    if held.application.organisation.memberships.filter(user=by).exists():
        raise PermissionError("Nobody decides on an application of their own organisation.")
    if held.state not in states:
        raise AccessRefused(
            [_("The review is by now: %(status)s.") % {"status": held.get_status_display().lower()}]
        )
    return held


def _record(review: Review, act: Act, by: User) -> None:
    record(by=by, organisation=review.holder, verb=act, obj=review.application)


@transaction.atomic
def return_for_completion(*, review: Review, remarks: str, by: User) -> None:
    """Give an application back with what it lacks.

    Raises
    ------
    PermissionError, AccessRefused
        If ``by`` does not decide on it, no remark is made, or its completeness was found already.
    """
    held = _held(review, by, ReviewStatus.RECEIVED)
    if not remarks.strip():
        raise AccessRefused([_("Say what is missing.")])
    held.status = ReviewStatus.RETURNED
    held.save(update_fields=["status"])
    Message.objects.create(
        review=held, kind=Message.Kind.REMARK, text=remarks.strip(), created_by=by
    )
    _record(held, Act.RETURNED, by)
    telling.returned(held)


@transaction.atomic
def find_complete(*, review: Review, by: User) -> None:
    """Confirm that an application is complete: from now on the time for the decision counts.

    Raises
    ------
    PermissionError, AccessRefused
        If ``by`` does not decide on it, or that was done.
    """
    held = _held(review, by, ReviewStatus.RECEIVED)
    held.status = ReviewStatus.ASSESSED
    held.complete_at = Now()
    held.due_on = months_after(timezone.localdate(), MONTHS_TO_DECIDE)
    held.save(update_fields=["status", "complete_at", "due_on"])
    _record(held, Act.FOUND_COMPLETE, by)
    telling.complete(held)


@transaction.atomic
def extend_deadline(*, review: Review, reason: str, by: User) -> None:
    """Take three more months for the decision, once, with a reason.

    Raises
    ------
    PermissionError, AccessRefused
        If ``by`` does not decide on it, it is not being assessed, was extended, or has no reason.
    """
    held = _held(review, by, ReviewStatus.ASSESSED)
    if held.extended_at is not None:
        raise AccessRefused([_("The time for the decision was extended already.")])
    if not reason.strip():
        raise AccessRefused([_("Say why more time is needed.")])
    if held.due_on is None:
        raise RuntimeError("A review that is assessed has a day on which it is due.")
    held.due_on = months_after(held.due_on, MONTHS_TO_DECIDE)
    held.extended_at, held.extension_reason = Now(), reason.strip()
    held.save(update_fields=["due_on", "extended_at", "extension_reason"])
    _record(held, Act.EXTENDED, by)
    telling.extended(held)


@transaction.atomic
def ask(*, review: Review, question: str, by: User) -> Message:
    """Ask the applicant something, on the record.

    Raises
    ------
    PermissionError, AccessRefused
        If ``by`` does not decide on it, it has ended, or nothing is asked.
    """
    held = _held(review, by, *UNDECIDED)
    if not question.strip():
        raise AccessRefused([_("Write the question.")])
    message = Message.objects.create(
        review=held, kind=Message.Kind.QUESTION, text=question.strip(), created_by=by
    )
    _record(held, Act.QUESTIONED, by)
    telling.asked(held)
    return message


@transaction.atomic
def give_opinion(
    *, review: Review, organisation: Organisation, is_in_favour: bool, text: str, by: User
) -> Opinion:
    """Say for a holder what it thinks of an application for its data; once.

    Raises
    ------
    PermissionError, AccessRefused
        If ``by`` does not answer for the holder, it is not asked, has spoken, or there is a
        decision.
    """
    Application.objects.locked().get(pk=review.application_id)
    held = Review.objects.locked().get(pk=review.pk)
    may = Organisation.objects.where_may(by, Duty.ANSWER_ACCESS).contains(organisation)
    if (
        not may
        or not Review.objects.asking(by).contains(held)
        or organisation not in held.holders()
    ):
        raise PermissionError("Only managers of a holder that is asked give its opinion.")
    if held.state not in UNDECIDED:
        raise AccessRefused([_("There is a decision already.")])
    if held.opinions.filter(organisation=organisation).exists():
        raise AccessRefused([_("The opinion was given already.")])
    if not text.strip():
        raise AccessRefused([_("Give the reasons.")])
    opinion = Opinion.objects.create(
        review=held,
        organisation=organisation,
        is_in_favour=is_in_favour,
        text=text.strip(),
        created_by=by,
    )
    record(by=by, organisation=organisation, verb=Act.GAVE_OPINION, obj=held.application)
    telling.opinion_given(held)
    return opinion


@transaction.atomic
def refuse(*, review: Review, reasons: str, by: User) -> None:
    """Refuse the datasets of a review.

    Raises
    ------
    PermissionError, AccessRefused
        If ``by`` does not decide on it, it is not complete, or no reasons are given.
    """
    held = _held(review, by, ReviewStatus.ASSESSED)
    _decide(held, ReviewStatus.REFUSED, reasons, by)
    _record(held, Act.REFUSED, by)
    telling.decided(held, None)
    _end_if_decided(held.application)


@transaction.atomic
def grant(*, review: Review, terms: Terms, reasons: str, by: User) -> Permit:
    """Grant the datasets of a review, or some of them, and issue the permit.

    Raises
    ------
    PermissionError, AccessRefused
        If ``by`` does not decide on it, it is not complete, no reasons are given, or the terms
        go beyond what was asked for.
    """
    held = _held(review, by, ReviewStatus.ASSESSED)
    if problems := _beyond(held, terms):
        raise AccessRefused(problems)
    _decide(held, ReviewStatus.GRANTED, reasons, by)
    permit = permits.issue(review=held, terms=terms, by=by)
    _record(held, Act.GRANTED, by)
    telling.decided(held, permit)
    _end_if_decided(held.application)
    return permit


def _beyond(review: Review, terms: Terms) -> list[str]:
    """What the terms give that was not asked for, or cannot give."""
    asked = set(review.items.values_list("dataset", flat=True))
    problems = []
    if not terms.datasets or {dataset.pk for dataset in terms.datasets} - asked:
        problems.append(_("Grant at least one of the datasets that are asked for, and no other."))
    named = set(review.application.people_of_applicant().values_list("pk", flat=True))
    if {person.pk for person in terms.people} - named:
        problems.append(_("Only people whom the application names are permitted."))
    if not named:
        problems.append(
            _("Nobody whom the application names still belongs to %(organisation)s.")
            % {"organisation": review.application.organisation}
        )
    if terms.valid_until < terms.valid_from:
        problems.append(_("The permit ends before it begins."))
    if terms.valid_until > months_after(terms.valid_from, review.application.months or 0):
        problems.append(
            _("The application asks for %(months)d months; the permit would last longer.")
            % {"months": review.application.months or 0}
        )
    return problems


def _decide(review: Review, status: ReviewStatus, reasons: str, by: User) -> None:
    if not reasons.strip():
        raise AccessRefused([_("Give the reasons of the decision.")])
    review.status, review.reasons = status, reasons.strip()
    review.decided_at, review.decided_by = Now(), by
    review.save(update_fields=["status", "reasons", "decided_at", "decided_by"])


def _end_if_decided(application: Application) -> None:
    if not application.reviews.undecided().exists():
        application.status, application.ended_at = ApplicationStatus.DECIDED, Now()
        application.save(update_fields=["status", "ended_at", "changed_at"])
