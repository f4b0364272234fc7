"""Publishing: once, frozen, for everybody; later notices stand above it."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import threading
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.organisations.models import Organisation
from portal.studies import running
from portal.studies.actions import StudyRefused
from portal.studies.models import Notice, Publication, Study, StudyStatus
from portal.studies.publishing import add_notice, publish_study
from portal.studies.report import Report
from tests import factories, studies
from tests.portal.jobs.test_models import refused
from tests.studies import Partners


@pytest.fixture
def partners(db: None, media: Path) -> Partners:
    return studies.partners(versions=2, sites=2)


@pytest.fixture
def publication(partners: Partners) -> Publication:
    study = studies.a_finished_study(partners, failures=1)
    return publish_study(study=study, by=partners.coordinator)


def page_of(client: Client, address: str) -> str:
    """The page without the token that every answer has anew."""
    return re.sub(r"X-CSRFToken[^}]+", "", client.get(address).content.decode())


def test_only_its_coordinator_publishes_a_study_that_has_finished(partners: Partners) -> None:
    study = studies.a_running_study(partners)
    with pytest.raises(StudyRefused, match="is running by now"):
        publish_study(study=study, by=partners.coordinator)
    for cell in study.cells.select_related("evaluation"):
        studies.finish_cell(cell)
    running.settle(study.pk)
    for person in (
        partners.developer,
        *partners.holders,
        factories.a_coordinator(),
        factories.a_person(study.organisation, "manager"),  # type: ignore[arg-type]
    ):
        with pytest.raises(PermissionError):
            publish_study(study=study, by=person)
    publish_study(study=study, by=partners.coordinator)
    study.refresh_from_db()
    assert study.status == StudyStatus.PUBLISHED
    with pytest.raises(StudyRefused, match="is published by now"):
        publish_study(study=study, by=partners.coordinator)
    cell = study.cells.all()[0]
    with pytest.raises(StudyRefused, match="is published by now"):
        running.retry_cell(cell=cell, by=partners.coordinator)


def test_a_study_without_any_result_is_not_published(partners: Partners) -> None:
    study = studies.a_finished_study(partners, failures=4)
    with pytest.raises(StudyRefused, match="nothing to publish"):
        publish_study(study=study, by=partners.coordinator)


def test_the_snapshot_holds_everything_and_names_nobody(
    partners: Partners, publication: Publication
) -> None:
    content = bytes(publication.content)
    assert hashlib.sha256(content).hexdigest() == publication.sha256
    report = Report.model_validate_json(content)
    assert len(report.cells) == 4
    assert any(estimate.subgroup for estimate in report.cells[0].estimates)
    assert {entry.model for entry in report.pooled} == {"m1", "m2"}
    assert report.protocol.sha256 == publication.study.protocol_sha256
    page = Client().get(publication.get_absolute_url()).content.decode()
    for person in (partners.coordinator, partners.developer, *partners.holders):
        for secret in (person.full_name, person.email):
            assert secret not in content.decode()
            assert secret not in page


def test_the_page_stays_as_it_was_published_whatever_changes(
    partners: Partners, publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    address = publication.get_absolute_url()
    before = page_of(client, address)
    content = client.get(f"{address}study.json").content
    for organisation in Organisation.objects.all():
        organisation.name = f"Renamed {organisation.pk}"
        organisation.save()
    for dataset in partners.datasets:
        dataset.title = "Renamed"
        dataset.save()
    for version in partners.versions:
        version.model.name = "Renamed"
        version.model.save()
    # Neither does it ask the task, which may be declared anew, or be gone.
    monkeypatch.setattr(Study, "declared_task", property(lambda _: pytest.fail("asked the task")))
    assert page_of(client, address) == before
    assert client.get(f"{address}study.json").content == content == bytes(publication.content)


def test_everybody_reads_the_page_and_its_files(publication: Publication) -> None:
    client = Client()
    address = publication.get_absolute_url()
    assert address == "/ckd/published/do-kidney-risk-models-travel/"
    page = client.get(address).content.decode()
    assert publication.finding in page
    assert "How to cite" in page
    assert publication.sha256 in page
    assert f"http://testserver{address}" in page
    assert "The cohort has too few events." in page
    report = json.loads(client.get(f"{address}study.json").content)
    rows = list(csv.DictReader(client.get(f"{address}estimates.csv").content.decode().splitlines()))
    expected = [estimate for cell in report["cells"] for estimate in cell["estimates"]]
    assert len(rows) == len(expected) + 1
    for row, estimate in zip(rows, expected, strict=False):
        value = estimate["value"]
        assert row["value"] == ("" if value is None else str(value))
    pooled = client.get(f"{address}pooled.csv").content.decode().splitlines()
    assert len(pooled) == 1 + sum(len(entry["estimates"]) or 1 for entry in report["pooled"])
    listed = client.get(reverse("study-list", kwargs={"use_case": "ckd"})).content.decode()
    assert publication.finding in listed
    assert Client().get(f"{address}nothing/").status_code == 404
    assert client.get("/metastasis/published/do-kidney-risk-models-travel/").status_code == 404


def test_the_public_page_links_to_nothing_inside(publication: Publication) -> None:
    page = Client().get(publication.get_absolute_url()).content.decode()
    main = page.split("<main", 1)[1].split("</main>", 1)[0]
    links = set(re.findall(r'href="([^"]+)"', main))
    inside = [link for link in links if "/results/" in link or "/datasets/" in link]
    assert inside == []
    for evaluation in publication.study.evaluations.all():
        assert evaluation.reference not in page
        assert Client().get(evaluation.get_absolute_url()).status_code == 404


def test_studies_of_the_same_title_have_addresses_of_their_own(partners: Partners) -> None:
    slugs = [
        publish_study(study=studies.a_finished_study(partners), by=partners.coordinator).slug
        for _ in range(3)
    ]
    words = "do-kidney-risk-models-travel"
    assert slugs == [words, f"{words}-2", f"{words}-3"]
    assert [found.slug for found in Publication.objects.newest()] == slugs[::-1]


def test_a_notice_stands_above_and_changes_nothing(
    partners: Partners, publication: Publication
) -> None:
    content = bytes(publication.content)
    with pytest.raises(PermissionError):
        add_notice(publication=publication, kind="correction", text="No.", by=partners.developer)
    with pytest.raises(ValidationError):
        add_notice(publication=publication, kind="correction", text=" ", by=partners.coordinator)
    client = Client()
    client.force_login(partners.coordinator)
    address = f"{publication.get_absolute_url()}notice/"
    assert "kind" in client.get(address).content.decode()
    client.post(address, {"kind": "correction", "text": "Read the second site with care."})
    assert not Publication.objects.newest().get().is_retracted
    client.post(address, {"kind": "retraction", "text": "A table was <wrong>."})
    found = Publication.objects.newest().get()
    assert found.is_retracted
    page = Client().get(publication.get_absolute_url()).content.decode()
    assert page.index("Read the second site with care.") < page.index("A table was &lt;wrong&gt;.")
    assert page.index("A table was") < page.index("Every model at every site")
    assert "Retracted" in page
    listed = Client().get(reverse("study-list", kwargs={"use_case": "ckd"})).content.decode()
    assert "Retracted" in listed
    assert bytes(Publication.objects.get().content) == content


def test_the_database_keeps_publications_and_notices(
    partners: Partners, publication: Publication
) -> None:
    add_notice(publication=publication, kind="retraction", text="No.", by=partners.coordinator)
    rows = Publication.objects.filter(pk=publication.pk)
    notices = Notice.objects.all()
    for act, name in (
        (lambda: rows.update(title="Another"), "publication_never_changes"),
        (lambda: rows.update(content=b"{}"), "publication_never_changes"),
        (lambda: rows._raw_delete("default"), "publication_never_changes"),
        (lambda: notices.update(text="Yes."), "notice_never_changes"),
        (notices.delete, "notice_never_changes"),
        (
            lambda: Study.objects.filter(pk=publication.study_id).update(pooled={}),
            "ended_study_never_changes",
        ),
    ):
        refused(act, name, DatabaseError)
    twin = Publication.objects.get()
    twin.pk, twin.study = None, studies.a_draft(partners.coordinator)
    refused(twin.save, "publication_address_unique")
    twin.slug, twin.sha256 = "another", "short"
    refused(twin.save, "publication_sha256_is_one")
    for fields, name in (
        ({"kind": "rumour", "text": "No."}, "notice_kind_known"),
        ({"kind": "correction", "text": ""}, "notice_says_something"),
    ):
        notice = Notice(publication=publication, created_by=partners.coordinator, **fields)
        refused(notice.save, name)


def test_the_page_of_a_publication_asks_the_database_little(publication: Publication) -> None:
    client = Client()
    client.get(publication.get_absolute_url())
    with CaptureQueriesContext(connection) as captured:
        client.get(publication.get_absolute_url())
    assert len(captured) <= 5
    listed = reverse("study-list", kwargs={"use_case": "ckd"})
    with CaptureQueriesContext(connection) as captured:
        client.get(listed)
    assert not any('"content"' in query["sql"] for query in captured)


@pytest.mark.django_db(transaction=True)
def test_published_twice_at_the_same_moment_is_one_publication(media: Path) -> None:
    found = studies.partners(versions=1, sites=1)
    study = studies.a_finished_study(found)
    barrier = threading.Barrier(2)
    answers: list[str] = []

    def publish() -> None:
        try:
            barrier.wait(10)
            publish_study(study=study, by=found.coordinator)
            answers.append("published")
        except StudyRefused as refusal:
            answers.append(str(refusal))
        finally:
            connection.close()

    threads = [threading.Thread(target=publish) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["The study is published by now.", "published"]
    assert Publication.objects.count() == 1
