"""Who is told of evaluations and studies, and who is not (any more)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from portal.accounts.models import User
from portal.evaluations.actions import fail_evaluation
from portal.evaluations.models import Evaluation
from portal.evaluations.tasks import claim
from portal.jobs.tasks import sweep
from portal.notifications.addresses import page_of
from portal.notifications.kinds import Kind
from portal.notifications.models import Notification
from portal.organisations.actions import end_membership, suspend_membership
from portal.organisations.models import Appointment
from portal.organisations.roles import ConsortiumRole, Role
from portal.studies import actions, running
from tests import factories, studies

pytestmark = pytest.mark.django_db


def told(person: User, kind: Kind | None = None) -> list[str]:
    found = Notification.objects.of(person).order_by("id")
    return [one.text for one in (found.filter(kind=kind) if kind else found)]


@pytest.fixture
def submitter(media: Any) -> User:
    organisation = factories.an_organisation()
    factories.a_person(organisation, Role.MANAGER)
    return factories.a_person(organisation)


@pytest.fixture
def evaluation(submitter: User) -> Evaluation:
    version = factories.a_version(submitter)
    return factories.an_evaluation(
        submitter, factories.a_ready_dataset(submitter, version), version
    )


def fail(evaluation: Evaluation) -> None:
    held = claim(evaluation.pk)
    assert held is not None
    fail_evaluation(evaluation=held, sentence="The column egfr holds patient 17's value.")


def test_who_submitted_is_told_that_it_is_finished(submitter: User) -> None:
    version = factories.a_version(submitter)
    dataset = factories.a_ready_dataset(submitter, version)
    found = factories.a_finished_evaluation(submitter, dataset, version)
    (notification,) = Notification.objects.all()
    assert notification.person == submitter
    assert notification.kind == Kind.EVALUATION_ENDED
    assert notification.text == f"The evaluation of {version} on “{dataset.title}” is finished."
    assert notification.url == page_of(found)


def test_who_submitted_is_told_that_it_failed_and_not_why(
    submitter: User, evaluation: Evaluation
) -> None:
    fail(evaluation)
    (sentence,) = told(submitter)
    assert sentence.endswith("has failed.")
    assert "egfr" not in sentence


def test_who_submitted_is_told_that_the_sweep_gave_it_up(
    submitter: User, evaluation: Evaluation, settings: Any
) -> None:
    settings.JOB_ATTEMPTS = 1
    claim(evaluation.pk)
    Evaluation.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    sweep()
    assert [one.endswith("has failed.") for one in told(submitter)] == [True]


@pytest.mark.parametrize("how", ["deactivated", "left", "suspended"])
def test_who_is_gone_is_told_nothing(submitter: User, evaluation: Evaluation, how: str) -> None:
    membership = submitter.memberships.get()
    if how == "deactivated":
        User.objects.filter(pk=submitter.pk).update(is_active=False)
    elif how == "left":
        end_membership(membership=membership, by=None)
    else:
        suspend_membership(membership=membership, by=None)
    fail(evaluation)
    assert not Notification.objects.exists()


def test_a_study_tells_who_is_asked_who_answers_and_once_that_it_has_finished(
    media: Any,
) -> None:
    members = studies.partners(versions=1, sites=2)
    lead, developer, (first, second) = members.coordinator, members.developer, members.holders
    holder = first.memberships.get().organisation
    factories.a_person(holder, Role.CONTRIBUTOR)  # whom the organisation's managers may ask
    left = factories.a_person(holder, Role.MANAGER, is_active=False)
    colleague = factories.a_coordinator(lead.memberships.get().organisation)
    elsewhere = factories.appointed(ConsortiumRole.COORDINATOR)
    study = studies.a_draft(lead, title="Salt")
    actions.invite(
        study=study, datasets=members.datasets[:1], model_versions=members.versions, by=lead
    )
    assert not Notification.objects.exists()  # a draft is its own organisation's alone
    actions.send_invitations(study=study, by=lead)
    asked = f"{study.organisation} asks {holder} to take part in “Salt”."
    deputy = factories.a_person(holder, Role.MANAGER)
    assert told(first) == [asked]
    assert told(deputy) == []  # who comes later finds it under My work
    assert len(told(developer)) == 1
    assert Notification.objects.filter(kind=Kind.WAITING).count() == 2
    # Who is asked later is told as well, and nobody a second time.
    actions.invite(study=study, datasets=members.datasets, model_versions=members.versions, by=lead)
    assert [len(told(one)) for one in (first, second, developer)] == [1, 1, 1]

    studies.accept(study, [first, developer])
    refused = study.invitations.get(status="waiting")
    study.refresh_from_db()
    actions.answer_invitation(
        invitation=refused, accept=False, reason="Nothing of ours is ready.", by=second
    )
    # What was answered waits no more, for whoever of the organisation was told.
    assert not Notification.objects.unread().filter(kind=Kind.WAITING).exists()
    answers = told(lead, Kind.DECISION)
    assert answers == told(colleague, Kind.DECISION)
    assert len(answers) == 3
    assert answers[-1].endswith(f"does not take part in “Salt” with {refused.subject}.")
    assert "ready" not in answers[-1]

    running.start_study(study=study, by=lead)
    studies.finish_cell(study.cells.select_related("evaluation").get())
    assert told(lead, Kind.EVALUATION_ENDED) == []  # the cells are told of together
    assert running.settle(study.pk)
    assert not running.settle(study.pk)
    finished = ["The study “Salt” has finished: all its evaluations succeeded."]
    assert told(lead, Kind.EVALUATION_ENDED) == finished
    assert told(colleague, Kind.EVALUATION_ENDED) == finished
    assert told(left) == told(elsewhere) == []


def test_a_study_tells_how_many_of_its_evaluations_found_nothing(media: Any) -> None:
    members = studies.partners(versions=1, sites=2)
    studies.a_finished_study(members, failures=1)
    (sentence,) = told(members.coordinator, Kind.EVALUATION_ENDED)
    assert sentence.endswith("Evaluations without a result: 1 of 2.")


def test_who_is_asked_again_after_a_change_of_the_protocol_is_told(media: Any) -> None:
    members = studies.partners(versions=1, sites=1)
    study = studies.an_inviting_study(members)
    manager = members.holders[0]
    assert len(told(manager)) == 1
    protocol = study.declared_task.protocol(bootstrap_replicates=101)
    actions.update_study(
        study=study, title="Salt", question="And water?", protocol=protocol, by=members.coordinator
    )
    assert told(manager)[1].startswith("The protocol of “Salt” has changed")
    Appointment.objects.filter(user=members.coordinator).delete()
    studies.accept(study, [manager])
    assert told(members.coordinator) == []  # who coordinates no more hears no more


@pytest.mark.parametrize("how", ["started", "withdrawn"])
def test_a_study_that_started_or_was_withdrawn_waits_for_nobody(media: Any, how: str) -> None:
    members = studies.partners(versions=1, sites=2)
    study, other = (studies.an_inviting_study(members) for _ in range(2))
    if how == "withdrawn":
        actions.withdraw_study(study=study, reason="No money.", by=members.coordinator)
    else:
        studies.accept(study, [members.holders[0], members.developer])
        running.start_study(study=study, by=members.coordinator)
    waiting = Notification.objects.unread().filter(kind=Kind.WAITING)
    assert set(waiting.values_list("url", flat=True)) == {page_of(other)}
