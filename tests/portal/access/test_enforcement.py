"""Permits rule evaluations: submission, queued runs, rows of single people, results, studies."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.db import DatabaseError, transaction
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.access import permits as acts
from portal.access.models import Permit, PermittedPerson
from portal.access.permits import PermitRefused, settle_ended
from portal.access.vocabulary import Environment, Purpose
from portal.accounts.models import User
from portal.catalogue.models import Dataset
from portal.evaluations import cases
from portal.evaluations.actions import SubmissionRefused, retry_evaluation
from portal.evaluations.models import Evaluation
from portal.evaluations.tasks import claim, run_evaluation
from portal.jobs.models import StaleWorkerError, Status
from portal.organisations.roles import Verb
from portal.organisations.sharing import share
from portal.registry.models import ModelVersion
from tests import factories, permits


@pytest.fixture
def person(db: None, media: Path) -> User:
    return factories.a_person(factories.an_organisation("Erasmus"))


@pytest.fixture
def version(person: User) -> ModelVersion:
    return factories.a_version(person)


@pytest.fixture
def dataset(version: ModelVersion) -> Dataset:
    """Of another organisation: shared for evaluations, which is not enough."""
    holder = factories.a_manager_of(factories.an_organisation())
    model = version.model
    share(
        obj=model, verbs=[Verb.EVALUATE], organisation=permits.organisation_of(holder),
        by=factories.a_manager_of(model.organisation),
    )  # fmt: skip
    found = factories.a_ready_dataset(holder, version, access_rights="NON_PUBLIC")
    share(obj=found, verbs=[Verb.EVALUATE], organisation=None, by=holder)
    return found


def refused(act: Any, **fields: Any) -> str:
    with pytest.raises((SubmissionRefused, PermitRefused)) as caught:
        act(**fields)
    return str(caught.value)


def submitted(person: User, dataset: Dataset, version: ModelVersion) -> Evaluation:
    return factories.an_evaluation(person, dataset, version)


def on(day: date) -> Any:
    """The site believes that it is ``day``."""
    return mock.patch("django.utils.timezone.localdate", return_value=day)


def test_a_share_is_no_permit_and_an_evaluation_records_its_own(
    person: User, dataset: Dataset, version: ModelVersion
) -> None:
    with pytest.raises(SubmissionRefused, match="Erasmus has no data permit for"):
        submitted(person, dataset, version)
    permit = permits.a_permit(person, dataset)
    evaluation = submitted(person, dataset, version)
    assert evaluation.permit == permit
    run_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    assert evaluation.status == Status.SUCCEEDED


def test_the_holder_needs_none(dataset: Dataset, version: ModelVersion) -> None:
    evaluation = submitted(permits.the_holder(dataset), dataset, version)
    assert evaluation.permit is None


def test_the_form_says_what_is_missing_and_leads_to_where_to_ask(
    person: User, dataset: Dataset, version: ModelVersion, client: Client
) -> None:
    client.force_login(person)
    url = reverse(
        "evaluation-check", kwargs={"use_case": dataset.declared, "task": version.model.task}
    )
    chosen = {
        "organisation": permits.organisation_of(person).pk,
        "dataset": dataset.pk,
        "model_version": version.pk,
    }
    ask = reverse("access-ask", kwargs={"slug": dataset.slug})
    text = client.get(url, chosen).content.decode()
    assert "Erasmus has no data permit for" in text
    assert f'<a href="{ask}">Ask for access</a>' in text
    permit = permits.a_permit(person, dataset)
    assert "no data permit" not in client.get(url, chosen).content.decode()
    text = client.get(url, {**chosen, "purpose": Purpose.STATISTICS}).content.decode()
    assert "is for another purpose" in text
    assert permit.get_absolute_url() in text


def test_a_permit_for_the_holders_site_is_none_for_this_one(
    person: User, dataset: Dataset, version: ModelVersion
) -> None:
    permits.a_permit(person, dataset, environment=Environment.HOLDER)
    with pytest.raises(SubmissionRefused, match="at the holder's site only"):
        submitted(person, dataset, version)


def test_revoking_stops_what_waits_and_what_runs(
    person: User, dataset: Dataset, version: ModelVersion
) -> None:
    permit, body = permits.a_permit(person, dataset), permits.an_access_body()
    running = submitted(person, dataset, version)
    held = claim(running.pk)
    assert held is not None
    queued = factories.an_evaluation(person, dataset, version, seed=2)
    acts.revoke(permit=permit, reason="Misuse.", by=body)
    for one in (running, queued):
        one.refresh_from_db()
        assert one.status == Status.CANCELLED
        assert f"The data permit {permit.number} was revoked." in one.log.last().text
    with pytest.raises(StaleWorkerError):
        Evaluation.objects.finish(held, Status.SUCCEEDED)
    with pytest.raises(SubmissionRefused, match=f"{permit.number} was revoked: Misuse"):
        submitted(person, dataset, version)
    with pytest.raises(SubmissionRefused, match="was revoked"):
        retry_evaluation(evaluation=queued, by=person)


def test_a_suspension_stops_and_its_end_lets_try_again(
    person: User, dataset: Dataset, version: ModelVersion
) -> None:
    permit, body = permits.a_permit(person, dataset), permits.an_access_body()
    queued = submitted(person, dataset, version)
    acts.suspend(permit=permit, reason="A question is open.", by=body)
    queued.refresh_from_db()
    assert queued.status == Status.CANCELLED
    assert "is suspended" in refused(retry_evaluation, evaluation=queued, by=person)
    acts.reinstate(permit=permit, by=body)
    assert retry_evaluation(evaluation=queued, by=person)
    run_evaluation(queued.pk)
    queued.refresh_from_db()
    assert queued.status == Status.SUCCEEDED


def test_a_queued_run_does_not_outlive_the_last_day(
    person: User, dataset: Dataset, version: ModelVersion
) -> None:
    today = timezone.localdate()
    permit = permits.a_permit(person, dataset, valid_until=today)
    first = submitted(person, dataset, version)
    second = factories.an_evaluation(person, dataset, version, seed=2)
    with on(today + timedelta(days=1)):
        run_evaluation(first.pk)  # the worker comes before the sweep
        assert settle_ended(timezone.localdate()) == 1
        assert settle_ended(timezone.localdate()) == 0
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (Status.FAILED, Status.CANCELLED)
    assert f"The data permit {permit.number} ended on" in first.failure
    assert first.stored_result is None


def test_an_end_while_it_runs_keeps_the_result_from_being_delivered(
    person: User, dataset: Dataset, version: ModelVersion
) -> None:
    today = timezone.localdate()
    permits.a_permit(person, dataset, valid_until=today)
    evaluation = submitted(person, dataset, version)
    from portal.evaluations import tasks

    def late(held: Evaluation) -> tasks.Computed:
        clock.start()  # midnight passes while it computes
        return tasks.Computed(factories.result_content(), None, "")

    clock = on(today + timedelta(days=1))
    with mock.patch.object(tasks, "compute", late):
        try:
            run_evaluation(evaluation.pk)
        finally:
            clock.stop()
    evaluation.refresh_from_db()
    assert evaluation.status == Status.FAILED
    assert "ended on" in evaluation.failure


def test_a_new_version_carries_on_what_waits(
    person: User, dataset: Dataset, version: ModelVersion
) -> None:
    today, body = timezone.localdate(), permits.an_access_body()
    permit = permits.a_permit(person, dataset, valid_until=today)
    evaluation = submitted(person, dataset, version)
    newer = acts.extend(permit=permit, valid_until=today + timedelta(days=9), by=body)
    assert (newer.number, newer.version) == (permit.number, 2)
    with on(today + timedelta(days=1)):
        run_evaluation(evaluation.pk)
        assert settle_ended(timezone.localdate()) == 0
    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.permit) == (Status.SUCCEEDED, newer)
    assert "once" in refused(
        acts.extend, permit=newer, valid_until=today + timedelta(days=99), by=body
    )


def test_results_are_kept_or_taken_back_as_the_permit_says(
    person: User, dataset: Dataset, version: ModelVersion
) -> None:
    body, holder = permits.an_access_body(), permits.the_holder(dataset)
    for keeps, seed in ((True, 1), (False, 2)):
        permit = permits.a_permit(person, dataset, keeps_results=keeps)
        evaluation = factories.an_evaluation(person, dataset, version, seed=seed)
        run_evaluation(evaluation.pk)
        acts.revoke(permit=permit, reason="Done.", by=body)
        assert Evaluation.objects.visible_to(person).contains(evaluation) == keeps
        assert Evaluation.objects.visible_to(holder).contains(evaluation)


def test_rows_of_single_people_are_shown_by_permit_and_hidden_at_its_end(
    person: User, dataset: Dataset, version: ModelVersion
) -> None:
    body = permits.an_access_body()
    permit = permits.a_permit(person, dataset)
    evaluation = submitted(person, dataset, version)
    run_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    colleague = factories.a_person(permits.organisation_of(person))
    stored = mock.Mock(cases_sha256="0" * 64)
    with (
        mock.patch.object(Evaluation, "stored_result", stored),
        mock.patch.object(Evaluation, "declared_task", mock.Mock()),
    ):
        assert cases.may_see_cases(person, evaluation)
        assert not cases.may_see_cases(colleague, evaluation)  # whom the permit does not name
        with on(permit.valid_until + timedelta(days=1)):
            assert not cases.may_see_cases(person, evaluation)
        acts.suspend(permit=permit, reason="A question.", by=body)
        assert not cases.may_see_cases(person, evaluation)
        acts.reinstate(permit=permit, by=body)
        assert cases.may_see_cases(person, evaluation)
        acts.revoke(permit=permit, reason="Misuse.", by=body)
        assert not cases.may_see_cases(person, evaluation)
        assert cases.may_see_cases(permits.the_holder(dataset), evaluation)


def test_only_the_body_that_issued_it_moves_a_permit(person: User, dataset: Dataset) -> None:
    permit = permits.a_permit(person, dataset)
    for other in (person, permits.the_holder(dataset), permits.an_access_body("FR")):
        with pytest.raises(PermissionError):
            acts.revoke(permit=permit, reason="No.", by=other)
    body = permits.an_access_body()
    assert "reason" in refused(acts.revoke, permit=permit, reason=" ", by=body)
    acts.revoke(permit=permit, reason="Misuse.", by=body)
    assert "by now" in refused(acts.suspend, permit=permit, reason="No.", by=body)


def test_amending_is_a_new_version(person: User, dataset: Dataset, version: ModelVersion) -> None:
    permit, body = permits.a_permit(person, dataset), permits.an_access_body()
    colleague = factories.a_person(permits.organisation_of(person))
    newer = acts.amend(
        permit=permit, people=[colleague], model_versions=[version], any_model_version=False,
        conditions="Aggregates only.", by=body,
    )  # fmt: skip
    permit.refresh_from_db()
    assert (permit.status, newer.version, newer.replaces) == ("replaced", 2, permit)
    assert set(permit.people.all()) == {person}
    assert set(newer.people.all()) == {colleague}
    with pytest.raises(SubmissionRefused, match=f"does not name {person}"):
        submitted(person, dataset, version)


@pytest.mark.parametrize(
    "change",
    [
        {"valid_until": date(2999, 1, 1)},
        {"purpose": Purpose.CARE},
        {"any_model_version": False},
        {"conditions": "None."},
        {"number": "DK-2026-AAAAAA"},
    ],
)
def test_the_database_lets_nobody_edit_a_permit(
    person: User, dataset: Dataset, change: dict[str, Any]
) -> None:
    permit = permits.a_permit(person, dataset)
    with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
        Permit.objects.filter(pk=permit.pk).update(**change)
    for act in (permit.delete, permit.permitted_people.all().delete):
        with pytest.raises((DatabaseError, ProtectedError)), transaction.atomic():
            act()


@pytest.mark.django_db(transaction=True)
def test_nobody_is_added_to_a_permit_later(media: Path) -> None:
    person = factories.a_person(factories.an_organisation())
    permit = permits.a_permit(person, permits.a_closed_dataset())
    with pytest.raises(DatabaseError, match="written with it"):
        PermittedPerson.objects.create(permit=permit, person=factories.a_person())
    with pytest.raises(DatabaseError, match="pgtrigger"):
        permit.permitted_datasets.update(variables=["all"])


def test_two_who_end_and_extend_at_once_do_one_of_the_two(person: User, dataset: Dataset) -> None:
    permit, body = permits.a_permit(person, dataset), permits.an_access_body()
    stale = Permit.objects.get(pk=permit.pk)
    acts.revoke(permit=permit, reason="Misuse.", by=body)
    assert "by now" in refused(
        acts.extend, permit=stale, valid_until=permit.valid_until + timedelta(days=1), by=body
    )
