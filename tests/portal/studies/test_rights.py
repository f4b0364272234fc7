"""What an acceptance allows, and who sees what a study found."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from portal.evaluations.actions import (
    SubmissionRefused,
    cancel_evaluation,
    retry_evaluation,
    submit_evaluation,
)
from portal.evaluations.models import Evaluation, StoredResult
from portal.evaluations.tasks import claim, run_evaluation
from portal.jobs.models import Status
from portal.organisations.actions import set_membership
from portal.organisations.roles import Role, Verb
from portal.organisations.sharing import may, share
from portal.studies import actions, running
from portal.studies.models import Study
from tests import factories, studies
from tests.studies import Partners


@pytest.fixture
def partners(db: None, media: Path) -> Partners:
    return studies.partners(versions=1, sites=2)


def test_an_acceptance_allows_the_study_and_nothing_else(partners: Partners) -> None:
    study = studies.a_running_study(partners)
    assert {cell.status for cell in study.cells.all()} == {"queued"}
    coordinator, dataset, version = (
        partners.coordinator, partners.datasets[0], partners.versions[0]
    )  # fmt: skip
    assert not may(coordinator, Verb.EVALUATE, dataset)
    with pytest.raises(PermissionError):
        factories.an_evaluation(coordinator, dataset, version)
    # Neither does another study of the same people.
    other = studies.a_draft(coordinator)
    with pytest.raises(SubmissionRefused, match="holder has not accepted"):
        submit_evaluation(
            organisation=other.organisation, dataset=dataset, model_version=version,
            task=other.declared_task, protocol=other.frozen_protocol, by=coordinator, study=other,
        )  # fmt: skip


def test_a_general_grant_does_not_stand_in_for_an_acceptance(partners: Partners) -> None:
    organisation = partners.coordinator.memberships.get().organisation
    share(obj=partners.datasets[0], verbs=[Verb.EVALUATE], organisation=organisation,
          by=partners.holders[0])  # fmt: skip
    study = studies.an_inviting_study(partners)
    reasons = study.rights_reasons(dataset=partners.datasets[0], model_version=partners.versions[0])
    assert len(reasons) == 2


def test_the_worker_looks_again_at_what_the_study_may_use(
    partners: Partners, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = studies.a_running_study(partners)
    evaluation = study.evaluations.all()[0]
    monkeypatch.setattr(Study, "rights_reasons", lambda *_, **__: ["Not accepted."])
    run_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.failure) == (Status.FAILED, "Not accepted.")


def test_the_worker_honours_an_acceptance(partners: Partners) -> None:
    study = studies.a_running_study(partners)
    cell = study.cells.select_related("evaluation")[0]
    assert cell.evaluation is not None
    StoredResult.objects.create(
        fingerprint=cell.evaluation.fingerprint, content=b"{}", sha256="b" * 64, summary={}
    )
    run_evaluation(cell.evaluation.pk)
    cell.evaluation.refresh_from_db()
    assert cell.evaluation.status == Status.SUCCEEDED


def test_what_a_study_found_is_its_participants_alone(partners: Partners) -> None:
    declined = factories.a_person(factories.an_organisation(), Role.MANAGER)
    theirs = factories.a_dataset(declined)
    organisation = partners.coordinator.memberships.get().organisation
    share(obj=theirs, verbs=[Verb.VIEW], organisation=organisation, by=declined)
    study = studies.a_draft(partners.coordinator)
    actions.invite(
        study=study, datasets=[*partners.datasets, theirs], model_versions=partners.versions,
        by=partners.coordinator,
    )  # fmt: skip
    actions.send_invitations(study=study, by=partners.coordinator)
    assert Study.objects.visible_to(declined).contains(study)
    studies.accept(study, [partners.developer, *partners.holders])
    actions.answer_invitation(
        invitation=study.invitations.get(dataset=theirs), accept=False, reason="No.", by=declined
    )
    study = running.start_study(study=study, by=partners.coordinator)
    for cell in study.cells.select_related("evaluation"):
        studies.finish_cell(cell)

    inside = [
        partners.coordinator,
        partners.developer,
        *partners.holders,
        factories.a_person(partners.holders[0].memberships.get().organisation, Role.VIEWER),
    ]
    outside = [declined, factories.a_person(factories.an_organisation(), Role.MANAGER),
               factories.a_person(is_staff=True, is_superuser=True)]  # fmt: skip
    for person in inside:
        assert Study.objects.visible_to(person).contains(study)
        assert Evaluation.objects.visible_to(person).filter(study=study).count() == 2
    for person in outside:
        assert not Study.objects.visible_to(person).contains(study)
        assert not Evaluation.objects.visible_to(person).filter(study=study).exists()
    assert not Evaluation.objects.in_the_consortium().exists()


def test_a_studys_evaluations_stand_in_no_list_of_who_sees_its_data_but_not_the_study(
    partners: Partners,
) -> None:
    reader = factories.a_person(factories.an_organisation(), Role.MANAGER)
    for shared, owner in (
        (partners.datasets[0], partners.holders[0]),
        (partners.versions[0].model, partners.developer),
    ):
        share(obj=shared, verbs=[Verb.EVALUATE], organisation=None, by=owner)
    study = studies.a_finished_study(partners)
    secrets = [evaluation.reference for evaluation in study.evaluations.all()] + [study.title]
    here = {"use_case": "ckd"}
    addresses = [
        partners.datasets[0].get_absolute_url(),
        partners.versions[0].get_absolute_url(),
        partners.versions[0].model.get_absolute_url(),
        reverse("home"),
        reverse("all-evaluation-list"),
        *(reverse(name, kwargs=here) for name in (
            "use-case-overview", "evaluation-list", "dataset-list", "model-list")),
    ]  # fmt: skip
    for person, is_seen in ((None, False), (reader, False), (partners.holders[0], True)):
        client = Client()
        if person is not None:
            client.force_login(person)
        seen = set()
        for address in addresses:
            text = client.get(address).content.decode()
            seen |= {secret for secret in secrets if secret in text}
        assert bool(seen) == is_seen, person


def test_nobody_shares_a_studys_evaluation_any_further(partners: Partners) -> None:
    study = studies.a_finished_study(partners)
    manager = factories.a_coordinator(study.organisation)
    set_membership(organisation=study.organisation, user=manager, role=Role.MANAGER, by=None)
    for person in (manager, *partners.holders, partners.developer):
        for evaluation in study.evaluations.all():
            with pytest.raises(PermissionError):
                share(obj=evaluation, verbs=[Verb.VIEW], organisation=None, by=person)


def test_only_coordinators_cancel_and_retry_a_studys_evaluations(partners: Partners) -> None:
    study = studies.a_running_study(partners)
    colleague = factories.a_person(study.organisation, Role.MANAGER)
    evaluation = study.evaluations.all()[0]
    for person in (colleague, *partners.holders, partners.developer):
        with pytest.raises(PermissionError):
            cancel_evaluation(evaluation=evaluation, by=person)
    assert cancel_evaluation(evaluation=evaluation, by=partners.coordinator)
    evaluation.refresh_from_db()
    assert retry_evaluation(evaluation=evaluation, by=partners.coordinator)
    evaluation.refresh_from_db()
    assert evaluation.status == Status.QUEUED


def test_an_evaluation_of_its_own_and_one_of_a_study_stand_beside_each_other(
    partners: Partners,
) -> None:
    study = studies.a_running_study(partners)
    cell = study.cells.select_related("evaluation")[0]
    assert cell.evaluation is not None
    holder = partners.holders[partners.datasets.index(cell.dataset)]
    organisation = study.organisation
    share(obj=cell.dataset, verbs=[Verb.EVALUATE], organisation=organisation, by=holder)
    share(obj=cell.model_version.model, verbs=[Verb.EVALUATE], organisation=organisation,
          by=partners.developer)  # fmt: skip
    own = factories.an_evaluation(partners.coordinator, cell.dataset, cell.model_version)
    assert own.fingerprint == cell.evaluation.fingerprint
    assert own.pk != cell.evaluation.pk
    # Of the two one computes; the other takes what is stored.
    studies.finish_cell(cell)
    run_evaluation(own.pk)
    own.refresh_from_db()
    assert own.status == Status.SUCCEEDED
    assert StoredResult.objects.filter(fingerprint=own.fingerprint).count() == 1
    assert claim(own.pk) is None
