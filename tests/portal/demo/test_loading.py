"""Loading the demonstration: through the actions, once, and only what is missing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from django.core.management import call_command

from portal.accounts.models import User
from portal.catalogue.models import Dataset, Table, Upload
from portal.catalogue.profiles import profile_of
from portal.demo import loading, showings
from portal.demo.partners import PASSWORD, PEOPLE
from portal.demo.studies import STUDIES, Until
from portal.evaluations.models import Evaluation
from portal.jobs import running
from portal.jobs.models import Status
from portal.organisations.models import Appointment, Organisation
from portal.organisations.roles import ConsortiumRole, Verb
from portal.organisations.sharing import may
from portal.registry.cards import card_of
from portal.registry.models import ModelVersion
from portal.studies.models import Study

REPLICATES = 100


def silent(text: str) -> None:
    pass


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, media: Path) -> None:
    """Of each task two datasets: one that is evaluated and one that waits; quick intervals."""
    smaller = {}
    for slug, shown in showings.SHOWINGS.items():
        kept = {}
        for task in shown.protocols:
            for waits in (False, True):
                entry = next(
                    each for each in shown.datasets if task in each.tasks and each.waits == waits
                )
                kept[entry.title] = entry
        smaller[slug] = dataclasses.replace(
            shown,
            datasets=tuple(kept.values()),
            protocols={
                task: {**fields, "bootstrap_replicates": REPLICATES, "subgroups": ()}
                for task, fields in shown.protocols.items()
            },
        )
    monkeypatch.setattr(showings, "SHOWINGS", smaller)


def counts() -> dict[str, int]:
    kept = (
        Organisation,
        User,
        Dataset,
        Upload,
        Table,
        ModelVersion,
        Evaluation,
        Appointment,
        Study,
    )
    return {model.__name__: model.objects.count() for model in kept}


@pytest.mark.django_db
def test_everything_is_there_after_the_first_load_and_nothing_more_after_the_second(
    small: None, settings
) -> None:
    loading.load(silent, processes=1)
    before = counts()
    assert before["Dataset"] == 8
    assert before["ModelVersion"] == 10
    evaluations = Evaluation.objects.filter(study=None)
    assert evaluations.count() == 10
    assert set(evaluations.values_list("status", flat=True)) == {Status.SUCCEEDED}
    assert set(Upload.objects.values_list("status", flat=True)) == {Status.SUCCEEDED}
    loading.load(silent, processes=1)
    assert counts() == before

    for dataset in Dataset.objects.all():
        assert dataset.is_synthetic
        assert "(synthetic)" in dataset.title
        profile = profile_of(dataset)
        assert profile is not None
        assert profile.shown
        columns = {name for table in dataset.tables.filter(model_version=None)
                   for name in table.column_names}  # fmt: skip
        described = dataset.variables.exclude(label="").values_list("name", flat=True)
        assert set(described) == columns
    for version in ModelVersion.objects.all():
        assert version.status == ModelVersion.Status.RELEASED
        section = card_of(version)
        assert section is not None
        assert section.shown

    left = {entry.title: entry.until for entry in STUDIES}
    for study in Study.objects.all():
        until = left.pop(study.title)
        assert study.status == until.value
        statuses = {cell.status for cell in study.cells.all()}
        expected = {Until.RUNNING: {Status.QUEUED}, Until.INVITING: set()}
        assert statuses == expected.get(until, {Status.SUCCEEDED})
        waiting = study.invitations.filter(status="waiting")
        assert waiting.exists() == (until is Until.INVITING)
    assert not left

    examples = {path.name for path in (settings.MEDIA_ROOT.parent / "examples").iterdir()}
    assert {"cohort.csv", "predictions.csv", "alerts-events.csv"} <= examples

    # A viewer of another organisation sees everything, and may change nothing.
    jan = User.objects.get(email="jan@erasmus.example")
    for found in (*Dataset.objects.all(), *evaluations):
        assert may(jan, Verb.VIEW, found)
        assert not may(jan, Verb.CHANGE, found)


@pytest.mark.django_db
def test_a_later_load_reads_nothing_without_limits(
    small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it would read may by then be a visitor's upload."""
    shown = showings.SHOWINGS["heart-failure"]
    monkeypatch.setattr(showings, "SHOWINGS", {"heart-failure": shown})
    loading.load(silent, processes=1)
    Evaluation.objects.filter(study=None).delete()
    changed = {"alerts": {**shown.protocols["alerts"], "window": 20}}
    again = dataclasses.replace(shown, protocols=changed)
    monkeypatch.setattr(showings, "SHOWINGS", {"heart-failure": again})
    started = []

    def run_child(module: str, request: object, **rest: object) -> None:
        started.append(module)
        raise running.ChildRefused("Not today.")

    monkeypatch.setattr(running, "run_child", run_child)
    with pytest.raises(RuntimeError, match=r"Not today\."):
        loading.load(silent, processes=1)
    assert started == ["portal.evaluations.computing"] * 2


@pytest.mark.django_db
def test_what_a_visitor_has_changed_is_left_as_it_is(
    media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showings, "SHOWINGS", {})
    loading.load(silent, processes=1)
    anna = User.objects.get(email="anna@aarhus.example")
    anna.set_password("another-password-altogether")
    anna.save()
    anna.memberships.update(role="viewer")
    loading.load(silent, processes=1)
    anna.refresh_from_db()
    assert anna.check_password("another-password-altogether")
    assert [membership.role for membership in anna.memberships.all()] == ["viewer"]


@pytest.mark.django_db
def test_everyone_who_is_listed_can_sign_in_and_one_coordinates(
    media: Path, settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEMONSTRATION = True
    monkeypatch.setattr(showings, "SHOWINGS", {})
    call_command("load_demonstration")
    printed = capsys.readouterr().out
    for person in PEOPLE:
        user = User.objects.get(email=person.email)
        assert user.check_password(PASSWORD)
        assert person.email in printed
    coordinators = Appointment.objects.filter(role=ConsortiumRole.COORDINATOR)
    assert [each.user.email for each in coordinators] == ["marie@hdh.example"]
    assert not User.objects.get(email="caretaker@erasmus-mc.example").has_usable_password()
