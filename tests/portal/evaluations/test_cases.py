"""Single cases: for the people of the data's holder, and nowhere else."""

from __future__ import annotations

import html
import re

import polars as pl
import pytest
from django.test import Client
from django.urls import reverse

from portal import store
from portal.accounts.models import User
from portal.audit.models import Entry
from portal.evaluations.models import Evaluation
from portal.organisations import sharing
from portal.organisations.roles import Role, Verb
from tests import factories
from tests.every_task import evaluated

pytestmark = pytest.mark.django_db
WITH_CASES = ["metastasis/lung-ct", "heart-failure/alerts"]


@pytest.fixture
def person(media: object) -> User:
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


@pytest.fixture
def evaluation(request: pytest.FixtureRequest, person: User) -> Evaluation:
    return evaluated(person, request.param)


def address(evaluation: Evaluation, number: int | None = None) -> str:
    where = {"use_case": evaluation.use_case, "reference": evaluation.reference}
    if number is None:
        return reverse("evaluation-cases", kwargs=where)
    return reverse("evaluation-case", kwargs=where | {"number": number})


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def stored(evaluation: Evaluation) -> pl.DataFrame:
    assert evaluation.stored_result is not None
    with store.content(evaluation.stored_result.cases_sha256, suffix="parquet") as path:
        return pl.read_parquet(path)


def first_cells(page: bytes) -> list[str]:
    heads = re.findall(r'<th scope="row">(.*?)</th>', page.decode(), re.S)
    return [html.unescape(re.sub("<.*?>", "", head)) for head in heads]


@pytest.mark.parametrize("evaluation", WITH_CASES, indirect=True)
def test_the_holders_contributors_see_every_case_in_pages(
    evaluation: Evaluation, person: User
) -> None:
    client, frame = signed_in(person), stored(evaluation)
    assert address(evaluation) in client.get(evaluation.get_absolute_url()).content.decode()
    ids = frame[frame.columns[0]].to_list()
    seen: list[str] = []
    for page in range(1, 2 + (len(ids) - 1) // 50):
        seen += first_cells(client.get(address(evaluation), {"page": page}).content)
    assert seen == ids


@pytest.mark.parametrize("evaluation", WITH_CASES, indirect=True)
def test_the_table_is_sorted_by_the_server(evaluation: Evaluation, person: User) -> None:
    client, frame = signed_in(person), stored(evaluation)
    view = evaluation.declared_task.cases
    assert view is not None
    for column in view.columns:
        for sort in (column.name, f"-{column.name}"):
            page = client.get(address(evaluation), {"sort": sort})
            order = frame.with_row_index("place").sort(
                [column.name, "place"], descending=[sort.startswith("-"), False], nulls_last=True
            )
            assert first_cells(page.content) == order[frame.columns[0]][:50].to_list()
            direction = "descending" if sort.startswith("-") else "ascending"
            assert page.content.decode().count(f'aria-sort="{direction}"') == 1
    unsorted = client.get(address(evaluation), {"sort": "nonsense"})
    assert first_cells(unsorted.content) == frame[frame.columns[0]][:50].to_list()


@pytest.mark.parametrize("evaluation", WITH_CASES, indirect=True)
def test_nobody_else_finds_them(evaluation: Evaluation, person: User) -> None:
    named = factories.an_organisation()
    for shared in (evaluation.dataset, evaluation):
        sharing.share(obj=shared, verbs=list(Verb), organisation=named, by=person)
    others = [
        factories.a_person(person.memberships.get().organisation, Role.VIEWER),
        factories.a_person(named, Role.MANAGER),
        factories.a_person(is_staff=True, is_superuser=True),
    ]
    for other in others:
        client = signed_in(other)
        assert client.get(address(evaluation)).status_code == 404
        assert client.get(address(evaluation, 1)).status_code == 404
        page = client.get(evaluation.get_absolute_url())
        assert address(evaluation) not in page.content.decode()
    assert Client().get(address(evaluation)).status_code == 404


@pytest.mark.parametrize("evaluation", WITH_CASES, indirect=True)
def test_no_case_is_in_the_result_the_page_or_the_log(evaluation: Evaluation, person: User) -> None:
    client, frame = signed_in(person), stored(evaluation)
    client.get(address(evaluation))
    assert evaluation.stored_result is not None
    places = [
        bytes(evaluation.stored_result.content).decode(),
        evaluation.stored_result.summary,
        client.get(evaluation.get_absolute_url()).content.decode(),
        *evaluation.log.values_list("text", flat=True),
        *Entry.objects.values_list("sentence", flat=True),
    ]
    for case in frame[frame.columns[0]]:
        assert not any(re.search(rf"\b{case}\b", place) for place in places), case
    assert Entry.objects.filter(verb="cases-seen").count() == 1


@pytest.mark.parametrize("evaluation", ["heart-failure/alerts"], indirect=True)
def test_a_patients_timeline_stands_under_a_running_number(
    evaluation: Evaluation, person: User
) -> None:
    client, frame = signed_in(person), stored(evaluation)
    for number in (1, 7, frame.height):
        page = client.get(address(evaluation, number))
        assert page.status_code == 200
        assert page.context["name"] == frame["patient_id"][number - 1]
        assert page.context["figure"]["data"]
        assert "no-store" in page["Cache-Control"]
    for number in (0, frame.height + 1):
        assert client.get(address(evaluation, number)).status_code == 404


@pytest.mark.parametrize("evaluation", ["metastasis/lung-ct"], indirect=True)
def test_a_task_that_draws_no_case_has_no_page_of_one(evaluation: Evaluation, person: User) -> None:
    assert signed_in(person).get(address(evaluation, 1)).status_code == 404


@pytest.mark.parametrize("evaluation", ["ckd/binary"], indirect=True)
def test_a_task_without_cases_has_none(evaluation: Evaluation, person: User) -> None:
    assert evaluation.stored_result is not None
    assert evaluation.stored_result.cases_sha256 == ""
    assert signed_in(person).get(address(evaluation)).status_code == 404
