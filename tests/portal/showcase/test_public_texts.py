"""Milestones, figures of the home page, what a partner says of itself, and the demonstration's."""

from __future__ import annotations

from datetime import date

import pytest
from django.conf import settings
from django.template import engines
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from portal.audit.acts import Act
from portal.audit.models import Entry
from portal.demo.partners import load_partners
from portal.demo.public_texts import NEWS, load_public_texts
from portal.organisations import actions
from portal.organisations.models import Organisation
from portal.organisations.roles import Role
from portal.showcase.models import HomeFigure, Milestone, News
from tests import factories

pytestmark = pytest.mark.django_db

TIMELINE = '{% load components %}{% milestones "Timeline" %}'


def read(address: str) -> str:
    with override("en"):  # which a request changes, and leaves so
        return Client().get(address).content.decode()


def drawn() -> str:
    return engines["django"].from_string(TIMELINE).render({}).strip()


def test_every_language_of_the_site_has_its_field() -> None:
    for model, name in ((Milestone, "title"), (HomeFigure, "label"), (Organisation, "description")):
        names = {field.name for field in model._meta.fields}
        for code, _name in settings.LANGUAGES:
            assert (name if code == settings.LANGUAGE_CODE else f"{name}_{code}") in names


def test_milestones_stand_in_their_order_and_say_what_is_done() -> None:
    assert drawn() == ""
    Milestone.objects.create(date=date(2027, 3, 1), title="Second", title_fr="Deuxième")
    Milestone.objects.create(date=date(2026, 3, 1), title="First", is_done=True)
    html = drawn()
    assert html.index("First") < html.index("Done") < html.index("Second") < html.index("Planned")
    assert '<time datetime="2027-03">March 2027</time>' in html
    with override("fr"):
        html = drawn()
    assert "Deuxième" in html
    assert "First" in html
    assert "mars 2027" in html


def test_announced_figures_stand_on_the_home_page() -> None:
    HomeFigure.objects.create(value=1200, label="partners", label_da="partnere")
    assert "<dt>partners</dt><dd>1,200</dd>" in read("/")
    assert "<dt>partnere</dt><dd>1.200</dd>" in read("/da/")


def test_a_manager_describes_the_organisation_for_everybody() -> None:
    organisation = factories.an_organisation("Holder")
    manager = factories.a_person(organisation, Role.MANAGER)
    client = Client()
    client.force_login(manager)
    address = reverse("organisation-edit", kwargs={"slug": organisation.slug})
    given = {
        "website": "holder.example",
        "description": "We hold **data**. <script>alert(1)</script>",
        "description_fr": "Nous détenons des **données**.",
    }
    assert client.post(address, given).status_code == 302
    page = read(organisation.get_absolute_url())
    assert "<strong>data</strong>" in page
    assert "<script>alert" not in page
    assert 'href="https://holder.example"' in page
    assert (
        "<strong>données</strong>"
        in Client().get(f"/fr/organisations/{organisation.slug}/").content.decode()
    )
    danish = Client().get(f"/da/organisations/{organisation.slug}/").content.decode()
    assert "<strong>data</strong>" in danish
    assert "Endnu ikke oversat" in danish
    entry = Entry.objects.get(verb=Act.ORGANISATION_CHANGED)
    assert (entry.person, entry.organisation) == (manager, organisation)
    assert "We hold" not in entry.sentence
    client.post(address, given)
    assert Entry.objects.filter(verb=Act.ORGANISATION_CHANGED).count() == 1  # nothing differed


def test_a_wrong_address_is_told_and_the_text_is_kept() -> None:
    organisation = factories.an_organisation("Holder")
    client = Client()
    client.force_login(factories.a_person(organisation, Role.MANAGER))
    address = reverse("organisation-edit", kwargs={"slug": organisation.slug})
    answer = client.post(address, {"website": "javascript:alert(1)", "description": "Typed."})
    assert answer.status_code == 200
    assert "Typed." in answer.content.decode()
    organisation.refresh_from_db()
    assert (organisation.website, organisation.description) == ("", "")


def test_who_does_not_manage_it_cannot_describe_it() -> None:
    organisation = factories.an_organisation()
    for person in (factories.a_person(organisation, Role.CONTRIBUTOR), factories.a_person()):
        with pytest.raises(PermissionError):
            actions.describe_organisation(
                organisation=organisation, texts={"description": "Mine."}, by=person
            )


def test_the_demonstration_writes_once_and_says_that_it_is_one(media) -> None:
    load_partners()
    load_public_texts()
    assert News.objects.count() == len(NEWS)
    for item in News.objects.published().with_texts():
        for text in item.texts.all():
            assert text.title.split()[0].startswith("D"), text  # "Demonstration:" in each language
            assert text.body.endswith("*")
    for milestone in Milestone.objects.all():
        assert milestone.title.startswith("Demonstration: ")
    News.objects.last().delete()
    load_public_texts()
    assert News.objects.count() == len(NEWS) - 1
