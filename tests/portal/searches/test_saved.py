"""Saved searches: what is new is told once, and only to who sees it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from portal.catalogue.models import Variable
from portal.notifications.kinds import Kind
from portal.notifications.models import Notification
from portal.organisations import sharing
from portal.organisations.actions import suspend_membership
from portal.organisations.roles import Role, Verb
from portal.searches.models import LONGEST_QUERY, MOST_OF_A_PERSON, SavedSearch
from portal.searches.tasks import look_for_new
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return factories.a_person(factories.an_organisation("Lyon"), Role.MANAGER)


@pytest.fixture
def holder():
    return factories.a_person(factories.an_organisation("Aarhus"), Role.MANAGER)


def client_of(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def look() -> None:
    """The periodic task, once the searches are due again."""
    SavedSearch.objects.update(looked_at=Now() - timedelta(hours=1))
    look_for_new()


def told(person) -> list[str]:
    """Where each notification leads, the newest last."""
    found = Notification.objects.of(person).order_by("id")
    assert set(found.values_list("kind", flat=True)) <= {Kind.NEW_MATCH}
    return list(found.values_list("url", flat=True))


def test_what_is_new_is_told_once_and_only_what_one_sees(person, holder) -> None:
    factories.a_dataset(person, title="Kidney, there before")
    search = factories.a_saved_search(person, "q=kidney&country=DK", name="Kidneys")
    look()
    assert told(person) == []

    hidden = factories.a_dataset(holder, title="Kidney of others", description="Adults.")
    factories.a_dataset(person, title="Heart", description="Adults.")
    factories.a_dataset(person, title="Kidney abroad", spatial="FR")
    look()
    assert told(person) == []

    # It is shared: new to the person now.
    sharing.share(obj=hidden, verbs=[Verb.VIEW], organisation=None, by=holder)
    look()
    look()
    assert told(person) == [hidden.get_absolute_url()]
    assert Notification.objects.of(person).get().text == (
        "A new dataset matches your search “Kidneys”."
    )

    # What ends to match and matches again is not told again, nor what ends to be shared.
    hidden.title = "Renamed"
    hidden.save()
    look()
    hidden.title = "Kidney again"
    hidden.save()
    sharing.share(obj=hidden, verbs=[], organisation=None, by=holder)
    look()
    sharing.share(obj=hidden, verbs=[Verb.VIEW], organisation=None, by=holder)
    look()
    assert len(told(person)) == 1

    # Several at once are one notification; a variable is a word as well.
    for title in ("Kidney A", "Kidney B"):
        factories.a_dataset(person, title=title)
    late = factories.a_dataset(person, title="Late", description="Adults.")
    Variable.objects.create(dataset=late, name="kidney_volume")
    look()
    assert told(person)[1:] == [f"/account/searches/#search-{search.pk}"]
    page = client_of(person).get(reverse("saved-search-list")).content.decode()
    assert all(title in page for title in ("Kidney A", "Kidney B", "Late"))
    assert "there before" not in page


def test_who_sees_nothing_any_more_is_told_nothing(person, holder) -> None:
    factories.a_saved_search(person)
    other = factories.a_person(person.memberships.get().organisation)
    factories.a_saved_search(other)
    manager = factories.a_person(person.memberships.get().organisation, Role.MANAGER)
    suspend_membership(membership=other.memberships.get(), by=manager)
    person.is_active = False
    person.save()
    factories.a_dataset(manager)
    look()
    assert told(person) == told(other) == []


def test_a_run_is_bounded_and_all_have_their_turn(person, monkeypatch) -> None:
    monkeypatch.setattr("portal.searches.tasks.MOST_LOOKED", 2)
    for _ in range(3):
        factories.a_saved_search(person)
    SavedSearch.objects.update(looked_at=Now() - timedelta(hours=1))
    dataset = factories.a_dataset(person)
    look_for_new()
    assert len(told(person)) == 2
    look_for_new()
    look_for_new()  # none is due any more
    assert told(person) == [dataset.get_absolute_url()] * 3


def test_a_list_is_saved_with_its_filters_and_found_again(person) -> None:
    factories.a_dataset(person, title="Kidney")
    client = client_of(person)
    page = client.get("/ckd/datasets/?q=kidney&country=DK&sort=title&page=2").content.decode()
    link = f"{reverse('saved-search-create')}?q=kidney&amp;country=DK&amp;use_case_of_list=ckd"
    assert link in page
    form = client.get(link.replace("&amp;", "&"))
    assert form.context["query"] == "q=kidney&country=DK"
    given = {"name": "Mine", "query": "q=kidney&country=DK&country=XX&evil=1&page=3"}
    address = reverse("saved-search-create")
    client.post(address, given | {"use_case_of_list": "ckd"})
    search = SavedSearch.objects.get(person=person)
    assert (search.query, search.use_case) == ("q=kidney&country=DK", "ckd")
    assert search.get_absolute_url() == "/ckd/datasets/?q=kidney&country=DK"
    again = client.post(address, given)
    assert "You have a search of this name." in again.content.decode()
    client.post(reverse("saved-search-rename", args=[search.pk]), {"name": "Kidneys of DK"})
    search.refresh_from_db()
    assert search.name == "Kidneys of DK"
    for wrong in ("", " ", "x" * 81):
        client.post(reverse("saved-search-rename", args=[search.pk]), {"name": wrong})
    search.refresh_from_db()
    assert search.name == "Kidneys of DK"
    client.post(reverse("saved-search-delete", args=[search.pk]))
    assert not SavedSearch.objects.exists()


def test_limits_and_what_is_not_ones_own(person, holder) -> None:
    search = factories.a_saved_search(person, name="Taken")
    with pytest.raises(ValidationError):
        factories.a_saved_search(person, name="Taken")
    factories.a_saved_search(holder, name="Taken")
    for name in ("saved-search-rename", "saved-search-delete"):
        address = reverse(name, args=[search.pk])
        assert client_of(holder).post(address, {"name": "Stolen"}).status_code == 404
    long = "&".join(f"holder={number:090d}" for number in range(200))
    assert len(long) > LONGEST_QUERY
    with pytest.raises(ValueError, match="too many filters"):
        factories.a_saved_search(person, f"{long}&q={'é' * 200}")
    for _ in range(MOST_OF_A_PERSON - 1):
        factories.a_saved_search(person)
    with pytest.raises(ValueError, match="no more are kept"):
        factories.a_saved_search(person)
