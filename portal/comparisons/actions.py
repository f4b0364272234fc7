"""Writes about comparisons: start, finish, fail, cancel."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.rule import usable_by
from portal.audit.actions import record
from portal.audit.acts import Act
from portal.catalogue.models import Dataset
from portal.comparisons.models import ComparedEvaluation, Comparison, StoredComparison
from portal.comparisons.pairing import comparison_fingerprint, obstacles
from portal.evaluations.actions import rights_reasons, use_of
from portal.evaluations.models import Evaluation
from portal.jobs.models import Status
from portal.jobs.tasks import wake
from portal.organisations.actions import administers
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty, Role, Verb
from portal.organisations.sharing import may
from portal.result import Comparison as ComparisonResult

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User


class ComparisonRefused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """A comparison cannot be started; the sentences say why."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def organisation_for(
    user: User | AnonymousUser, evaluations: Sequence[Evaluation]
) -> Organisation | None:
    """The organisation for which ``user`` may compare the models anew; None if there is none.

    It is one of which they are a contributor, and which may evaluate every dataset and model; so
    may they themselves.
    """
    if not isinstance(user, get_user_model()):
        return None
    for one in evaluations:
        if not usable_by(user, Dataset.objects.filter(pk=one.dataset_id)).exists():
            return None
        if not may(user, Verb.EVALUATE, one.model_version.model):
            return None
    for organisation in Organisation.objects.where_member(user, Role.CONTRIBUTOR):
        if not rights_of(organisation, user, evaluations):
            return organisation
    return None


def rights_of(
    organisation: Organisation, person: User, evaluations: Sequence[Evaluation]
) -> list[str]:
    """What the organisation, and ``person`` for it, may not use of what would be compared."""
    reasons = [
        reason
        for one in evaluations
        for reason in rights_reasons(replace(use_of(one), organisation=organisation, person=person))
    ]
    return list(dict.fromkeys(reasons))


@transaction.atomic
def start_comparison(*, evaluations: Sequence[Evaluation], by: User) -> Comparison:
    """Start comparing the models of ``evaluations``, or return the comparison that exists.

    One that failed or was cancelled is queued again.

    Raises
    ------
    PermissionError
        If ``by`` may not see all of them, or not evaluate their dataset and models.
    ComparisonRefused
        With the reasons why they cannot be compared on the same people.
    """
    seen = Evaluation.objects.visible_to(by).filter(pk__in=[one.pk for one in evaluations])
    organisation = organisation_for(by, evaluations)
    if seen.count() < len(evaluations) or organisation is None:
        raise PermissionError("Only who may evaluate all of them compares them anew.")
    first = evaluations[0]
    task = first.declared_task
    if reasons := obstacles(task, evaluations):
        raise ComparisonRefused(reasons)
    comparison, is_new = Comparison.objects.get_or_create(
        fingerprint=comparison_fingerprint(task, evaluations),
        defaults={
            "use_case": first.use_case,
            "task": task.slug,
            "organisation": organisation,
            "submitted_by": by,
            "protocol": first.protocol,
            "engine": task.engine,
        },
    )
    if not is_new:
        if not Comparison.objects.put_back(comparison.pk):
            return comparison
        # Whoever tries again answers for it, with evaluations that they see.
        Comparison.objects.filter(pk=comparison.pk).update(
            organisation=organisation, submitted_by=by
        )
        ComparedEvaluation.objects.filter(comparison=comparison).delete()
        comparison.refresh_from_db()
    ComparedEvaluation.objects.bulk_create(
        ComparedEvaluation(comparison=comparison, evaluation=one, position=position)
        for position, one in enumerate(evaluations)
    )
    record(by=by, organisation=organisation, verb=Act.SUBMITTED, obj=comparison)
    _wake_on_commit(comparison.pk)
    return comparison


def _wake_on_commit(pk: int) -> None:
    from portal.comparisons.tasks import run_comparison  # which imports this module

    transaction.on_commit(lambda: wake(run_comparison, pk))


@transaction.atomic
def save_comparison(*, comparison: Comparison, content: bytes) -> None:
    """End a held comparison with what was found.

    Raises
    ------
    StaleWorkerError
        If the worker no longer holds it; nothing is written.
    """
    ComparisonResult.model_validate_json(content)
    stored, _created = StoredComparison.objects.get_or_create(
        fingerprint=comparison.fingerprint,
        defaults={"content": content, "sha256": hashlib.sha256(content).hexdigest()},
    )
    Comparison.objects.finish(comparison, Status.SUCCEEDED, stored_comparison=stored)


def fail_comparison(*, comparison: Comparison, sentence: str, detail: str = "") -> None:
    """End a held comparison with the reason; raises as :func:`save_comparison`."""
    Comparison.objects.finish(comparison, Status.FAILED, failure=sentence, failure_detail=detail)


@transaction.atomic
def hand_back(*, comparison: Comparison) -> None:
    """Queue a held comparison again because its worker stops; nothing if it is not held."""
    if Comparison.objects.hand_back(comparison):
        _wake_on_commit(comparison.pk)


def given_up(pk: int) -> None:
    """The sweep has failed the comparison: nobody waits for it but its page, which says so."""


@transaction.atomic
def cancel_comparison(*, comparison: Comparison, by: User) -> bool:
    """Cancel a comparison that is not finished; its worker stops within seconds.

    Raises
    ------
    PermissionError
        If ``by`` is not a contributor of the organisation that started it.
    """
    organisation = _acting_for(comparison, by)
    if not Comparison.objects.cancel(comparison.pk):
        return False
    record(by=by, organisation=organisation, verb=Act.CANCELLED, obj=comparison)
    return True


@transaction.atomic
def retry_comparison(*, comparison: Comparison, by: User) -> bool:
    """Queue a failed or cancelled comparison again, for the organisation that started it.

    Raises
    ------
    PermissionError
        If ``by`` is not a contributor of that organisation.
    ComparisonRefused
        If the organisation may no longer use the dataset or a model.
    """
    organisation = _acting_for(comparison, by)
    person = comparison.submitted_by if organisation is None else by
    if reasons := rights_of(comparison.organisation, person, comparison.in_order()):
        raise ComparisonRefused(reasons)
    if not Comparison.objects.put_back(comparison.pk):
        return False
    if organisation is not None:  # whoever tries again answers for it
        Comparison.objects.filter(pk=comparison.pk).update(submitted_by=by)
    record(by=by, organisation=organisation, verb=Act.RETRIED, obj=comparison)
    _wake_on_commit(comparison.pk)
    return True


def _acting_for(comparison: Comparison, by: User) -> Organisation | None:
    """The organisation for which ``by`` looks after it; none for a site administrator."""
    if comparison.may_be_managed_by(by):
        return comparison.organisation
    if administers(by, Duty.RUN_JOBS):
        return None
    raise PermissionError("Only contributors of the organisation that started it do that.")


def who_may_start() -> str:
    """Who may start one, for those who may not."""
    return _(
        "Contributors of an organisation that may evaluate the dataset and every model of these "
        "results may start it."
    )
