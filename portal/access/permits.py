"""What happens to permits: issue, suspend, revoke, extend, replace; and what their end does."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _

from portal.access import telling
from portal.access.models import (
    Outcome,
    Permit,
    PermittedDataset,
    PermittedModelVersion,
    PermittedPerson,
    Review,
)
from portal.access.states import PermitStatus
from portal.audit.actions import record
from portal.audit.acts import Act
from portal.evaluations.actions import stop_under, take_results_back
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty
from portal.registry.models import ModelVersion

if TYPE_CHECKING:
    from datetime import date

    from portal.access.deciding import Terms
    from portal.accounts.models import User


class PermitRefused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """That cannot be done to the permit now; ``reasons`` says why."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def new_number(country: str) -> str:
    """ "DK-2026-7K4QX2": the country, the year, and six characters that tell nothing else."""
    characters = get_random_string(6, "23456789ABCDEFGHJKMNPQRSTUVWXYZ")
    return f"{country}-{timezone.localdate().year}-{characters}"


def issue(*, review: Review, terms: Terms, by: User) -> Permit:
    """Write the permit that a review has granted; part of its transaction."""
    application = review.application
    permit = Permit.objects.create(
        number=new_number(review.country),
        review=review,
        organisation=application.organisation,
        title=application.title,
        summary=application.summary,
        purpose=application.purpose,
        any_model_version=application.any_model_version,
        valid_from=terms.valid_from,
        valid_until=terms.valid_until,
        conditions=terms.conditions.strip(),
        environment=terms.environment,
        fees=terms.fees.strip(),
        keeps_results=terms.keeps_results,
        issued_by=by,
    )
    granted = {dataset.pk for dataset in terms.datasets}
    _write(
        permit,
        {
            item.dataset_id: item.variables
            for item in review.items.all()
            if item.dataset_id in granted
        },
        [person.pk for person in terms.people or application.people_of_applicant()],
        [version.pk for version in application.model_versions.all()],
    )
    record(by=by, organisation=review.holder, verb=Act.ISSUED, obj=permit)
    return permit


def _write(
    permit: Permit,
    datasets: dict[int, list[str]],
    people: Collection[int],
    versions: Collection[int],
) -> None:
    """The rows beside a permit, which are written with it and never later."""
    PermittedDataset.objects.bulk_create(
        [
            PermittedDataset(permit=permit, dataset_id=dataset, variables=variables)
            for dataset, variables in datasets.items()
        ]
    )
    PermittedPerson.objects.bulk_create(
        [PermittedPerson(permit=permit, person_id=person) for person in people]
    )
    PermittedModelVersion.objects.bulk_create(
        [PermittedModelVersion(permit=permit, model_version_id=version) for version in versions]
    )


def _held(permit: Permit, by: User, *states: PermitStatus) -> Permit:
    """The permit, locked, if ``by`` decides on it and it stands in one of ``states``."""
    held = Permit.objects.locked().get(pk=permit.pk)
    if not Review.objects.decided_by(by).filter(pk=held.review_id).exists():
        raise PermissionError("Only the body that issued a permit does that.")
    if held.organisation.memberships.filter(user=by).exists():
        raise PermissionError("Nobody decides on a permit of their own organisation.")
    if held.state not in states:
        raise PermitRefused(
            [_("The permit is by now: %(status)s.") % {"status": held.get_status_display().lower()}]
        )
    if held.valid_until < timezone.localdate():
        raise PermitRefused([_("The permit has ended.")])
    return held


def _move(permit: Permit, status: PermitStatus, reason: str, act: Act, by: User) -> None:
    permit.status, permit.status_reason, permit.status_at = status, reason, Now()
    permit.save(update_fields=["status", "status_reason", "status_at"])
    permit.refresh_from_db()
    record(by=by, organisation=permit.review.holder, verb=act, obj=permit)


def _with_reason(reason: str) -> str:
    if not reason.strip():
        raise PermitRefused([_("Give the reason.")])
    return reason.strip()


@transaction.atomic
def suspend(*, permit: Permit, reason: str, by: User) -> None:
    """Let a permit allow nothing until it is reinstated; what waits and runs under it stops.

    Raises
    ------
    PermissionError, PermitRefused
        If ``by`` does not decide on it, it is not in force, or no reason is given.
    """
    held = _held(permit, by, PermitStatus.IN_FORCE)
    _move(held, PermitStatus.SUSPENDED, _with_reason(reason), Act.SUSPENDED, by)
    stop_under(held.number, f"The data permit {held.number} was suspended.")
    telling.suspended(held)


@transaction.atomic
def reinstate(*, permit: Permit, by: User) -> None:
    """End a suspension; what was stopped may be tried again.

    Raises
    ------
    PermissionError, PermitRefused
        If ``by`` does not decide on it, or it is not suspended.
    """
    held = _held(permit, by, PermitStatus.SUSPENDED)
    _move(held, PermitStatus.IN_FORCE, "", Act.REINSTATED, by)
    telling.reinstated(held)


@transaction.atomic
def revoke(*, permit: Permit, reason: str, by: User) -> None:
    """End a permit for good; what waits and runs under it stops, and what was found is kept or not.

    Raises
    ------
    PermissionError, PermitRefused
        If ``by`` does not decide on it, it has ended, or no reason is given.
    """
    held = _held(permit, by, PermitStatus.IN_FORCE, PermitStatus.SUSPENDED)
    _move(held, PermitStatus.REVOKED, _with_reason(reason), Act.REVOKED, by)
    _settle(held, f"The data permit {held.number} was revoked.")
    telling.revoked(held)


@transaction.atomic
def extend(*, permit: Permit, valid_until: date, by: User) -> Permit:
    """Let a permit last longer, once: a new version that is the same but for its last day.

    Raises
    ------
    PermissionError, PermitRefused
        If ``by`` does not decide on it, it is not in force, was extended, or would not last
        longer.
    """
    held = _held(permit, by, PermitStatus.IN_FORCE)
    reasons = []
    if Permit.objects.filter(number=held.number, is_extension=True).exists():
        reasons.append(_("The permit was extended already; that is done once."))
    if valid_until <= held.valid_until:
        reasons.append(_("The new last day must come after the present one."))
    if reasons:
        raise PermitRefused(reasons)
    return _replaced(held, by, valid_until=valid_until, is_extension=True)


@transaction.atomic
def amend(
    *,
    permit: Permit,
    people: Collection[User],
    model_versions: Collection[ModelVersion],
    any_model_version: bool,
    conditions: str,
    by: User,
) -> Permit:
    """Issue a new version with other people, model versions or conditions.

    Raises
    ------
    PermissionError, PermitRefused
        If ``by`` does not decide on it, it is not in force, or the people are not of its holder.
    """
    held = _held(permit, by, PermitStatus.IN_FORCE)
    members = set(held.organisation.memberships.values_list("user", flat=True))
    reasons = [
        _("%(person)s does not belong to %(organisation)s.")
        % {"person": person, "organisation": held.organisation}
        for person in people
        if person.pk not in members
    ]
    if not people:
        reasons.append(_("Name at least one person who will have access."))
    if not any_model_version and not model_versions:
        reasons.append(_("Name a model version, or permit any."))
    if reasons:
        raise PermitRefused(reasons)
    return _replaced(
        held,
        by,
        people=[person.pk for person in people],
        versions=[version.pk for version in model_versions],
        any_model_version=any_model_version,
        conditions=conditions.strip(),
    )


def _replaced(
    held: Permit,
    by: User,
    *,
    people: Collection[int] | None = None,
    versions: Collection[int] | None = None,
    **changes: object,
) -> Permit:
    """A new version of a permit, in the place of ``held``."""
    content: dict[str, object] = {
        name: getattr(held, name)
        for name in (
            "number", "review", "organisation", "title", "summary", "purpose", "any_model_version",
            "valid_from", "valid_until", "conditions", "environment", "fees", "keeps_results",
        )
    }  # fmt: skip
    _move(held, PermitStatus.REPLACED, "", Act.REPLACED, by)
    newer = Permit.objects.create(
        **(content | changes), version=held.version + 1, replaces=held, issued_by=by
    )
    _write(
        newer,
        {one.dataset_id: one.variables for one in held.permitted_datasets.all()},
        people if people is not None else [one.person_id for one in held.permitted_people.all()],
        versions
        if versions is not None
        else [one.model_version_id for one in held.permitted_model_versions.all()],
    )
    telling.replaced(newer)
    return newer


def _settle(permit: Permit, line: str) -> None:
    """Do what the end of a permit involves, and remember that it was done."""
    stop_under(permit.number, line)
    if not permit.keeps_results:
        take_results_back(permit.number, line)
    Permit.objects.filter(pk=permit.pk).update(settled_at=Now())


def settle_ended(day: date) -> int:
    """Do what the end of permits involves whose last day has passed; returns how many."""
    found = Permit.objects.current().filter(valid_until__lt=day, settled_at=None)
    done = 0
    for pk in found.order_by("valid_until").values_list("pk", flat=True)[:100]:
        with transaction.atomic():
            permit = Permit.objects.locked().filter(pk=pk, settled_at=None).first()
            if permit is not None:
                _settle(permit, f"The data permit {permit.number} has ended.")
                telling.ended(permit)
                done += 1
    return done


@transaction.atomic
def tell_outcome(*, permit: Permit, title: str, url: str, by: User) -> Outcome:
    """Say in the register what came of a permit.

    Raises
    ------
    PermissionError
        If ``by`` does not contribute to the permit's holder.
    """
    if not Organisation.objects.where_may(by, Duty.ASK_ACCESS).contains(permit.organisation):
        raise PermissionError("Only contributors of the permit's holder do that.")
    outcome = Outcome(number=permit.number, title=title.strip(), url=url, created_by=by)
    outcome.full_clean()
    outcome.save()
    record(by=by, organisation=permit.organisation, verb=Act.PUBLISHED, obj=permit)
    return outcome
