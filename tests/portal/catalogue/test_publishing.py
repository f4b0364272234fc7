"""A description is published when what its access level makes mandatory is there, and stays so."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.catalogue.actions import replace_variables, update_dataset
from portal.catalogue.models import Dataset, Variable
from portal.catalogue.requirements import NotComplete
from portal.catalogue.vocabulary import AccessRights
from portal.organisations.models import Organisation
from portal.organisations.roles import Role
from portal.organisations.sharing import set_public
from tests import factories

pytestmark = pytest.mark.django_db

EMPTY: dict[str, Any] = {
    "title": "",
    "description": "",
    "access_rights": "",
    "health_category": "",
    "keyword": [],
    "contact_email": "",
    "dataset_type": "",
    "provenance": " ",
}
NON_PUBLIC = {"keyword", "contact_email", "dataset_type", "provenance"}
REMOVED = [*EMPTY, "dictionary", "labels", "access_body"]
LEVELS = [(level, name) for level in AccessRights.values for name in REMOVED]


@pytest.fixture
def manager() -> User:
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


def a_complete_dataset(by: User, level: str = AccessRights.NON_PUBLIC) -> Dataset:
    return factories.complete(factories.a_dataset(by, access_rights=level))


def remove(dataset: Dataset, name: str) -> None:
    """Take one thing away, past the forms and the actions."""
    if name == "dictionary":
        dataset.variables.all().delete()
    elif name == "labels":
        dataset.variables.update(label="")
    elif name == "access_body":
        Organisation.objects.filter(kind=Organisation.Kind.ACCESS_BODY).delete()
    else:
        Dataset.objects.filter(pk=dataset.pk).update(**{name: EMPTY[name]})
    dataset.refresh_from_db()


@pytest.mark.parametrize(("level", "name"), LEVELS)
def test_each_mandatory_field_removed_stops_publishing_and_is_named(manager, level, name) -> None:
    dataset = a_complete_dataset(manager, level)
    remove(dataset, name)
    client = Client()
    client.force_login(manager)
    address = reverse("dataset-share", kwargs={"use_case": "ckd", "slug": dataset.slug})
    page = client.get(address).content.decode()
    answer = client.post(address, {"public": "yes"})
    dataset.refresh_from_db()
    if level != AccessRights.NON_PUBLIC and name in NON_PUBLIC:
        assert dataset.is_public
        assert "Before it can be public" not in page
        return
    assert not dataset.is_public
    assert answer.status_code == 302
    with pytest.raises(NotComplete) as refused:
        set_public(obj=dataset, public=True, by=manager)
    (one,) = refused.value.missing
    assert one.field == name
    assert one.sentence in page
    if one.anchor:
        edit = reverse("dataset-edit", kwargs={"use_case": "ckd", "slug": dataset.slug})
        assert f'href="{edit}#{one.anchor}"' in page
        assert f'id="{one.anchor}"' in client.get(edit).content.decode()


def test_data_that_are_not_structured_need_no_dictionary(manager) -> None:
    dataset = a_complete_dataset(manager)
    remove(dataset, "dictionary")
    update_dataset(dataset=dataset, has_structured_data=False, by=manager)
    set_public(obj=dataset, public=True, by=manager)


def test_a_draft_may_lack_all_of_it(manager) -> None:
    dataset = factories.a_dataset(manager)
    update_dataset(dataset=dataset, keyword=[], by=manager)
    assert not dataset.is_public


@pytest.mark.parametrize("name", sorted(NON_PUBLIC))
def test_a_public_description_does_not_lose_what_is_mandatory(manager, name) -> None:
    dataset = a_complete_dataset(manager)
    set_public(obj=dataset, public=True, by=manager)
    with pytest.raises(NotComplete) as refused:
        update_dataset(dataset=dataset, by=manager, **{name: EMPTY[name]})
    assert [one.field for one in refused.value.missing] == [name]
    assert getattr(Dataset.objects.get(pk=dataset.pk), name) not in ("", " ", [])


def test_a_public_description_does_not_lose_its_dictionary(manager) -> None:
    dataset = a_complete_dataset(manager)
    set_public(obj=dataset, public=True, by=manager)
    for variables in ([], [Variable(name="egfr")]):
        with pytest.raises(NotComplete):
            replace_variables(dataset=dataset, variables=variables, by=manager)
        with pytest.raises(NotComplete):
            update_dataset(dataset=dataset, variables=variables, by=manager)
    assert dataset.variables.get().label == "eGFR"


def test_a_stricter_access_level_asks_for_more(manager) -> None:
    dataset = a_complete_dataset(manager, AccessRights.PUBLIC)
    for name in NON_PUBLIC:
        remove(dataset, name)
    set_public(obj=dataset, public=True, by=manager)
    with pytest.raises(NotComplete) as refused:
        update_dataset(dataset=dataset, access_rights=AccessRights.NON_PUBLIC, by=manager)
    assert {one.field for one in refused.value.missing} == NON_PUBLIC


def test_what_went_missing_by_itself_stops_no_other_change(manager) -> None:
    dataset = a_complete_dataset(manager)
    set_public(obj=dataset, public=True, by=manager)
    remove(dataset, "labels")  # an upload with a column that nobody has described
    update_dataset(dataset=dataset, title="A better title", by=manager)
    assert Dataset.objects.get(pk=dataset.pk).title == "A better title"


def test_the_form_says_at_the_field_what_a_public_description_may_not_lose(manager) -> None:
    dataset = a_complete_dataset(manager)
    set_public(obj=dataset, public=True, by=manager)
    client = Client()
    client.force_login(manager)
    address = reverse("dataset-edit", kwargs={"use_case": "ckd", "slug": dataset.slug})
    sent = {
        "title": "Another title",
        "description": "Adults.",
        "spatial": "DK",
        "health_category": "a",
        "access_rights": "NON_PUBLIC",
        "personal_data": "pseudonymised",
        "keyword": "",
        "contact_email": "data@example.org",
        "dataset_type": "STATISTICAL",
        "provenance": "Records.",
        "variables-TOTAL_FORMS": "0",
        "variables-INITIAL_FORMS": "0",
    }
    page = client.post(address, sent).content.decode()
    assert "Give at least one keyword by which people find it." in page
    assert 'href="#id_keyword"' in page
    stored = Dataset.objects.get(pk=dataset.pk)
    assert stored.title != "Another title"
    assert stored.variables.count() == 1
