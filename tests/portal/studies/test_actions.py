"""The life of a study: who moves it, and what each move asks for."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db import connection

from portal.organisations.roles import Role
from portal.registry.actions import retire_version
from portal.studies import actions, running
from portal.studies.actions import StudyRefused
from portal.studies.models import Cell, Invitation, Study, StudyStatus
from portal.studies.tasks import settle_study, sweep_studies
from tests import factories, studies
from tests.studies import Partners


@pytest.fixture
def partners(db: None, media: Path) -> Partners:
    return studies.partners()


def test_only_a_coordinator_who_contributes_to_the_organisation_makes_a_study(
    partners: Partners,
) -> None:
    organisation = partners.coordinator.memberships.get().organisation
    with pytest.raises(PermissionError):
        studies.a_draft(factories.a_person(organisation, Role.MANAGER))
    viewing = factories.a_coordinator()
    viewing.memberships.update(role=Role.VIEWER)
    with pytest.raises(PermissionError):
        studies.a_draft(viewing)
    elsewhere = factories.a_coordinator()
    study = studies.a_draft(partners.coordinator)
    with pytest.raises(PermissionError):
        actions.send_invitations(study=study, by=elsewhere)


def test_a_protocol_that_shows_too_few_people_is_refused(partners: Partners) -> None:
    study = studies.a_draft(partners.coordinator)
    task = study.declared_task
    with pytest.raises(StudyRefused, match="fewer than 10"):
        actions.update_study(
            study=study, title="T", question="Q", protocol=task.protocol(smallest_count=3),
            by=partners.coordinator,
        )  # fmt: skip


def test_only_what_the_coordinator_sees_is_invited(partners: Partners) -> None:
    study = studies.a_draft(partners.coordinator)
    hidden = factories.a_dataset(partners.holders[0])
    draft = factories.a_version(
        partners.developer, partners.versions[0].model, released=False, version="2.0.0"
    )
    for datasets, versions in (([hidden], []), ([], [draft])):
        with pytest.raises(PermissionError):
            actions.invite(
                study=study, datasets=datasets, model_versions=versions, by=partners.coordinator
            )
    retire_version(version=partners.versions[0], by=partners.developer)
    with pytest.raises(StudyRefused, match="not released"):
        actions.invite(
            study=study, datasets=[], model_versions=partners.versions, by=partners.coordinator
        )


def test_a_study_that_is_too_large_is_refused(
    partners: Partners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MOST_CELLS", 5)
    study = studies.a_draft(partners.coordinator)
    with pytest.raises(StudyRefused, match="at most 5 cells; these are 6"):
        actions.invite(
            study=study, datasets=partners.datasets, model_versions=partners.versions,
            by=partners.coordinator,
        )  # fmt: skip


def test_a_draft_is_sent_once_it_has_a_dataset_and_a_version(partners: Partners) -> None:
    study = studies.a_draft(partners.coordinator)
    with pytest.raises(StudyRefused) as caught:
        actions.send_invitations(study=study, by=partners.coordinator)
    assert len(caught.value.reasons) == 2


def test_the_studys_own_data_take_part_without_being_asked(partners: Partners) -> None:
    own = factories.a_dataset(partners.coordinator)
    study = studies.a_draft(partners.coordinator)
    actions.invite(
        study=study, datasets=[own], model_versions=partners.versions, by=partners.coordinator
    )
    assert study.invitations.get(dataset=own).status == Invitation.Status.ACCEPTED
    assert study.invitations.filter(status=Invitation.Status.WAITING).count() == 2


def test_inviting_again_keeps_the_answers_of_those_who_stay(partners: Partners) -> None:
    study = studies.an_inviting_study(partners)
    studies.accept(study, partners.holders[:1])
    actions.invite(
        study=study, datasets=partners.datasets[:2], model_versions=partners.versions[:1],
        by=partners.coordinator,
    )  # fmt: skip
    left = study.invitations.order_by("id")
    assert [invitation.subject for invitation in left] == [
        *partners.datasets[:2], partners.versions[0]
    ]  # fmt: skip
    assert left[0].status == Invitation.Status.ACCEPTED


def test_an_invitation_waits_for_who_may_change_what_is_invited(partners: Partners) -> None:
    holder = partners.holders[0]
    viewer = factories.a_person(holder.memberships.get().organisation, Role.VIEWER)
    study = studies.a_draft(partners.coordinator)
    actions.invite(
        study=study, datasets=partners.datasets, model_versions=partners.versions,
        by=partners.coordinator,
    )  # fmt: skip
    assert not Invitation.objects.waiting_for(holder).exists()  # a draft asks nobody
    actions.send_invitations(study=study, by=partners.coordinator)
    waiting = Invitation.objects.waiting_for(holder)
    assert [invitation.subject for invitation in waiting] == [partners.datasets[0]]
    assert Invitation.objects.waiting_for(partners.developer).count() == 2
    for stranger in (viewer, partners.coordinator, factories.a_person()):
        assert not Invitation.objects.waiting_for(stranger).exists()
        with pytest.raises(PermissionError):
            actions.answer_invitation(invitation=waiting[0], accept=True, by=stranger)


def test_declining_needs_a_reason_and_may_be_thought_over(partners: Partners) -> None:
    study = studies.an_inviting_study(partners)
    invitation = study.invitations.get(dataset=partners.datasets[0])
    holder = partners.holders[0]
    with pytest.raises(StudyRefused, match="Say why"):
        actions.answer_invitation(invitation=invitation, accept=False, reason=" ", by=holder)
    actions.answer_invitation(invitation=invitation, accept=False, reason="No time.", by=holder)
    assert (invitation.status, invitation.reason) == (Invitation.Status.DECLINED, "No time.")
    actions.answer_invitation(invitation=invitation, accept=True, by=holder)
    assert (invitation.status, invitation.reason) == (Invitation.Status.ACCEPTED, "")


def test_a_new_protocol_asks_everybody_again_and_new_words_do_not(partners: Partners) -> None:
    study = studies.an_inviting_study(partners)
    studies.accept(study, partners.holders)
    same = study.frozen_protocol
    for protocol, accepted in ((same, 3), (same.model_copy(update={"seed": 7}), 0)):
        actions.update_study(
            study=study, title="Another title", question="Q", protocol=protocol,
            by=partners.coordinator,
        )  # fmt: skip
        assert study.invitations.accepted().count() == accepted


def test_a_study_starts_with_those_who_accepted(partners: Partners) -> None:
    study = studies.an_inviting_study(partners)
    with pytest.raises(StudyRefused) as caught:
        running.start_study(study=study, by=partners.coordinator)
    assert len(caught.value.reasons) == 2
    studies.accept(study, [partners.developer, *partners.holders[:2]])
    with pytest.raises(PermissionError):
        running.start_study(study=study, by=partners.developer)
    started = running.start_study(study=study, by=partners.coordinator)
    assert started.status == StudyStatus.RUNNING
    assert len(started.protocol_sha256) == 64
    assert {(cell.model_version, cell.dataset) for cell in started.cells.all()} == {
        (version, dataset) for version in partners.versions for dataset in partners.datasets[:2]
    }
    assert {cell.status for cell in started.cells.all()} == {"queued"}
    late = study.invitations.get(dataset=partners.datasets[2])
    with pytest.raises(StudyRefused, match="no longer waits"):
        actions.answer_invitation(invitation=late, accept=True, by=partners.holders[2])
    for act in (
        lambda: actions.invite(
            study=study, datasets=[], model_versions=[], by=partners.coordinator
        ),
        lambda: running.start_study(study=study, by=partners.coordinator),
    ):
        with pytest.raises(StudyRefused, match="is running by now"):
            act()


def test_a_cell_without_its_inputs_fails_with_its_reasons_and_the_others_run(
    partners: Partners,
) -> None:
    empty = factories.a_dataset(partners.coordinator)
    study = studies.a_draft(partners.coordinator)
    actions.invite(
        study=study, datasets=[empty, partners.datasets[0]], model_versions=partners.versions[:1],
        by=partners.coordinator,
    )  # fmt: skip
    actions.send_invitations(study=study, by=partners.coordinator)
    studies.accept(study, [partners.developer, partners.holders[0]])
    study = running.start_study(study=study, by=partners.coordinator)
    failed, queued = (study.cells.get(dataset=dataset) for dataset in (empty, partners.datasets[0]))
    assert failed.status == "failed"
    assert failed.is_final
    assert any("holds no table" in reason for reason in failed.reasons)
    assert queued.status == "queued"

    # Once the tables are there, it is tried again alone.
    same = running.retry_cell(cell=failed, by=partners.coordinator)
    assert same.evaluation is None
    cohort, predictions = factories.cohort_frame(seed=9)
    factories.a_table(empty, cohort, partners.coordinator)
    factories.a_table(
        empty, predictions, partners.coordinator, name="predictions",
        model_version=partners.versions[0],
    )  # fmt: skip
    again = running.retry_cell(cell=failed, by=partners.coordinator)
    assert again.status == "queued"
    assert again.reasons == []


def test_a_study_finishes_when_its_last_cell_has_ended_with_pooled_estimates(
    partners: Partners,
) -> None:
    study = studies.a_running_study(partners)
    cells = list(study.cells.select_related("evaluation"))
    for cell in cells[:-1]:
        studies.finish_cell(cell)
        settle_study(study.pk)
        study.refresh_from_db()
        assert study.status == StudyStatus.RUNNING
    assert not Study.objects.to_settle().exists()
    studies.finish_cell(cells[-1])
    assert Study.objects.to_settle().get() == study
    settle_study(study.pk)
    settle_study(study.pk)  # delivered twice
    study.refresh_from_db()
    assert study.status == StudyStatus.FINISHED
    assert set(study.pooled) == {str(version.pk) for version in partners.versions}
    for entry in study.pooled.values():
        assert {"estimates", "unavailable"} == set(entry)
        auroc = next(found for found in entry["estimates"] if found["measure"] == "auroc")
        assert auroc["sites"] == 3
        assert auroc["lower"] < auroc["value"] < auroc["upper"]


def test_the_last_cell_wakes_the_study_and_the_sweep_wakes_one_that_was_missed(
    partners: Partners, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: object
) -> None:
    woken: list[tuple[str, int]] = []
    for module in ("portal.evaluations.actions", "portal.studies.tasks"):
        monkeypatch.setattr(f"{module}.wake", lambda task, pk: woken.append((task.name, pk)))
    study = studies.a_running_study(partners)
    message = ("portal.studies.settle_study", study.pk)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        for cell in study.cells.select_related("evaluation"):
            studies.finish_cell(cell)
    assert message in woken
    woken.clear()
    sweep_studies()
    assert woken == [message]


def test_a_failed_cell_stops_no_other_and_is_retried_alone(partners: Partners) -> None:
    study = studies.a_finished_study(partners, failures=1)
    cell = study.cells.get(evaluation__status="failed")
    before = cell.evaluation
    others = study.cells.exclude(pk=cell.pk)
    with pytest.raises(PermissionError):
        running.retry_cell(cell=cell, by=partners.developer)
    with pytest.raises(StudyRefused, match="failed or was cancelled"):
        running.retry_cell(cell=others[0], by=partners.coordinator)
    again = running.retry_cell(cell=cell, by=partners.coordinator)
    study.refresh_from_db()
    assert again.evaluation == before  # the same question keeps its log
    assert (study.status, study.pooled, study.finished_at) == (StudyStatus.RUNNING, {}, None)
    assert {other.status for other in others} == {"succeeded"}
    again = Cell.objects.get(pk=cell.pk)
    studies.finish_cell(again)
    assert running.settle(study.pk)


def test_a_failed_cell_reads_what_its_dataset_holds_by_now(partners: Partners) -> None:
    study = studies.a_finished_study(partners, failures=1)
    cell = study.cells.get(evaluation__status="failed")
    holder = partners.holders[partners.datasets.index(cell.dataset)]
    cohort, predictions = factories.cohort_frame(800, seed=11)
    factories.a_table(cell.dataset, cohort, holder)
    factories.a_table(
        cell.dataset, predictions, holder, name="predictions", model_version=cell.model_version
    )
    before = cell.evaluation
    again = running.retry_cell(cell=cell, by=partners.coordinator)
    assert again.evaluation != before
    assert again.status == "queued"


def test_a_running_study_is_withdrawn_with_all_that_runs(partners: Partners) -> None:
    study = studies.a_running_study(partners)
    studies.finish_cell(study.cells.select_related("evaluation")[0])
    with pytest.raises(StudyRefused, match="Say why"):
        actions.withdraw_study(study=study, reason="", by=partners.coordinator)
    with pytest.raises(PermissionError):
        actions.withdraw_study(study=study, reason="No.", by=partners.holders[0])
    actions.withdraw_study(study=study, reason="A site has left.", by=partners.coordinator)
    study.refresh_from_db()
    assert (study.status, study.withdrawal) == (StudyStatus.WITHDRAWN, "A site has left.")
    assert {cell.status for cell in study.cells.all()} == {"succeeded", "cancelled"}
    settle_study(study.pk)
    cancelled = study.cells.filter(evaluation__status="cancelled")[0]
    with pytest.raises(StudyRefused, match="is withdrawn by now"):
        running.retry_cell(cell=cancelled, by=partners.coordinator)


@pytest.mark.django_db(transaction=True)
def test_of_two_starts_at_the_same_moment_one_starts_it(media: Path) -> None:
    found = studies.partners(versions=1, sites=2)
    study = studies.an_inviting_study(found)
    studies.accept(study, [found.developer, *found.holders])
    barrier = threading.Barrier(2)
    answers: list[str] = []

    def start() -> None:
        try:
            barrier.wait(10)
            running.start_study(study=study, by=found.coordinator)
            answers.append("started")
        except StudyRefused as refusal:
            answers.append(str(refusal))
        finally:
            connection.close()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["The study is running by now.", "started"]
    assert study.cells.count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_answer_and_a_start_at_the_same_moment_agree(media: Path) -> None:
    found = studies.partners(versions=1, sites=2)
    study = studies.an_inviting_study(found)
    studies.accept(study, [found.developer, found.holders[0]])
    late = study.invitations.get(dataset=found.datasets[1])
    barrier = threading.Barrier(2)

    def at_once(act: object) -> None:
        try:
            barrier.wait(10)
            act()  # type: ignore[operator]
        except StudyRefused:
            pass
        finally:
            connection.close()

    threads = [
        threading.Thread(target=at_once, args=[act])
        for act in (
            lambda: running.start_study(study=study, by=found.coordinator),
            lambda: actions.answer_invitation(invitation=late, accept=True, by=found.holders[1]),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert study.cells.count() == study.invitations.accepted().exclude(dataset=None).count()
