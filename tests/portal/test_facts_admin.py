"""The administration's pages of what use cases add: read, never written."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.facts import Facts
from tests import factories

pytestmark = pytest.mark.django_db

REGISTERED = [model for model in admin.site._registry if issubclass(model, Facts)]


@pytest.fixture
def client(db) -> Client:
    client = Client()
    client.force_login(factories.a_person(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def person():
    return factories.a_person(factories.an_organisation())


def fill(person, count: int) -> None:
    for _ in range(count):
        factories.a_dataset(person, profile={"egfr": (15, 60)})
        factories.a_dataset(person, use_case="metastasis", profile={"modality": ["ct"]})
        factories.a_dataset(person, use_case="heart-failure", profile={"adjudicated_events": 3})
        for use_case, task in (
            ("ckd", "binary"),
            ("metastasis", "mammography"),
            ("heart-failure", "alerts"),
        ):
            factories.a_version(person, factories.a_model(person, use_case=use_case, task=task))


def page(model: type[Facts], name: str, *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=arguments)


def test_each_use_case_registers_its_two_models() -> None:
    assert sorted(model._meta.app_label for model in REGISTERED) == sorted(
        ["ckd", "heart_failure", "metastasis"] * 2
    )


def test_rows_are_listed_and_read_but_not_written(client, person) -> None:
    fill(person, 1)
    for model in REGISTERED:
        row = model._default_manager.get()
        assert client.get(page(model, "changelist")).status_code == 200
        change = page(model, "change", row.pk)
        assert client.get(change).status_code == 200
        assert client.post(change, {}).status_code == 403
        assert client.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        assert client.get(page(model, "add")).status_code == 403
    profile = next(model for model in REGISTERED if model.__name__ == "KidneyCohort")
    assert "15 to 60 mL/min/1.73 m²" in client.get(page(profile, "changelist")).content.decode()


def test_the_lists_have_a_constant_number_of_queries(client, person) -> None:
    def queries() -> list[int]:
        found = []
        for model in REGISTERED:
            client.get(page(model, "changelist"))
            with CaptureQueriesContext(connection) as captured:
                client.get(page(model, "changelist"))
            found.append(len(captured))
        return found

    fill(person, 1)
    few = queries()
    fill(person, 3)
    assert queries() == few
