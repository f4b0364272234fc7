"""What the database itself refuses about studies: every constraint and trigger, tried."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError
from django.db.models.functions import Now
from django.utils import timezone

from portal.studies import actions
from portal.studies.models import Cell, Invitation, Study
from portal.studies.models.study import LOCKED
from tests import factories, studies
from tests.kept import keep_files, kept
from tests.portal.jobs.test_models import refused
from tests.studies import Partners


@pytest.fixture(scope="module")
def _made_once(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Partners, Study, Study, Path]]:
    folder = tmp_path_factory.mktemp("studies")
    with kept(folder, django_db_blocker):
        found = studies.partners(versions=1, sites=1)
        yield found, studies.an_inviting_study(found), studies.a_running_study(found), folder


Made = tuple[Partners, Study, Study, Path]


@pytest.fixture
def partners(_made_once: Made, db: None, settings: Any) -> Partners:
    keep_files(settings, _made_once[3])
    return copy.deepcopy(_made_once[0])


@pytest.fixture
def inviting(_made_once: Made, partners: Partners) -> Study:
    return copy.deepcopy(_made_once[1])


@pytest.fixture
def running(_made_once: Made, partners: Partners) -> Study:
    return copy.deepcopy(_made_once[2])


def rows(study: Study) -> Any:
    return Study.objects.filter(pk=study.pk)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (
            "study_status_known_and_started_at_when_started",
            {"started_at": Now(), "protocol_sha256": "a" * 64},
        ),
        ("study_status_known_and_started_at_when_started", {"status": "running"}),
        ("study_protocol_has_its_hash_when_started", {"protocol_sha256": "a" * 64}),
        ("study_protocol_has_its_hash_when_started", {"status": "running", "started_at": Now()}),
        (
            "study_protocol_has_its_hash_when_started",
            {"status": "running", "started_at": Now(), "protocol_sha256": "short"},
        ),
        ("study_finished_at_when_finished", {"finished_at": Now()}),
        ("study_withdrawal_has_a_reason", {"status": "withdrawn"}),
        ("study_withdrawal_has_a_reason", {"withdrawal": "It was not."}),
    ],
)
def test_a_study_keeps_its_invariants(inviting: Study, name: str, change: dict[str, Any]) -> None:
    refused(lambda: rows(inviting).update(**change), name)


def test_an_unknown_status_is_refused(inviting: Study) -> None:
    twin = Study.objects.get(pk=inviting.pk)
    twin.pk, twin.reference, twin.status = None, "another", "waiting"
    refused(twin.save, "study_status_known_and_started_at_when_started")


ALLOWED = {
    "draft": {"inviting", "withdrawn"},
    "inviting": {"running", "withdrawn"},
    "running": {"finished", "withdrawn"},
    "finished": {"running", "published"},
    "published": set(),
    "withdrawn": set(),
}
WITH: dict[str, dict[str, Any]] = {
    "draft": {"started_at": None, "protocol_sha256": "", "finished_at": None, "withdrawal": ""},
    "inviting": {"started_at": None, "protocol_sha256": "", "finished_at": None, "withdrawal": ""},
    "running": {"protocol_sha256": "a" * 64, "finished_at": None, "withdrawal": ""},
    "finished": {"protocol_sha256": "a" * 64, "finished_at": Now(), "withdrawal": ""},
    "published": {"protocol_sha256": "a" * 64, "finished_at": Now(), "withdrawal": ""},
    "withdrawn": {"finished_at": None, "withdrawal": "A site has left."},
}


@pytest.mark.parametrize("start", ALLOWED)
@pytest.mark.parametrize("end", ALLOWED)
def test_a_study_makes_only_known_moves(partners: Partners, start: str, end: str) -> None:
    if start == end:
        return
    study = studies.a_draft(partners.coordinator)
    twin = Study.objects.get(pk=study.pk)
    twin.pk, twin.reference, twin.status = None, f"from-{start}", start
    for name, value in WITH[start].items():
        setattr(twin, name, value)
    if start in ("running", "finished", "published"):
        twin.started_at = timezone.now()
    twin.save()
    change = WITH[end] | {"status": end}
    if start == "inviting" and end == "running":
        change["started_at"] = Now()
    if end in ALLOWED[start]:
        if end == "withdrawn":
            change = {"status": end, "withdrawal": "A site has left."}
        assert rows(twin).update(**change) == 1
        return
    with pytest.raises(DatabaseError) as caught:
        rows(twin).update(**change)
    assert "pgtrigger" in str(caught.value)


@pytest.mark.parametrize("name", LOCKED)
def test_from_the_start_nothing_of_a_study_changes(running: Study, name: str) -> None:
    other = {
        "organisation": factories.an_organisation(),
        "created_by": factories.a_person(),
        "created_at": Now() - timedelta(days=1),
        "started_at": Now() + timedelta(days=1),
        "protocol": running.protocol | {"seed": 1},
        "protocol_sha256": "b" * 64,
    }.get(name, "another")
    refused(lambda: rows(running).update(**{name: other}), "started_study_is_locked", DatabaseError)


def test_before_the_start_its_words_and_protocol_change(inviting: Study) -> None:
    assert rows(inviting).update(title="Another", protocol=inviting.protocol | {"seed": 1}) == 1


def test_a_study_is_kept_and_a_withdrawn_one_never_changes(
    partners: Partners, inviting: Study
) -> None:
    refused(lambda: rows(inviting)._raw_delete("default"), "study_is_kept", DatabaseError)
    actions.withdraw_study(study=inviting, reason="No data.", by=partners.coordinator)
    refused(
        lambda: rows(inviting).update(withdrawal="Another reason."),
        "ended_study_never_changes",
        DatabaseError,
    )


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("invitation_declined_with_a_reason", {"status": "declined", "answered_at": Now()}),
        ("invitation_declined_with_a_reason", {"reason": "It was not declined."}),
        ("invitation_answered_by_a_person", {"status": "accepted"}),
        ("invitation_answered_by_a_person", {"answered_at": Now()}),
        ("invitation_status_known", {"status": "perhaps"}),
    ],
)
def test_an_invitation_keeps_its_invariants(
    inviting: Study, name: str, change: dict[str, Any]
) -> None:
    invitations = inviting.invitations.filter(dataset__isnull=False)
    if change.get("status") in ("declined", "perhaps"):
        change = change | {"answered_at": Now(), "answered_by": inviting.created_by}
    refused(lambda: invitations.update(**change), name)


def test_an_invitation_is_to_one_thing_and_once(partners: Partners, inviting: Study) -> None:
    dataset, version = partners.datasets[0], partners.versions[0]
    organisation = dataset.organisation
    for subject, name in (
        ({}, "invitation_is_to_a_dataset_or_a_model_version"),
        (
            {"dataset": dataset, "model_version": version},
            "invitation_is_to_a_dataset_or_a_model_version",
        ),
        ({"dataset": dataset}, "dataset_invited_once"),
        ({"model_version": version}, "model_version_invited_once"),
    ):
        twin = Invitation(study=inviting, organisation=organisation, **subject)  # type: ignore[misc]
        refused(twin.save, name)


def test_an_invitation_stays_with_its_study(inviting: Study) -> None:
    invitations = inviting.invitations.filter(dataset__isnull=False)
    other = factories.an_organisation()
    refused(
        lambda: invitations.update(organisation=other),
        "invitation_stays_with_its_study",
        DatabaseError,
    )


def test_from_the_start_the_members_never_change(partners: Partners, running: Study) -> None:
    invitations = Invitation.objects.filter(study=running)
    late = factories.a_dataset(partners.holders[0])
    for act, name in (
        (
            lambda: Invitation.objects.create(
                study=running, organisation=late.organisation, dataset=late
            ),
            "members_change_before_the_start",
        ),
        (
            lambda: invitations.update(status="declined", reason="Thought over."),
            "members_change_before_the_start",
        ),
        (invitations.delete, "members_leave_before_the_start"),
    ):
        refused(act, name, DatabaseError)


def test_a_cell_is_of_those_that_take_part_and_stays(partners: Partners, running: Study) -> None:
    cell = running.cells.get()
    other = factories.a_dataset(partners.holders[0])
    version = factories.a_version(partners.developer)
    for change in ({"dataset": other}, {"model_version": version}):
        twin = Cell(
            study=running, dataset=cell.dataset, model_version=cell.model_version, reasons=["No."]
        )
        for name, value in change.items():
            setattr(twin, name, value)
        refused(twin.save, "cell_is_of_those_that_accepted", DatabaseError)
        refused(
            lambda change=change: running.cells.update(**change),  # type: ignore[misc]
            "cell_stays_where_it_is",
            DatabaseError,
        )
    refused(running.cells.all().delete, "cell_is_kept", DatabaseError)
    twin = Cell(
        study=running, dataset=cell.dataset, model_version=cell.model_version, reasons=["No."]
    )
    refused(twin.save, "cell_of_a_study_once")
    refused(lambda: running.cells.update(reasons=["No."]), "cell_has_an_evaluation_or_reasons")
    refused(lambda: running.cells.update(evaluation=None), "cell_has_an_evaluation_or_reasons")
