"""The result page of every task: what it shows is what the Result holds."""

from __future__ import annotations

import csv
import hashlib
import html
import json
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.accounts.models import User
from portal.evaluations.drawing import drawing_version
from portal.evaluations.models import Drawing, Evaluation
from portal.figures import curve_table
from portal.showcase.explorer import explored
from portal.showcase.numbers import formatted, measured
from portal.usecase import use_cases
from tests import factories
from tests.every_task import NAMES, evaluated

pytestmark = pytest.mark.django_db
TABLE_CELL = re.compile(r"<td[^>]*>(.*?)</td>", re.S)


@pytest.fixture
def person(media: object) -> User:
    return factories.a_person(factories.an_organisation())


@pytest.fixture
def evaluation(request: pytest.FixtureRequest, person: User) -> Evaluation:
    return evaluated(person, request.param)


@pytest.fixture
def client(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def at(name: str, evaluation: Evaluation, **arguments: str) -> str:
    where = {"use_case": evaluation.use_case, "reference": evaluation.reference}
    return reverse(name, kwargs=where | arguments)


def text_of(content: bytes) -> str:
    return html.unescape(content.decode())


def test_every_task_of_every_use_case_is_tried_here() -> None:
    declared = [f"{use_case.slug}/{task.slug}" for use_case in use_cases().values()
                for task in use_case.tasks]  # fmt: skip
    assert declared == NAMES


@pytest.mark.parametrize("evaluation", NAMES, indirect=True)
def test_the_page_shows_the_numbers_of_the_result(evaluation: Evaluation, client: Client) -> None:
    assert evaluation.stored_result is not None
    content = json.loads(bytes(evaluation.stored_result.content))
    result, task = evaluation.stored_result.result, evaluation.declared_task

    page = client.get(evaluation.get_absolute_url())

    text = text_of(page.content)
    assert page.status_code == 200
    assert [card.measure.key for card in page.context["cards"]] == list(task.headline)
    for card in page.context["cards"]:
        (estimate,) = [
            found
            for found in content["estimates"]
            if (found["measure"], found["at"], found["subgroup"])
            == (card.measure.key, card.estimate.at, None)
        ]
        if estimate["value"] is None:  # few people: the reason stands in its place
            assert estimate["unavailable"] in text
            continue
        assert measured(estimate["value"], card.measure) in text
        for end in ("lower", "upper"):
            if estimate[end] is not None:
                assert measured(estimate[end], card.measure) in text
    assert result.pooled
    assert page.context["finding"].title in text
    assert page.context["population"] in text
    for word in re.findall(r"\{(\w+)\}", task.population):
        value = result.population[word]
        assert f"{value:,.0f}" in page.context["population"]


@pytest.mark.parametrize("evaluation", NAMES, indirect=True)
def test_the_slider_shows_the_row_of_the_curve_that_the_address_names(
    evaluation: Evaluation, client: Client
) -> None:
    assert evaluation.stored_result is not None
    explorer = evaluation.declared_task.explorer
    assert explorer is not None
    content = json.loads(bytes(evaluation.stored_result.content))
    columns = content["curves"][explorer.curve]["columns"]
    start = explored(explorer, evaluation.stored_result.result)
    assert start is not None

    for place in range(0, len(columns[explorer.parameter]), 7):
        value = columns[explorer.parameter][place]
        page = client.get(evaluation.get_absolute_url(), {explorer.parameter: value})
        text = text_of(page.content)
        shown = page.context["explored"]
        assert shown.chosen == value
        for number in shown.numbers:
            words = formatted(columns[number.column][place], number.format)
            assert f'<span data-value="{number.column}">{words}</span>' in text
        assert shown.sentence in text
        assert "{" not in shown.sentence
    assert client.get(evaluation.get_absolute_url()).context["explored"].at == start.at


@pytest.mark.parametrize("evaluation", NAMES, indirect=True)
def test_each_figure_has_its_table_and_its_table_the_rows_of_the_result(
    evaluation: Evaluation, client: Client
) -> None:
    assert evaluation.stored_result is not None
    result = evaluation.stored_result.result
    page = client.get(evaluation.get_absolute_url())
    figures = page.context["figures"]
    assert len(figures) == len(evaluation.declared_task.figures)
    for drawn in figures:
        assert f'id="data-{drawn.figure.slug}"' in page.content.decode()
        assert json.loads(drawn.json)["data"], drawn.figure.slug
        assert drawn.tables, drawn.figure.slug
        for table in drawn.tables:
            assert f'hx-get="{table.url}"' in page.content.decode()
            key = table.url.rstrip("/").split("/")[-1].replace("-", "_")
            whole, part = client.get(table.url), client.get(table.url, HTTP_HX_REQUEST="true")
            assert "<h1>" in whole.content.decode()
            assert "<h1>" not in part.content.decode()
            _head, rows = curve_table(result.curves[key])
            cells = [html.unescape(cell) for cell in TABLE_CELL.findall(part.content.decode())]
            assert cells == [str(cell) for row in rows for cell in row]


@pytest.mark.parametrize("evaluation", NAMES, indirect=True)
def test_the_table_of_estimates_holds_every_estimate_of_the_result(
    evaluation: Evaluation, client: Client
) -> None:
    assert evaluation.stored_result is not None
    task, result = evaluation.declared_task, evaluation.stored_result.result
    address = at("evaluation-estimates-table", evaluation)
    assert address in client.get(evaluation.get_absolute_url()).content.decode()
    text = text_of(client.get(address, HTTP_HX_REQUEST="true").content)
    rows = text.split("<tbody>")[1].split("<tr>")[1:]
    assert len(rows) == len(result.estimates)
    for row, estimate in zip(rows, result.estimates, strict=True):
        shown = task.measure(estimate.measure)
        assert shown.label in row
        if estimate.value is None:
            assert estimate.unavailable is not None
            assert estimate.unavailable in row
        else:
            assert measured(estimate.value, shown) in row


@pytest.mark.parametrize("evaluation", NAMES, indirect=True)
def test_what_is_downloaded_is_what_is_stored(evaluation: Evaluation, client: Client) -> None:
    assert evaluation.stored_result is not None
    result = evaluation.stored_result.result

    downloaded = client.get(at("evaluation-result", evaluation)).content
    assert hashlib.sha256(downloaded).hexdigest() == evaluation.stored_result.sha256

    lines = client.get(at("evaluation-estimates", evaluation)).content.decode().splitlines()
    assert len(lines) == 1 + len(result.estimates)

    for key, curve in result.curves.items():
        name = key.replace("_", "-")
        response = client.get(at("evaluation-curve", evaluation, curve=name))
        rows = list(csv.reader(response.content.decode().splitlines()))
        assert rows[0] == list(curve.columns)
        assert len(rows) == 1 + len(curve.rows)


@pytest.mark.parametrize("evaluation", NAMES, indirect=True)
def test_it_stands_in_the_lists(evaluation: Evaluation, client: Client) -> None:
    here = f"/{evaluation.use_case}/"
    dataset = evaluation.dataset.get_absolute_url()
    for address in (f"{here}results/", "/results/", here, dataset):
        assert evaluation.get_absolute_url() in client.get(address).content.decode(), address


@pytest.mark.parametrize("evaluation", NAMES[:1], indirect=True)
def test_figures_are_drawn_once_and_again_by_code_that_has_changed(
    evaluation: Evaluation, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Drawing.objects.get()
    assert (kept.language, kept.version) == ("en", drawing_version("usecases.ckd"))
    calls = []

    def draw(*given: object) -> dict[str, object]:
        calls.append(given)
        return kept.figures

    monkeypatch.setattr("portal.evaluations.presentation.draw_figures", draw)
    client.get(evaluation.get_absolute_url())
    assert calls == []
    Drawing.objects.update(version="of older code")
    for _ in range(2):
        assert client.get(evaluation.get_absolute_url()).status_code == 200
    assert len(calls) == 1
    assert Drawing.objects.get().version == kept.version


@pytest.mark.parametrize("evaluation", NAMES[:1], indirect=True)
def test_the_page_takes_few_queries(evaluation: Evaluation, client: Client) -> None:
    client.get(evaluation.get_absolute_url())
    with CaptureQueriesContext(connection) as captured:
        client.get(evaluation.get_absolute_url())
    assert len(captured) <= 16, [query["sql"][:120] for query in captured]
