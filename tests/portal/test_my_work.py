"""My work: what runs, what waits for the person, what has ended."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from portal.evaluations.models import Evaluation
from portal.jobs.models import Status
from portal.organisations import sharing
from portal.organisations.roles import Role, Verb
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(media):
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


def page(person, **headers):
    client = Client()
    client.force_login(person)
    return client.get(reverse("my-work"), headers=headers)


def ended(person) -> Evaluation:
    version = factories.a_version(person)
    dataset = factories.a_ready_dataset(person, version)
    return factories.a_finished_evaluation(person, dataset, version)


def queued(person) -> Evaluation:
    version = factories.a_version(person)
    return factories.an_evaluation(person, factories.a_ready_dataset(person, version), version)


def test_what_has_ended_stands_with_its_finding(person):
    evaluation = ended(person)
    response = page(person)
    assert [row["evaluation"] for row in response.context["rows"]] == [evaluation]
    assert response.context["rows"][0]["finding"].title in response.content.decode()


def test_what_others_shared_is_not_my_work(person, media):
    other = factories.a_person(factories.an_organisation(), Role.MANAGER)
    evaluation = ended(other)
    sharing.share(obj=evaluation, verbs=[Verb.VIEW], organisation=None, by=other)
    assert page(person).context["rows"] == []


def test_what_failed_or_was_refused_waits(person):
    version = factories.a_version(person, released=False)
    upload = factories.a_failed_upload(factories.a_dataset(person), person)
    response = page(person)
    assert response.context["refused"] == [upload]
    assert response.context["drafts"] == [version]
    assert upload.file_name in response.content.decode()


def test_a_refused_upload_waits_no_longer_once_another_arrived(person):
    dataset = factories.a_dataset(person)
    factories.a_failed_upload(dataset, person)
    newer = factories.a_failed_upload(dataset, person)
    assert page(person).context["refused"] == [newer]


def test_the_page_watches_itself_while_something_runs(person):
    evaluation = queued(person)
    assert "hx-get" in page(person).content.decode().split('id="running"')[1].split(">")[0]
    fragment = page(person, **{"HX-Request": "true"})
    assert fragment.templates[0].name == "my_work/_running.html"
    assert "HX-Refresh" not in fragment
    Evaluation.objects.cancel(evaluation.pk)
    assert evaluation.status == Status.QUEUED
    assert page(person, **{"HX-Request": "true"})["HX-Refresh"] == "true"
