"""Who sees and may do what: roles, sharing, and nothing by accident."""

import pytest
from django.contrib.auth.models import AnonymousUser, Permission
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from portal.catalogue.models import Dataset
from portal.organisations import roles, sharing
from portal.organisations.actions import end_membership, set_membership
from portal.organisations.models import Membership
from portal.organisations.roles import Role, Verb
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def holder():
    return factories.an_organisation("Holder")


@pytest.fixture
def dataset(holder):
    return factories.a_dataset(factories.a_person(holder, Role.MANAGER))


def verbs(person, obj):
    return set(sharing.verbs_allowed(person, obj))


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (Role.VIEWER, {"view", "results"}),
        (Role.CONTRIBUTOR, {"view", "results", "evaluate", "change"}),
        (
            Role.MANAGER,
            {"view", "results", "evaluate", "change", "share"},
        ),  # a dataset is not released
    ],
)
def test_each_role_may_do_what_the_table_says(holder, dataset, role, expected):
    assert verbs(factories.a_person(holder, role), dataset) == expected
    assert {verb.value for verb in roles.VERBS[role]} - {"release"} == expected


def test_an_outsider_a_visitor_and_an_inactive_person_see_nothing(holder, dataset):
    outsider = factories.a_person(factories.an_organisation())
    inactive = factories.a_person(holder, is_active=False)
    for person in (outsider, inactive, AnonymousUser()):
        assert not Dataset.objects.visible_to(person).exists()
        assert verbs(person, dataset) == set()


def test_being_a_superuser_or_holding_a_global_permission_shows_nothing(dataset):
    administrator = factories.a_person(is_superuser=True, is_staff=True)
    other = factories.a_person(factories.an_organisation())
    other.user_permissions.add(Permission.objects.get(codename="view_dataset"))
    assert not Dataset.objects.visible_to(administrator).exists()
    assert not Dataset.objects.visible_to(other).exists()


def test_what_is_shared_with_an_organisation_goes_there_and_nowhere_else(dataset):
    manager = dataset.created_by
    named = factories.an_organisation("Named")
    viewer, contributor = (
        factories.a_person(named, role) for role in (Role.VIEWER, Role.CONTRIBUTOR)
    )
    third = factories.a_person(factories.an_organisation("Third"), Role.MANAGER)

    sharing.share(obj=dataset, verbs=[Verb.VIEW, Verb.EVALUATE], organisation=named, by=manager)

    assert verbs(viewer, dataset) == {"view"}
    assert verbs(contributor, dataset) == {"view", "evaluate"}
    assert verbs(third, dataset) == set()

    sharing.share(obj=dataset, verbs=[], organisation=named, by=manager)
    assert verbs(contributor, dataset) == set()


def test_what_is_shared_with_the_consortium_reaches_every_member_of_it(dataset):
    sharing.share(obj=dataset, verbs=[Verb.VIEW], organisation=None, by=dataset.created_by)
    member = factories.a_person(factories.an_organisation())
    nobody = factories.a_person()
    assert verbs(member, dataset) == {"view"}
    assert verbs(nobody, dataset) == set()
    assert sharing.shared_with(dataset) == [(None, [Verb.VIEW])]


def test_only_a_manager_of_the_owner_shares(holder, dataset):
    for person in (
        factories.a_person(holder, Role.CONTRIBUTOR),
        factories.a_person(factories.an_organisation(), Role.MANAGER),
    ):
        with pytest.raises(PermissionError):
            sharing.share(obj=dataset, verbs=[Verb.VIEW], organisation=None, by=person)
    assert sharing.shared_with(dataset) == []


def test_leaving_or_a_lower_role_takes_effect_at_once(holder, dataset):
    person = factories.a_person(holder, Role.MANAGER)
    set_membership(organisation=holder, user=person, role=Role.VIEWER, by=None)
    assert verbs(person, dataset) == {"view", "results"}
    end_membership(membership=Membership.objects.get(user=person), by=None)
    assert verbs(person, dataset) == set()
    assert not person.groups.exists()


def test_a_person_of_two_organisations_loses_only_the_one_they_leave(holder, dataset):
    other = factories.an_organisation()
    person = factories.a_person(holder)
    set_membership(organisation=other, user=person, role=Role.CONTRIBUTOR, by=None)
    elsewhere = factories.a_dataset(person, other)
    end_membership(membership=Membership.objects.get(user=person, organisation=holder), by=None)
    assert list(Dataset.objects.visible_to(person)) == [elsewhere]


def test_a_person_has_one_role_in_an_organisation(holder):
    person = factories.a_person(holder)
    with pytest.raises(IntegrityError, match="membership_unique"), transaction.atomic():
        Membership.objects.create(organisation=holder, user=person, role=Role.VIEWER)


def test_an_unknown_role_is_refused_by_the_database(holder):
    with pytest.raises(IntegrityError, match="membership_role_known"), transaction.atomic():
        Membership.objects.create(organisation=holder, user=factories.a_person(), role="king")


@pytest.mark.parametrize("code", ["dk", "DNK", "1"])
def test_a_country_is_two_capital_letters(holder, code):
    with pytest.raises(Exception, match=r"country|too long"), transaction.atomic():
        type(holder).objects.filter(pk=holder.pk).update(country=code)


def test_the_same_address_in_other_case_is_the_same_person():
    person = factories.a_person()
    assert type(person).objects.get_by_natural_key(person.email.upper()) == person
    with pytest.raises(ValidationError, match="user_email_unique"):
        type(person).objects.create_user(
            person.email.upper(), "another long password", full_name="Somebody"
        )


def test_what_may_be_used_may_be_seen(dataset):
    sharing.share(obj=dataset, verbs=[Verb.EVALUATE], organisation=None, by=dataset.created_by)
    member = factories.a_person(factories.an_organisation())
    assert verbs(member, dataset) == {"view", "evaluate"}


@pytest.mark.parametrize("given", [{}, {"organisation": "named", "everyone": "on"}])
def test_nothing_is_shared_with_everyone_by_a_careless_click(dataset, given):
    named = factories.an_organisation("Named")
    given = {key: str(named.pk) if value == "named" else value for key, value in given.items()}
    client = Client()
    client.force_login(dataset.created_by)
    address = reverse("dataset-share", kwargs={"use_case": "ckd", "slug": dataset.slug})
    response = client.post(address, given | {"verbs": ["view"]})
    assert "one of the two" in response.content.decode()
    assert sharing.shared_with(dataset) == []


def test_the_whole_consortium_is_ticked_to_be_shared_with(dataset):
    client = Client()
    client.force_login(dataset.created_by)
    address = reverse("dataset-share", kwargs={"use_case": "ckd", "slug": dataset.slug})
    assert client.post(address, {"everyone": "on", "verbs": ["view"]}).status_code == 302
    assert sharing.shared_with(dataset) == [(None, [Verb.VIEW])]


def test_an_owner_does_not_lose_what_is_its_own_by_sharing_with_itself(holder, dataset):
    viewer = factories.a_person(holder, Role.VIEWER)
    with pytest.raises(ValueError, match="not with its owner"):
        sharing.share(obj=dataset, verbs=[], organisation=holder, by=dataset.created_by)
    assert verbs(viewer, dataset) == {"view", "results"}
