"""Being suspended, leaving, and the manager that an organisation always has."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from portal.accounts.models import User
from portal.catalogue.models import Dataset
from portal.catalogue.tasks import run_upload
from portal.evaluations import tasks
from portal.evaluations.actions import retry_evaluation
from portal.evaluations.models import Evaluation, StoredResult
from portal.organisations import actions, sharing
from portal.organisations.models import Membership, Organisation
from portal.organisations.roles import Role, Verb
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(media: Path) -> User:
    return factories.a_person(factories.an_organisation("Holder"), Role.MANAGER)


@pytest.fixture
def administrator() -> User:
    return factories.a_person(is_staff=True, is_superuser=True)


def of(person: User) -> Organisation:
    return person.memberships.get().organisation


def suspend(person: User, by: User) -> None:
    actions.suspend_membership(membership=person.memberships.get(), by=by)


def test_who_is_suspended_is_out_at_the_next_request_and_back_when_it_ends(manager: User) -> None:
    person, dataset = factories.a_person(of(manager)), factories.a_dataset(manager)
    client = Client()
    client.force_login(person)
    assert client.get(dataset.get_absolute_url()).status_code == 200

    suspend(person, by=manager)
    assert client.get(dataset.get_absolute_url()).status_code == 404
    assert not person.groups.exists()
    assert not Organisation.objects.where_member(person).exists()

    actions.reinstate_membership(membership=person.memberships.get(), by=manager)
    assert client.get(dataset.get_absolute_url()).status_code == 200


def test_who_is_suspended_in_one_organisation_acts_on_for_the_other(manager: User) -> None:
    other = factories.an_organisation()
    person = factories.a_person(other)
    elsewhere = factories.a_dataset(person)
    membership = actions.set_membership(
        organisation=of(manager), user=person, role=Role.VIEWER, by=manager
    )
    factories.a_dataset(manager)
    actions.suspend_membership(membership=membership, by=manager)
    assert list(Dataset.objects.visible_to(person)) == [elsewhere]
    assert list(Organisation.objects.where_member(person)) == [other]


def test_a_new_role_does_not_end_a_suspension(manager: User) -> None:
    person = factories.a_person(of(manager), Role.VIEWER)
    suspend(person, by=manager)
    actions.set_membership(organisation=of(manager), user=person, role=Role.MANAGER, by=manager)
    assert not person.groups.exists()
    assert not Organisation.objects.where_member(person).exists()


def test_nobody_acts_for_a_suspended_organisation(manager: User, administrator: User) -> None:
    dataset = factories.a_dataset(manager)
    shared = factories.a_dataset(factories.a_person(factories.an_organisation(), Role.MANAGER))
    sharing.share(obj=shared, verbs=list(Verb), organisation=None, by=shared.created_by)
    actions.suspend_organisation(organisation=of(manager), by=administrator)

    assert not Dataset.objects.visible_to(manager).exists()
    assert not Organisation.objects.where_member(manager).exists()
    assert not sharing.organisation_may(of(manager), Verb.EVALUATE, shared)

    actions.reinstate_organisation(organisation=of(manager), by=administrator)
    assert set(Dataset.objects.visible_to(manager)) == {dataset, shared}


def an_evaluation(by: User) -> Evaluation:
    version = factories.a_version(by)
    return factories.an_evaluation(by, factories.a_ready_dataset(by, version), version)


def run(evaluation: Evaluation) -> Evaluation:
    tasks.run_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    return evaluation


def test_what_a_suspended_organisation_waits_for_is_not_started(
    manager: User, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "compute", lambda evaluation: pytest.fail("it was started"))
    evaluation = an_evaluation(manager)
    actions.suspend_organisation(organisation=of(manager), by=administrator)
    assert run(evaluation).failure == "Holder is suspended: nothing runs for it until that ends."

    actions.reinstate_organisation(organisation=of(manager), by=administrator)
    computed = tasks.Computed(factories.result_content(), None, "")
    monkeypatch.setattr(tasks, "compute", lambda evaluation: computed)
    assert retry_evaluation(evaluation=evaluation, by=manager)
    assert run(evaluation).status == "succeeded"


def test_what_runs_for_an_organisation_that_is_suspended_meanwhile_is_not_delivered(
    manager: User, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(evaluation: Evaluation) -> tasks.Computed:
        actions.suspend_organisation(organisation=of(manager), by=administrator)
        return tasks.Computed(factories.result_content(), None, "")

    monkeypatch.setattr(tasks, "compute", compute)
    evaluation = run(an_evaluation(manager))
    assert (evaluation.status, evaluation.stored_result) == ("failed", None)
    assert not StoredResult.objects.exists()


@pytest.mark.parametrize("how", ["suspended", "left", "viewer", "deactivated"])
def test_what_somebody_submitted_who_may_no_longer_is_not_started(manager: User, how: str) -> None:
    person = factories.a_person(of(manager), full_name="Somebody")
    version = factories.a_version(manager)
    dataset = factories.a_ready_dataset(manager, version)
    evaluation = factories.an_evaluation(person, dataset, version)
    membership = person.memberships.get()
    if how == "suspended":
        actions.suspend_membership(membership=membership, by=manager)
    elif how == "left":
        actions.end_membership(membership=membership, by=person)
    elif how == "viewer":
        actions.set_membership(organisation=of(manager), user=person, role=Role.VIEWER, by=manager)
    else:
        User.objects.filter(pk=person.pk).update(is_active=False)

    assert run(evaluation).failure == (
        "Somebody no longer submits evaluations for Holder. Another contributor may try it again."
    )
    retry_evaluation(evaluation=evaluation, by=manager)
    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.submitted_by) == ("queued", manager)


def test_a_file_of_somebody_who_is_suspended_meanwhile_becomes_no_table(manager: User) -> None:
    person, dataset = factories.a_person(of(manager)), factories.a_dataset(manager)
    upload = factories.an_upload(dataset, b"patient_id,outcome\na,1\nb,0\n", person, run=False)
    suspend(person, by=manager)
    run_upload(upload.pk)
    upload.refresh_from_db()
    assert "may no longer upload" in upload.failure
    assert not dataset.tables.exists()


def test_a_manager_manages_the_people_of_their_own_organisation_alone(manager: User) -> None:
    others = factories.an_organisation()
    factories.a_person(others, Role.MANAGER)
    person, newcomer = factories.a_person(others), factories.a_person()
    membership = person.memberships.get()
    for by in (manager, person, newcomer, factories.appointed("auditor")):
        with pytest.raises(PermissionError):
            actions.set_membership(organisation=others, user=newcomer, role=Role.VIEWER, by=by)
        with pytest.raises(PermissionError):
            actions.suspend_membership(membership=membership, by=by)
        with pytest.raises(PermissionError):
            actions.suspend_organisation(organisation=others, by=by)
        if by != person:
            with pytest.raises(PermissionError):
                actions.end_membership(membership=membership, by=by)
    suspend(person, by=None)
    with pytest.raises(PermissionError):
        actions.reinstate_membership(membership=membership, by=person)


@pytest.mark.parametrize("how", ["demoted", "suspended", "ended", "leaves"])
def test_the_only_manager_stays(manager: User, how: str) -> None:
    membership = manager.memberships.get()
    suspended = factories.a_person(of(manager), Role.MANAGER)
    suspend(suspended, by=manager)
    away = {
        "demoted": lambda: actions.set_membership(
            organisation=of(manager), user=manager, role=Role.VIEWER, by=manager
        ),
        "suspended": lambda: actions.suspend_membership(membership=membership, by=manager),
        "ended": lambda: actions.end_membership(membership=membership, by=None),
        "leaves": lambda: actions.end_membership(membership=membership, by=manager),
    }
    with pytest.raises(actions.LastManagerError, match="Make somebody else manager first"):
        away[how]()
    membership.refresh_from_db()
    assert (membership.role, membership.suspended_at) == (Role.MANAGER, None)


@pytest.mark.parametrize("how", ["role", "suspended_at", "organisation", "deleted"])
def test_the_database_itself_keeps_a_manager(manager: User, how: str) -> None:
    rows = Membership.objects.filter(user=manager)
    elsewhere = factories.an_organisation()
    changes = {"role": "viewer", "suspended_at": "2026-01-01T00:00Z", "organisation": elsewhere}
    if how == "deleted":
        rows.delete()
    else:
        rows.update(**{how: changes[how]})
    with pytest.raises(IntegrityError, match="keeps_a_manager"), transaction.atomic():
        connection.check_constraints()
    transaction.set_rollback(True)


def test_managers_may_change_within_one_transaction(manager: User) -> None:
    heir = factories.a_person(of(manager))
    with transaction.atomic():
        Membership.objects.filter(user=manager).update(role="viewer")
        Membership.objects.filter(user=heir).update(role="manager")
    connection.check_constraints()


def test_an_organisation_goes_with_its_managers(manager: User) -> None:
    actions.delete_organisation(organisation=of(manager), by=None)
    connection.check_constraints()
    assert not Membership.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("through", ["actions", "the database"])
def test_two_managers_who_leave_at_the_same_moment_leave_one(media: Path, through: str) -> None:
    organisation = factories.an_organisation()
    pair = [factories.a_person(organisation, Role.MANAGER) for _ in range(2)]
    both_have_looked = threading.Barrier(2)
    refused: list[Exception] = []

    def leave(person: User) -> None:
        membership = person.memberships.get()
        try:
            if through == "actions":
                both_have_looked.wait(10)
                actions.end_membership(membership=membership, by=person)
            else:
                with transaction.atomic():
                    Membership.objects.filter(pk=membership.pk).delete()
                    both_have_looked.wait(10)
        except (actions.LastManagerError, IntegrityError) as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=leave, args=[person]) for person in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(refused) == 1
    assert organisation.memberships.filter(role=Role.MANAGER).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_managers_who_suspend_each_other_at_the_same_moment_one_does(media: Path) -> None:
    organisation = factories.an_organisation()
    one, other, _third = (factories.a_person(organisation, Role.MANAGER) for _ in range(3))
    refused: list[Exception] = []

    def suspend_them(by: User, whom: User) -> None:
        try:
            actions.suspend_membership(membership=whom.memberships.get(), by=by)
        except PermissionError as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=suspend_them, args=pair) for pair in ((one, other), (other, one))
    ]
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with transaction.atomic(), connection.cursor() as cursor:
        Organisation.objects.select_for_update().get(pk=organisation.pk)
        for thread in threads:
            thread.start()
        until = time.monotonic() + 60
        count = 0
        while count < 2:
            assert time.monotonic() < until
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # or it is looked at once
            cursor.execute(waiting)
            (count,) = cursor.fetchone()
    for thread in threads:
        thread.join(30)
    assert len(refused) == 1
    assert organisation.memberships.filter(suspended_at=None).count() == 2
