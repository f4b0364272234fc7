"""Several results side by side, and their differences on the same people."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.accounts.models import User
from portal.comparisons import actions, pairing
from portal.comparisons.models import Comparison, StoredComparison
from portal.comparisons.tasks import run_comparison
from portal.evaluations.models import Evaluation
from portal.evaluations.tasks import run_evaluation
from portal.jobs.models import Status
from portal.jobs.tasks import KINDS
from portal.organisations import sharing
from portal.organisations.roles import Role, Verb
from portal.showcase.numbers import interval, measured
from tests import factories
from tests.every_task import FRAMES, NAMES, a_version_of, declared, evaluated
from tests.portal.registry.test_scoring import model

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(media: Path) -> User:
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


def another_model(name: str) -> dict[str, pl.DataFrame]:
    """The predictions of a model that is worse than the one of :data:`FRAMES`."""
    use_case, task = name.split("/")
    frames = FRAMES[use_case, task]()["predictions"]
    column = declared(name).predicted_column if "risk" in frames.columns else "score"
    noise = pl.Series(np.random.default_rng(3).normal(0, 0.2, frames.height))
    worse = pl.col(column) + noise * (5 if task == "alerts" else 1)
    if task != "alerts":
        worse = worse.clip(0.001, 0.999)
    return {"predictions": frames.with_columns(worse.alias(column))}


def two_results(person: User, name: str, **protocol: object) -> list[Evaluation]:
    """Two models on one dataset."""
    first = evaluated(person, name)
    second = evaluated(
        person,
        name,
        frames=another_model(name),
        dataset=first.dataset,
        version=a_version_of(person, name),
        **protocol,
    )
    return [first, second]


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def address(name: str, evaluations: list[Evaluation]) -> str:
    return reverse(f"comparison-{name}", kwargs={"use_case": evaluations[0].use_case})


def asked(evaluations: list[Evaluation]) -> dict[str, str]:
    return {"results": ",".join(one.reference for one in evaluations)}


def page_of(person: User, evaluations: list[Evaluation], **more: str) -> tuple[str, dict]:
    response = client_of(person).get(
        address("detail", evaluations), asked(evaluations) | more, follow=True
    )
    return html.unescape(response.content.decode()), response.context


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("name", NAMES)
def test_differences_on_the_page_are_those_that_were_stored(person: User, name: str) -> None:
    evaluations = two_results(person, name)
    client = client_of(person)
    response = client.post(address("start", evaluations), asked(evaluations))
    assert response.status_code == 302
    comparison = Comparison.objects.get()
    run_comparison(comparison.pk)
    comparison.refresh_from_db()
    assert (comparison.status, comparison.failure) == (Status.SUCCEEDED, "")
    assert comparison.stored_comparison is not None
    stored = json.loads(bytes(comparison.stored_comparison.content))
    assert stored["task"] == evaluations[0].task

    text, context = page_of(person, evaluations, all="1")

    task = evaluations[0].declared_task
    assert len(stored["differences"]) == sum(len(one.differences) for one in context["differences"])
    for difference in stored["differences"]:
        measure = task.measure(difference["measure"])
        assert measure.label in text
        if difference["value"] is None:
            assert difference["unavailable"] in text
        else:
            assert measured(difference["value"], measure) in text
    part, fewer = page_of(person, evaluations)
    shown = [line for line in context["differences"] if line.differs]
    assert [line.measure.key for line in fewer["differences"]] == [
        line.measure.key for line in shown
    ]
    assert len(part) < len(text)


@pytest.mark.parametrize("name", NAMES)
def test_curves_lie_over_each_other_and_values_stand_side_by_side(person: User, name: str) -> None:
    evaluations = two_results(person, name)
    text, context = page_of(person, evaluations, all="1")
    task = evaluations[0].declared_task
    assert len(context["overlays"]) == len(task.overlays) > 0
    for drawn in context["overlays"]:
        lines = [trace for trace in drawn.json["data"] if trace.get("name") in ("A", "B")]
        assert len({trace["line"]["color"] for trace in lines}) == 2
        assert len({trace["line"]["dash"] for trace in lines}) == 2
        letters = [note["text"] for note in drawn.json["layout"]["annotations"]]
        assert {"<b>A</b>", "<b>B</b>"} <= set(letters)
        assert len(drawn.tables) == 2
    for evaluation in evaluations:
        assert evaluation.stored_result is not None
        for estimate in evaluation.stored_result.result.estimates:
            if estimate.subgroup is None and estimate.value is not None:
                measure = task.measure(estimate.measure)
                assert measured(estimate.value, measure) in text
                assert interval(estimate, measure) in text
    _text, fewer = page_of(person, evaluations)
    assert all(line.differs for line in fewer["estimates"])
    assert len(fewer["estimates"]) + fewer["same_estimates"] == len(context["estimates"])


def test_results_of_different_people_are_not_subtracted(person: User) -> None:
    first = evaluated(person, "ckd/binary")
    cohort, predictions = factories.cohort_frame(500, seed=9)
    second = evaluated(
        person,
        "ckd/binary",
        frames={"cohort": cohort, "predictions": predictions},
        version=first.model_version,
    )
    text, context = page_of(person, [first, second])
    assert "evaluated on different people" in text
    assert context["differences"] == []
    assert "Compare them on the same people" not in text
    response = client_of(person).post(address("start", [first, second]), asked([first, second]))
    assert response.status_code == 302
    assert not Comparison.objects.exists()


def test_a_protocol_that_measures_something_else_is_named(person: User) -> None:
    evaluations = two_results(person, "ckd/binary", thresholds=(0.3,))
    text, context = page_of(person, evaluations)
    assert "Their protocols differ in what is measured: thresholds." in text
    assert ("Thresholds", ["0.05, 0.1, 0.2", "0.3"]) in context["protocol"]


def test_the_seed_and_the_number_of_draws_may_differ(person: User) -> None:
    evaluations = two_results(person, "ckd/binary", seed=5, bootstrap_replicates=120)
    assert pairing.obstacles(evaluations[0].declared_task, evaluations) == []


def test_the_same_predictions_twice_cannot_differ(person: User) -> None:
    first = evaluated(person, "ckd/binary")
    second = evaluated(
        person, "ckd/binary", dataset=first.dataset, version=first.model_version, frames={}, seed=4
    )
    text, _context = page_of(person, [first, second])
    assert "nothing can differ" in text


def test_an_artefact_is_run_again(person: User, tmp_path: Path) -> None:
    cohort, predictions = factories.cohort_frame(400)
    cohort = cohort.with_columns(age=predictions["risk"] * 90, male=pl.lit(1))
    first = evaluated(person, "ckd/binary", frames={"cohort": cohort, "predictions": predictions})
    inputs = [{"name": "male"}, {"name": "age"}]
    version = factories.a_version(person, artefact=model(tmp_path / "m.onnx"), inputs=inputs)
    second = factories.an_evaluation(person, first.dataset, version)
    run_evaluation(second.pk)
    second.refresh_from_db()
    assert (second.status, second.failure) == (Status.SUCCEEDED, "")
    comparison = actions.start_comparison(evaluations=[first, second], by=person)
    run_comparison(comparison.pk)
    comparison.refresh_from_db()
    assert (comparison.status, comparison.failure) == (Status.SUCCEEDED, "")


def test_only_who_may_evaluate_everything_starts_one(person: User) -> None:
    evaluations = two_results(person, "ckd/binary")
    named = factories.an_organisation()
    for evaluation in evaluations:
        sharing.share(obj=evaluation, verbs=[Verb.VIEW], organisation=named, by=person)
    reader = factories.a_person(named, Role.CONTRIBUTOR)
    text, _context = page_of(reader, evaluations)
    assert "may start it" in text
    assert "Compare them on the same people" not in text
    client = client_of(reader)
    assert client.post(address("start", evaluations), asked(evaluations)).status_code == 403
    shared = [evaluations[0].dataset, *(one.model_version.model for one in evaluations)]
    for obj in shared:
        sharing.share(obj=obj, verbs=[Verb.EVALUATE], organisation=named, by=person)
    assert client.post(address("start", evaluations), asked(evaluations)).status_code == 302
    assert Comparison.objects.get().organisation == named


@pytest.mark.usefixtures("in_this_process")
def test_who_sees_all_of_them_sees_what_was_found_and_nobody_else(person: User) -> None:
    evaluations = two_results(person, "ckd/binary")
    comparison = actions.start_comparison(evaluations=evaluations, by=person)
    run_comparison(comparison.pk)
    named = factories.an_organisation()
    reader = factories.a_person(named, Role.VIEWER)
    client = client_of(reader)
    sharing.share(obj=evaluations[0], verbs=[Verb.VIEW], organisation=named, by=person)
    where = address("detail", evaluations), asked(evaluations)
    assert client.get(*where).status_code == 404
    assert Client().get(*where).status_code == 404
    sharing.share(obj=evaluations[1], verbs=[Verb.VIEW], organisation=named, by=person)
    response = client.get(*where)
    assert response.status_code == 200
    assert response.context["found"] is not None


@pytest.mark.usefixtures("in_this_process")
def test_the_same_comparison_is_made_once_and_a_failed_one_again(person: User) -> None:
    evaluations = two_results(person, "ckd/binary")
    first = actions.start_comparison(evaluations=evaluations, by=person)
    assert actions.start_comparison(evaluations=evaluations, by=person).pk == first.pk
    other_way = actions.start_comparison(evaluations=evaluations[::-1], by=person)
    assert other_way.pk != first.pk
    held = Comparison.objects.claim(first.pk, worker="test")
    assert held is not None
    actions.fail_comparison(comparison=held, sentence="The disk is full. Try again.")
    text, _context = page_of(person, evaluations)
    assert "The disk is full. Try again." in text
    again = actions.start_comparison(evaluations=evaluations, by=person)
    assert (again.pk, again.state) == (first.pk, Status.QUEUED)
    run_comparison(again.pk)
    run_comparison(again.pk)  # a message that is delivered twice
    assert StoredComparison.objects.count() == 1


@pytest.mark.usefixtures("in_this_process")
def test_its_progress_is_fetched_and_the_page_loaded_anew_at_the_end(person: User) -> None:
    evaluations = two_results(person, "ckd/binary")
    comparison = actions.start_comparison(evaluations=evaluations, by=person)
    client = client_of(person)

    def part() -> object:
        return client.get(
            address("detail", evaluations), asked(evaluations), HTTP_HX_REQUEST="true"
        )

    waiting = part()
    assert "Waiting for a free worker" in waiting.content.decode()
    assert 'hx-trigger="every 1s"' in waiting.content.decode()
    assert "<h1>" not in waiting.content.decode()
    held = Comparison.objects.claim(comparison.pk, worker="test")
    assert held is not None
    assert 'hx-trigger="every 1s"' in part().content.decode()
    client.post(address("cancel", evaluations), asked(evaluations))
    assert "cancelled before it ended" in part().content.decode()
    actions.start_comparison(evaluations=evaluations, by=person)
    run_comparison(comparison.pk)
    assert part()["HX-Refresh"] == "true"


def test_rights_that_ended_meanwhile_stop_it(person: User) -> None:
    evaluations = two_results(person, "ckd/binary")
    named = factories.an_organisation()
    partner = factories.a_person(named, Role.CONTRIBUTOR)
    objects = [evaluations[0].dataset, *(one.model_version.model for one in evaluations)]
    for obj in objects:
        sharing.share(obj=obj, verbs=[Verb.EVALUATE], organisation=named, by=person)
    for one in evaluations:
        sharing.share(obj=one, verbs=[Verb.VIEW], organisation=named, by=person)
    comparison = actions.start_comparison(evaluations=evaluations, by=partner)
    sharing.share(obj=evaluations[0].dataset, verbs=[], organisation=named, by=person)
    run_comparison(comparison.pk)
    comparison.refresh_from_db()
    assert comparison.state == Status.FAILED
    assert "not shared" in comparison.failure


def test_what_cannot_stand_side_by_side_is_said_in_the_list(person: User) -> None:
    one = evaluated(person, "ckd/binary")
    other = evaluated(person, "ckd/survival")
    for chosen, words in (([one], "two results or more"), ([one, other], "results of one task")):
        text, _context = page_of(person, chosen)
        assert words in text
        assert "<h1>Results</h1>" in text
    client = client_of(person)
    assert client.get(address("detail", [one]), {"results": "none"}).status_code == 404


def test_results_are_chosen_in_the_list(person: User) -> None:
    evaluations = two_results(person, "ckd/binary")
    client = client_of(person)
    text = client.get("/ckd/results/").content.decode()
    for one in evaluations:
        assert re.search(rf'name="results" value="{one.reference}"', text)
    chosen = {"results": [one.reference for one in evaluations]}
    response = client.get(address("detail", evaluations), chosen)
    assert response.status_code == 302
    assert response["Location"].endswith(f"?results={asked(evaluations)['results']}")


def test_the_page_of_six_results_takes_as_many_queries_as_that_of_two(person: User) -> None:
    evaluations = two_results(person, "ckd/binary")
    for seed in range(1, 5):
        evaluations.append(
            evaluated(
                person,
                "ckd/binary",
                dataset=evaluations[0].dataset,
                version=evaluations[0].model_version,
                frames={},
                seed=seed,
            )
        )
    client, counts = client_of(person), []
    for chosen in (evaluations[:2], evaluations[:2], evaluations):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address("detail", chosen), asked(chosen)).status_code == 200
        counts.append(len(captured))
    assert counts[2] <= counts[1]
    seven = [*evaluations, evaluated(person, "ckd/binary")]
    text, _context = page_of(person, seven)
    assert "at most 6 results" in text


def test_what_was_found_never_changes(person: User) -> None:
    stored = StoredComparison.objects.create(fingerprint="a" * 64, content=b"{}", sha256="b" * 64)
    for change in (
        lambda: StoredComparison.objects.update(content=b"[]"),
        lambda: StoredComparison.objects.filter(pk=stored.pk).delete(),
    ):
        with pytest.raises(Exception, match=r"Cannot (update|delete)"), transaction.atomic():
            change()


def test_a_comparison_that_succeeded_has_its_result(person: User) -> None:
    evaluations = two_results(person, "ckd/binary")
    comparison = actions.start_comparison(evaluations=evaluations, by=person)
    Comparison.objects.claim(comparison.pk, worker="test")
    with (
        pytest.raises(IntegrityError, match="comparison_result_when_succeeded"),
        transaction.atomic(),
    ):
        Comparison.objects.filter(pk=comparison.pk).update(
            status=Status.SUCCEEDED, finished_at=comparison.created_at, lease_expires_at=None
        )


def test_the_sweep_knows_comparisons() -> None:
    assert "portal.comparisons.models.Comparison" in [kind.model for kind in KINDS]
