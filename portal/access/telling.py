"""Whom to tell what, as applications and permits move."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils.translation import gettext_noop, override

from portal.notifications.actions import no_longer_waits, notify
from portal.notifications.kinds import Kind
from portal.organisations.models import Appointment, Membership
from portal.organisations.roles import Duty, Role, consortium_roles, lowest_role

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from portal.access.models import Application, Permit, Review
    from portal.accounts.models import User
    from portal.organisations.models import Organisation


def _members(organisation: Organisation, duty: Duty) -> QuerySet[User]:
    """The people of an organisation who may do what the table of roles calls ``duty``."""
    order = list(Role)
    roles = order[order.index(lowest_role(duty)) :]
    held = Membership.objects.in_force().filter(organisation=organisation, role__in=roles)
    return get_user_model().objects.filter(is_active=True, memberships__in=held).distinct()


def _deciding(review: Review) -> QuerySet[User]:
    """The people who decide on a review."""
    if review.holder is not None and review.holder.is_trusted_holder:
        return _members(review.holder, Duty.ANSWER_ACCESS)
    appointed = Appointment.objects.filter(
        role__in=consortium_roles(Duty.DECIDE_ACCESS), country=review.country
    )
    return get_user_model().objects.filter(is_active=True, appointments__in=appointed).distinct()


def _applying(application: Application) -> QuerySet[User]:
    return _members(application.organisation, Duty.ASK_ACCESS)


def _of(permit: Permit) -> QuerySet[User]:
    """The people whom a permit concerns: those it names, and who applied."""
    return (
        get_user_model()
        .objects.filter(is_active=True)
        .filter(
            Q(pk__in=permit.people.values("pk"))
            | Q(pk__in=_members(permit.organisation, Duty.ASK_ACCESS).values("pk"))
        )
    )


def _tell(
    to: Iterable[User],
    kind: Kind,
    sentence: str,
    about: Application | Permit,
    once: str = "",
    **words: object,
) -> None:
    with override("en"):
        url = about.get_absolute_url()
        said = {name: str(value) for name, value in words.items()}
    notify(to=to, kind=kind, sentence=sentence, words=said, url=url, once=once)


def arrived(application: Application, reviews: Iterable[Review]) -> None:
    """Tell who decides, and the holders that are asked, that an application waits for them."""
    for review in reviews:
        _tell(
            _deciding(review),
            Kind.WAITING,
            gettext_noop("%(applicant)s has sent an application that waits for you: “%(title)s”."),
            application,
            applicant=application.organisation,
            title=application.title,
        )
        for holder in review.holders() if review.holder is None else ():
            _tell(
                _members(holder, Duty.ANSWER_ACCESS),
                Kind.WAITING,
                gettext_noop(
                    "%(applicant)s has applied for data of %(holder)s: “%(title)s”. Your opinion "
                    "is asked for."
                ),
                application,
                applicant=application.organisation,
                holder=holder,
                title=application.title,
            )


def withdrawn(application: Application, reviews: Iterable[Review]) -> None:
    for review in reviews:
        _no_longer_waits(review)
        _tell(
            _deciding(review),
            Kind.DECISION,
            gettext_noop("%(applicant)s has withdrawn its application “%(title)s”."),
            application,
            applicant=application.organisation,
            title=application.title,
        )


def answered(review: Review) -> None:
    _tell(
        _deciding(review),
        Kind.QUESTION,
        gettext_noop("%(applicant)s has answered in its application “%(title)s”."),
        review.application,
        applicant=review.application.organisation,
        title=review.application.title,
    )


def asked(review: Review) -> None:
    _tell_applicant(
        review,
        Kind.QUESTION,
        gettext_noop("%(body)s asks something about your application “%(title)s”."),
    )


def returned(review: Review) -> None:
    _tell_applicant(
        review,
        Kind.WAITING,
        gettext_noop("%(body)s has returned your application “%(title)s” for completion."),
    )


def complete(review: Review) -> None:
    _tell_applicant(
        review,
        Kind.DECISION,
        gettext_noop("%(body)s has found your application “%(title)s” complete."),
    )


def extended(review: Review) -> None:
    _tell_applicant(
        review,
        Kind.DECISION,
        gettext_noop("%(body)s takes three more months to decide on “%(title)s”."),
    )


def opinion_given(review: Review) -> None:
    _tell(
        _deciding(review),
        Kind.WAITING,
        gettext_noop("A holder has given its opinion on “%(title)s”."),
        review.application,
        title=review.application.title,
    )


def decided(review: Review, permit: Permit | None) -> None:
    """Tell the applicant, and the holders, what was decided; it waits for nobody there any more."""
    _no_longer_waits(review)
    sentence = (
        gettext_noop("%(body)s has granted “%(title)s”; the data permit is issued.")
        if permit
        else gettext_noop("%(body)s has refused “%(title)s”.")
    )
    _tell_applicant(review, Kind.DECISION, sentence)
    for holder in review.holders():
        _tell(
            _members(holder, Duty.ANSWER_ACCESS),
            Kind.DECISION,
            sentence,
            review.application,
            body=review.body,
            title=review.application.title,
        )


def _no_longer_waits(review: Review) -> None:
    with override("en"):
        url = review.application.get_absolute_url()
    no_longer_waits(url=url, among=_deciding(review))
    for holder in review.holders():
        no_longer_waits(url=url, among=_members(holder, Duty.ANSWER_ACCESS))


def _tell_applicant(review: Review, kind: Kind, sentence: str) -> None:
    _tell(
        _applying(review.application),
        kind,
        sentence,
        review.application,
        body=review.body,
        title=review.application.title,
    )


def of_permit(
    permit: Permit, kind: Kind, sentence: str, *, once: str = "", **words: object
) -> None:
    """Tell the people whom a permit concerns."""
    said = {"number": permit.number, "title": permit.title, **words}
    _tell(_of(permit), kind, sentence, permit, once, **said)


def due(review: Review, *, once: str) -> None:
    """Remind those who decide that a decision is due."""
    _tell(
        _deciding(review),
        Kind.WAITING,
        gettext_noop("The decision on “%(title)s” is due on %(day)s."),
        review.application,
        once,
        title=review.application.title,
        day=review.due_on.isoformat() if review.due_on else "",
    )


def _tell_of_permit(permit: Permit, sentence: str) -> None:
    of_permit(permit, Kind.DECISION, sentence)


def suspended(permit: Permit) -> None:
    _tell_of_permit(permit, gettext_noop("The data permit %(number)s (“%(title)s”) is suspended."))


def reinstated(permit: Permit) -> None:
    _tell_of_permit(
        permit, gettext_noop("The data permit %(number)s (“%(title)s”) is in force again.")
    )


def revoked(permit: Permit) -> None:
    _tell_of_permit(permit, gettext_noop("The data permit %(number)s (“%(title)s”) is revoked."))


def replaced(permit: Permit) -> None:
    _tell_of_permit(
        permit, gettext_noop("There is a new version of the data permit %(number)s (“%(title)s”).")
    )


def ended(permit: Permit) -> None:
    _tell_of_permit(permit, gettext_noop("The data permit %(number)s (“%(title)s”) has ended."))
