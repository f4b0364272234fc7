"""The result page of every task: what it shows is what the Result holds."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import polars as pl
import pytest
from django.test import Client
from django.urls import reverse

from portal.evaluations.actions import summarise
from portal.evaluations.models import Evaluation, StoredResult
from portal.jobs.models import Status
from portal.organisations.sharing import grant_to_owner
from portal.showcase.numbers import measured
from portal.tables import LoadedTable
from portal.usecase import Task, no_progress
from tests import factories

pytestmark = pytest.mark.django_db


def survival_tables(rows: int = 600) -> dict[str, pl.DataFrame]:
    generator = np.random.default_rng(4)
    risk = generator.beta(1.3, 4, rows)
    failure = generator.exponential(5 / -np.log1p(-risk))
    death, end = generator.exponential(20, rows), generator.uniform(1, 9, rows)
    time = np.minimum.reduce([failure, death, end]).clip(0.01)
    ids = [f"p{number}" for number in range(rows)]
    event = np.select([failure <= time, death <= time], [1, 2], 0)
    return {
        "cohort": pl.DataFrame(
            {
                "patient_id": ids,
                "time": time,
                "event": event,
                "site": np.where(generator.random(rows) < 0.5, "north", "south"),
            }
        ),
        "predictions": pl.DataFrame({"patient_id": ids, "risk": risk}),
    }


def binary_tables() -> dict[str, pl.DataFrame]:
    cohort, predictions = factories.cohort_frame(600)
    return {"cohort": cohort, "predictions": predictions}


TABLES = {"binary": binary_tables, "survival": survival_tables}


def stored(task: Task) -> StoredResult:
    tables = {
        name: LoadedTable(frame, hashlib.sha256(name.encode()).hexdigest())
        for name, frame in TABLES[task.slug]().items()
    }
    content = task.evaluate(tables, task.protocol(bootstrap_replicates=100), no_progress).to_json()
    result = json.loads(content)
    assert result["task"] == task.slug
    row = StoredResult(
        fingerprint=hashlib.sha256(task.slug.encode()).hexdigest(),
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        summary={},
    )
    row.summary = summarise(row.result)
    row.save()
    return row


@pytest.fixture
def person():
    return factories.a_person(factories.an_organisation())


@pytest.fixture
def evaluation(request, person) -> Evaluation:
    task = factories.a_use_case().task(request.param)
    organisation = person.memberships.get().organisation
    result = stored(task)
    row = Evaluation.objects.create(
        use_case="ckd",
        task=task.slug,
        organisation=organisation,
        submitted_by=person,
        dataset=factories.a_dataset(person),
        model_version=factories.a_version(person),
        protocol=result.result.protocol,
        engine=task.engine,
        fingerprint=result.fingerprint,
    )
    grant_to_owner(row, organisation)
    claimed = Evaluation.objects.claim(row.pk, worker="test")
    Evaluation.objects.finish(claimed, Status.SUCCEEDED, stored_result=result)
    row.refresh_from_db()
    return row


def every_task() -> list[str]:
    return [task.slug for task in factories.a_use_case().tasks]


def test_every_task_of_the_kidney_use_case_is_tried_here():
    assert set(every_task()) == set(TABLES)


@pytest.mark.parametrize("evaluation", list(TABLES), indirect=True)
def test_the_page_shows_the_numbers_of_the_result(evaluation, person):
    client = Client()
    client.force_login(person)
    result, task = evaluation.stored_result.result, evaluation.declared_task

    page = client.get(evaluation.get_absolute_url())

    text = page.content.decode()
    assert page.status_code == 200
    assert [card.measure.key for card in page.context["cards"]] == list(task.headline)
    for card in page.context["cards"]:
        estimate = next(
            found
            for found in result.estimates
            if (found.measure, found.at, found.subgroup)
            == (card.measure.key, card.estimate.at, None)
        )
        assert estimate == card.estimate
        if estimate.value is None:  # few people: the reason stands in its place
            assert estimate.unavailable in text
            continue
        assert measured(estimate.value, card.measure) in text
        assert measured(estimate.lower, card.measure) in text
    for figure in page.context["figures"]:
        assert figure.tables, figure.figure.slug
    assert result.pooled
    assert page.context["finding"].title in text


@pytest.mark.parametrize("evaluation", list(TABLES), indirect=True)
def test_what_is_downloaded_is_what_is_stored(evaluation, person):
    client = Client()
    client.force_login(person)
    where = {"use_case": "ckd", "reference": evaluation.reference}
    result = evaluation.stored_result.result

    downloaded = client.get(reverse("evaluation-result", kwargs=where)).content
    assert hashlib.sha256(downloaded).hexdigest() == evaluation.stored_result.sha256

    lines = client.get(reverse("evaluation-estimates", kwargs=where)).content.decode().splitlines()
    assert len(lines) == 1 + len(result.estimates)

    for key, curve in result.curves.items():
        name = key.replace("_", "-")
        response = client.get(reverse("evaluation-curve", kwargs=where | {"curve": name}))
        rows = response.content.decode().splitlines()
        assert rows[0] == ",".join(curve.columns)
        assert len(rows) == 1 + len(curve.rows)


@pytest.mark.parametrize("evaluation", list(TABLES), indirect=True)
def test_it_stands_in_the_lists(evaluation, person):
    client = Client()
    client.force_login(person)
    for address in ("/ckd/results/", "/results/", "/ckd/", evaluation.dataset.get_absolute_url()):
        assert evaluation.get_absolute_url() in client.get(address).content.decode(), address
