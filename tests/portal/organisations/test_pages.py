"""Pages of organisations and of their people."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.accounts.models import User
from portal.organisations import actions, sharing
from portal.organisations.models import Organisation
from portal.organisations.roles import MAY, Role, Verb
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(media: Path) -> User:
    return factories.a_person(factories.an_organisation("Holder"), Role.MANAGER)


def of(person: User) -> Organisation:
    return person.memberships.get().organisation


def client_of(person: User | None) -> Client:
    client = Client()
    if person is not None:
        client.force_login(person)
    return client


def at(name: str, person: User) -> str:
    membership = person.memberships.get()
    slug = membership.organisation.slug
    return reverse(name, kwargs={"slug": slug, "membership_id": membership.pk})


def test_the_list_is_public_searched_and_filtered() -> None:
    factories.an_organisation("Aarhus", "DK")
    factories.an_organisation("Charité", "DE")

    def found(**asked: str) -> list[str]:
        page = Client().get(reverse("organisation-list"), asked).context["page"]
        return [organisation.name for organisation in page]

    assert found() == ["Aarhus", "Charité"]
    assert found(q="aar") == ["Aarhus"]
    assert found(country="DE") == ["Charité"]
    assert found(kind="developer") == []
    for strange in ("\x00", "x" * 5000, "%"):
        assert found(country=strange, kind=strange) == ["Aarhus", "Charité"]
        found(q=strange)


def test_the_page_of_roles_shows_the_table_itself() -> None:
    page = Client().get(reverse("organisation-roles"))
    shown = {
        (role, permission)
        for _title, roles, rows in page.context["tables"]
        for permission, given in rows
        for role, yes in zip(roles, given, strict=True)
        if yes
    }
    assert shown == {(role, permission) for role, row in MAY.items() for permission in row}


def test_members_see_who_belongs_and_nobody_else_does(manager: User) -> None:
    colleague = factories.a_person(of(manager), Role.VIEWER, full_name="Lena Brandt")
    outsider = factories.a_person(factories.an_organisation(), Role.MANAGER)
    administrator = factories.a_person(is_superuser=True, is_staff=True)
    address = of(manager).get_absolute_url()
    for person in (manager, colleague):
        assert "Lena Brandt" in client_of(person).get(address).content.decode()
    for person in (None, outsider, administrator, factories.appointed("coordinator")):
        page = client_of(person).get(address).content.decode()
        assert "Holder" in page
        assert "Lena Brandt" not in page or person == factories.appointed
        assert colleague.email not in page
        assert manager.email not in page


def test_who_is_suspended_reads_why_the_page_is_empty(manager: User) -> None:
    person = factories.a_person(of(manager))
    actions.suspend_membership(membership=person.memberships.get(), by=manager)
    page = client_of(person).get(of(manager).get_absolute_url()).content.decode()
    assert "is suspended" in page
    assert manager.email not in page


def test_an_organisation_shows_of_what_it_owns_only_what_one_may_see(manager: User) -> None:
    shared, private = (factories.a_dataset(manager, title=title) for title in ("Open", "Closed"))
    partner = factories.a_person(factories.an_organisation())
    sharing.share(obj=shared, verbs=[Verb.VIEW], organisation=of(partner), by=manager)
    address = of(manager).get_absolute_url()
    assert private.title in client_of(manager).get(address).content.decode()
    page = client_of(partner).get(address).content.decode()
    assert shared.title in page
    assert private.title not in page
    assert shared.title not in Client().get(address).content.decode()


def test_a_manager_changes_suspends_and_ends(manager: User) -> None:
    person = factories.a_person(of(manager), Role.VIEWER)
    client = client_of(manager)
    client.post(at("membership-change", person), {"role": "contributor"})
    assert person.memberships.get().role == Role.CONTRIBUTOR
    client.post(at("membership-change", person), {"role": "king"})
    assert person.memberships.get().role == Role.CONTRIBUTOR
    client.post(at("membership-suspend", person))
    assert person.memberships.get().is_suspended
    assert "Reinstate" in client.get(at("membership-detail", person)).content.decode()
    client.post(at("membership-reinstate", person))
    assert not person.memberships.get().is_suspended
    client.post(at("membership-end", person))
    assert not person.memberships.exists()


@pytest.mark.parametrize("name", ["membership-change", "membership-suspend", "membership-end"])
def test_the_only_manager_reads_why_not(manager: User, name: str) -> None:
    answer = client_of(manager).post(at(name, manager), {"role": "viewer"}, follow=True)
    assert "would be left without a manager" in answer.content.decode()
    assert manager.memberships.get().role == Role.MANAGER


def test_a_manager_who_gives_the_role_away_goes_on_to_the_organisation(manager: User) -> None:
    factories.a_person(of(manager), Role.MANAGER)
    answer = client_of(manager).post(at("membership-change", manager), {"role": "viewer"})
    assert answer["Location"] == of(manager).get_absolute_url()


def test_anybody_may_leave(manager: User) -> None:
    person = factories.a_person(of(manager), Role.VIEWER)
    client = client_of(person)
    page = client.get(at("membership-detail", person)).content.decode()
    assert "Leave" in page
    assert "Change the role" not in page
    assert client.post(at("membership-change", person), {"role": "manager"}).status_code == 403
    assert client.post(at("membership-suspend", person)).status_code == 403
    client.post(at("membership-end", person))
    assert not person.memberships.exists()


def test_a_member_is_not_reached_through_another_organisation(manager: User) -> None:
    other = factories.a_person(factories.an_organisation(), Role.MANAGER)
    theirs = factories.a_person(of(manager)).memberships.get()
    for name in ("membership-change", "membership-suspend", "membership-end"):
        address = reverse(name, kwargs={"slug": of(other).slug, "membership_id": theirs.pk})
        assert client_of(other).post(address, {"role": "manager"}).status_code == 404
    theirs.refresh_from_db()
    assert (theirs.role, theirs.suspended_at) == (Role.CONTRIBUTOR, None)


@pytest.mark.parametrize("slug", ["roles", "invitations"])
def test_no_organisation_hides_behind_a_page(slug: str) -> None:
    organisation = factories.an_organisation()
    with pytest.raises(IntegrityError, match="no_other_page"), transaction.atomic():
        Organisation.objects.filter(pk=organisation.pk).update(slug=slug)


def test_a_page_of_many_people_has_a_constant_number_of_queries(manager: User) -> None:
    client = client_of(manager)

    def queries() -> int:
        client.get(of(manager).get_absolute_url())
        with CaptureQueriesContext(connection) as captured:
            page = client.get(of(manager).get_absolute_url())
        assert len(page.context["page"].object_list) <= 25
        return len(captured)

    few = queries()
    for _ in range(30):
        factories.a_person(of(manager))
    assert queries() == few
