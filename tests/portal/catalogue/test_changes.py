"""What was changed in a description is kept, and whose description is old is reminded."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import User
from portal.catalogue import reminders
from portal.catalogue.actions import replace_variables, update_dataset
from portal.catalogue.models import Dataset, DatasetChange, Variable
from portal.notifications.kinds import Kind
from portal.notifications.models import Notification
from portal.organisations.roles import Role
from portal.organisations.sharing import set_public
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> User:
    return factories.a_person(factories.an_organisation(), Role.MANAGER, full_name="Anna Holm")


def lines_of(dataset: Dataset) -> list[tuple[str, str, str]]:
    change = dataset.changes.first()
    assert change is not None
    return [(line.label, line.before, line.after) for line in change.lines]


def test_each_field_is_told_before_and_after(manager) -> None:
    dataset = factories.a_dataset(
        manager, number_of_records=10, health_theme=["CANCER_DISEASE"], keyword=["a", "b"]
    )
    first = dataset.changes.get()
    assert ("Title", "", dataset.title) in [(x.label, x.before, x.after) for x in first.lines]
    update_dataset(
        dataset=dataset,
        number_of_records=None,
        health_theme=["CANCER_DISEASE", "HEALTH_SYSTEMS"],
        temporal_start=date(2020, 1, 31),
        dataset_type="STATISTICAL",
        keyword=["a", "b"],
        has_structured_data=False,
        profile={"albuminuria": True},
        by=manager,
    )
    change = dataset.changes.first()
    assert change.person == manager
    found = {line.label: (line.before, line.after) for line in change.lines}
    assert found == {
        "Records": ("10", ""),
        "Health themes": ("Cancer", "Cancer, Health systems"),
        "Period from": ("", "2020-01-31"),
        "Kind of data": ("", "Statistical data"),
        "Structured": ("yes", "no"),
        "Albuminuria": ("", "yes"),
    }


def test_the_data_dictionary_is_told_variable_by_variable(manager) -> None:
    dataset = factories.a_dataset(
        manager, variables=[Variable(name="age", label="Age"), Variable(name="sex", label="Sex")]
    )
    kept = [Variable(name="age", label="Age", unit="years"), Variable(name="egfr", label="eGFR")]
    replace_variables(dataset=dataset, variables=kept, by=manager)
    assert lines_of(dataset) == [
        ("Variable age", "Age; number", "Age; number; years"),
        ("Variable sex", "Sex; number", "not there"),
        ("Variable egfr", "not there", "eGFR; number"),
    ]


def test_saving_what_is_there_is_no_change_and_publishing_is_one(manager) -> None:
    dataset = factories.complete(factories.a_dataset(manager))
    update_dataset(dataset=dataset, title=dataset.title, by=manager)
    assert dataset.changes.count() == 1
    set_public(obj=dataset, public=True, by=manager)
    assert lines_of(dataset) == [("Public", "no", "yes")]


def test_a_change_is_never_changed(manager) -> None:
    change = factories.a_dataset(manager).changes.get()
    for spoil in (
        lambda: DatasetChange.objects.update(fields=[]),
        lambda: DatasetChange.objects.filter(pk=change.pk).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            spoil()


def test_who_may_change_the_dataset_reads_its_changes(manager) -> None:
    dataset = factories.a_dataset(manager, provenance="<b>A registry</b>")
    update_dataset(dataset=dataset, title="Another title", by=manager)
    address = reverse("dataset-changes", kwargs={"use_case": "ckd", "slug": dataset.slug})
    client = Client()
    client.force_login(manager)
    page = client.get(address).content.decode()
    for shown in ("Another title", "Anna Holm", "&lt;b&gt;A registry&lt;/b&gt;"):
        assert shown in page
    assert address in client.get(dataset.get_absolute_url()).content.decode()
    assert "À" not in page
    assert "Titre" in client.get(f"/fr{address}").content.decode()


def test_an_old_description_is_told_once_to_who_may_change_it(manager) -> None:
    organisation = manager.memberships.get().organisation
    contributor = factories.a_person(organisation, Role.CONTRIBUTOR)
    factories.a_person(organisation, Role.VIEWER)
    old, _new = factories.a_dataset(manager), factories.a_dataset(manager)
    Dataset.objects.filter(pk=old.pk).update(modified=timezone.now() - timedelta(days=366))
    for _again in range(2):
        reminders.remind()
    told = Notification.objects.filter(kind=Kind.DESCRIPTION_OLD)
    assert {each.person for each in told} == {manager, contributor}
    assert len(told) == 2
    assert told[0].url == reverse("dataset-edit", kwargs={"use_case": "ckd", "slug": old.slug})


def test_members_see_how_well_their_organisation_describes_its_datasets(manager) -> None:
    factories.a_dataset(manager, title="Hardly described")
    organisation = manager.memberships.get().organisation
    client = Client()
    heading = "How well its datasets are described"
    assert heading not in client.get(organisation.get_absolute_url()).content.decode()
    client.force_login(manager)
    page = client.get(organisation.get_absolute_url()).content.decode()
    assert heading in page
    assert "Hardly described" in page
