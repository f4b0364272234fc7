"""Pages of studies: what they show, to whom, with how many queries."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.accounts.models import User
from portal.evaluations.protocols import PREFIX
from portal.studies import actions, running
from portal.studies.models import Invitation, Study, StudyStatus
from tests import studies
from tests.studies import Partners


@pytest.fixture
def partners(db: None, media: Path) -> Partners:
    return studies.partners(versions=2, sites=2)


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_a_coordinator_plans_invites_starts_and_publishes_on_its_pages(
    partners: Partners,
) -> None:
    client = client_of(partners.coordinator)
    create = reverse("study-create", kwargs={"use_case": "ckd", "task": "binary"})
    assert b"Plan a study" in client.get(create).content
    organisation = partners.coordinator.memberships.get().organisation
    given = {
        "organisation": organisation.pk,
        "title": "Do kidney risk models travel?",
        "question": "Do they?",
        PREFIX + "bootstrap_replicates": "100",
    }
    wrong = client.post(create, given | {PREFIX + "thresholds": "much"})
    assert "is not a number" in wrong.content.decode()
    assert "Do they?" in wrong.content.decode()
    answer = client.post(create, given)
    study = Study.objects.get()
    where = {"use_case": "ckd", "reference": study.reference}
    assert answer["Location"] == reverse("study-invite", kwargs=where)
    page = client.get(answer["Location"]).content.decode()
    for subject in (*partners.datasets, *partners.versions):
        assert str(subject) in page
    client.post(
        reverse("study-invite", kwargs=where),
        {
            "datasets": [dataset.pk for dataset in partners.datasets],
            "model_versions": [version.pk for version in partners.versions],
        },
    )
    assert study.invitations.count() == 4
    edit = reverse("study-edit", kwargs=where)
    assert 'value="100"' in client.get(edit).content.decode()
    client.post(edit, given | {"title": "Do they travel?"})
    early = client.post(reverse("study-start", kwargs=where), follow=True)
    assert "The study is draft by now." in early.content.decode()
    client.post(reverse("study-send", kwargs=where))
    study.refresh_from_db()
    assert (study.status, study.title) == (StudyStatus.INVITING, "Do they travel?")
    for person in (*partners.holders, partners.developer):
        theirs = client_of(person)
        page = theirs.get(study.get_absolute_url()).content.decode()
        assert "You are asked" in page
        for invitation in Invitation.objects.waiting_for(person):
            theirs.post(
                reverse("study-answer", kwargs=where | {"invitation": invitation.pk}),
                {"answer": "accept"},
            )
    client.post(reverse("study-start", kwargs=where))
    study.refresh_from_db()
    assert study.status == StudyStatus.RUNNING
    page = client.get(study.get_absolute_url()).content.decode()
    assert "0 of 4 cells have ended" in page
    assert study.protocol_sha256 in page
    for name in ("study-edit", "study-invite"):
        assert client.get(reverse(name, kwargs=where)).status_code == 404
    for cell in study.cells.select_related("evaluation"):
        studies.finish_cell(cell)
    running.settle(study.pk)
    page = client.get(study.get_absolute_url()).content.decode()
    assert "Only those who take part see these results" in page
    confirm = client.get(reverse("study-publish", kwargs=where))
    assert "What becomes public" in confirm.content.decode()
    answer = client.post(reverse("study-publish", kwargs=where))
    assert answer["Location"] == "/ckd/published/do-they-travel/"


def test_who_is_asked_sees_the_protocol_and_who_else_is_asked_but_no_titles(
    partners: Partners,
) -> None:
    study = studies.an_inviting_study(partners)
    page = client_of(partners.holders[0]).get(study.get_absolute_url()).content.decode()
    assert partners.datasets[0].title in page
    assert str(partners.datasets[1].organisation) in page
    assert partners.datasets[1].title not in page
    assert partners.versions[0].model.name not in page
    assert "Bootstrap replicates" in page


def test_declining_without_a_reason_says_so_and_with_one_is_kept(partners: Partners) -> None:
    study = studies.an_inviting_study(partners)
    invitation = study.invitations.get(dataset=partners.datasets[0])
    client = client_of(partners.holders[0])
    address = reverse(
        "study-answer",
        kwargs={"use_case": "ckd", "reference": study.reference, "invitation": invitation.pk},
    )
    page = client.post(address, {"answer": "decline"}, follow=True)
    assert "Say why" in page.content.decode()
    page = client.post(address, {"answer": "perhaps"}, follow=True)
    assert "Accept, or decline and say why." in page.content.decode()
    client.post(address, {"answer": "decline", "reason": "No time <b>now</b>."})
    shown = client_of(partners.coordinator).get(study.get_absolute_url()).content.decode()
    assert "No time &lt;b&gt;now&lt;/b&gt;." in shown


def test_the_numbers_of_the_page_are_those_of_the_results(partners: Partners) -> None:
    study = studies.a_finished_study(partners)
    client = client_of(partners.holders[0])
    for measure in ("auroc", "calibration_slope"):
        page = client.get(study.get_absolute_url(), {"measure": measure}).content.decode()
        for cell in study.cells.select_related("evaluation__stored_result"):
            assert cell.evaluation is not None
            assert cell.evaluation.stored_result is not None
            found = cell.evaluation.stored_result.result.estimate(measure)
            assert f"<strong>{found.value:.3f}</strong>".replace("-", "−") in page
            assert cell.evaluation.get_absolute_url() in page
        for entry in study.pooled.values():
            pooled = next(one for one in entry["estimates"] if one["measure"] == measure)
            assert f"{pooled['value']:.3f}".replace("-", "−") in page


def test_a_fragment_holds_what_the_chosen_measure_changes_and_nothing_else(
    partners: Partners,
) -> None:
    study = studies.a_finished_study(partners)
    client = client_of(partners.coordinator)
    headers = {"HX-Request": "true"}
    page = client.get(study.get_absolute_url(), {"measure": "brier"}, headers=headers)
    text = page.content.decode()
    assert "<html" not in text
    assert 'value="brier" selected' in text
    unknown = client.get(study.get_absolute_url(), {"measure": "luck"}).content.decode()
    assert 'value="auroc" selected' in unknown
    ended = client.get(study.get_absolute_url(), headers=headers)
    assert ended["HX-Refresh"] == "true"


def test_the_files_hold_every_estimate_of_every_cell(partners: Partners) -> None:
    study = studies.a_finished_study(partners, failures=1)
    client = client_of(partners.developer)
    where = {"use_case": "ckd", "reference": study.reference}
    whole = json.loads(client.get(reverse("study-report", kwargs=where)).content)
    assert whole["schema"] == "shaiped-study/1"
    assert [cell["status"] for cell in whole["cells"]] == ["succeeded"] * 3 + ["failed"]
    rows = list(
        csv.DictReader(
            client.get(reverse("study-estimates", kwargs=where)).content.decode().splitlines()
        )
    )
    results = [
        cell.evaluation.stored_result.result
        for cell in study.cells.order_by("id").select_related("evaluation__stored_result")[:3]
        if cell.evaluation and cell.evaluation.stored_result
    ]
    expected = [estimate for result in results for estimate in result.estimates]
    assert len(rows) == len(expected) + 1
    for row, estimate in zip(rows, expected, strict=False):
        assert row["measure"] == estimate.measure
        assert row["value"] == ("" if estimate.value is None else str(estimate.value))
    assert rows[-1]["status"] == "failed"
    assert rows[-1]["unavailable"] == "The cohort has too few events."
    pooled = client.get(reverse("study-pooled", kwargs=where)).content.decode().splitlines()
    named = list(csv.DictReader(pooled))
    assert {row["model"] for row in named} == {str(v.model.name) for v in partners.versions}


def test_before_it_runs_a_study_has_no_files(partners: Partners) -> None:
    study = studies.an_inviting_study(partners)
    client = client_of(partners.coordinator)
    where = {"use_case": "ckd", "reference": study.reference}
    for name in ("study-report", "study-estimates", "study-pooled", "study-publish"):
        assert client.get(reverse(name, kwargs=where)).status_code == 404


def test_a_failed_cell_is_tried_again_from_the_page(partners: Partners) -> None:
    study = studies.a_finished_study(partners, failures=1)
    cell = study.cells.get(evaluation__status="failed")
    address = reverse(
        "study-retry",
        kwargs={"use_case": "ckd", "reference": study.reference, "cell": cell.pk},
    )
    reader, coordinator = client_of(partners.holders[0]), client_of(partners.coordinator)
    assert "Try again" not in reader.get(study.get_absolute_url()).content.decode()
    assert reader.post(address).status_code == 403
    page = coordinator.get(study.get_absolute_url()).content.decode()
    assert "The cohort has too few events." in page
    assert address in page
    page = coordinator.post(address, follow=True).content.decode()
    assert "3 of 4 cells have ended" in page


def test_a_withdrawn_study_says_why(partners: Partners) -> None:
    for study in (studies.an_inviting_study(partners), studies.a_running_study(partners)):
        client = client_of(partners.coordinator)
        where = {"use_case": "ckd", "reference": study.reference}
        address = reverse("study-withdraw", kwargs=where)
        assert client.get(address).status_code == 200
        assert client.post(address, {"reason": ""}).status_code == 200
        page = client.post(address, {"reason": "A site has left."}, follow=True)
        assert "A site has left." in page.content.decode()
        assert client.get(address).status_code == 404


def queries(client: Client, address: str) -> int:
    client.get(address)  # what is asked once a process (content types) is asked here
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_pages_have_a_constant_number_of_queries(db: None, media: Path) -> None:
    few = studies.partners(versions=1, sites=2)
    many = studies.partners(versions=2, sites=4)
    for make in (
        studies.an_inviting_study,
        studies.a_running_study,
        lambda found: studies.a_finished_study(found, failures=1),
    ):
        counts = {}
        for found in (few, many):
            study = make(found)
            where = {"use_case": "ckd", "reference": study.reference}
            addresses = [study.get_absolute_url()]
            if study.has_started:
                addresses.append(reverse("study-report", kwargs=where))
            if study.is_open:
                addresses.append(reverse("study-invite", kwargs=where))
            for person in (found.coordinator, found.holders[0]):
                for address in addresses:
                    if "invitations" in address and person != found.coordinator:
                        continue
                    name = address.replace(study.reference, "")
                    kind = name, person == found.coordinator
                    counts.setdefault(kind, []).append(queries(client_of(person), address))
        for kind, (one, other) in counts.items():
            assert one == other <= 30, (study.status, kind)


def test_the_list_has_a_constant_number_of_queries(partners: Partners) -> None:
    client = client_of(partners.holders[0])
    address = reverse("study-list", kwargs={"use_case": "ckd"})
    studies.an_inviting_study(partners)
    few = queries(client, address)
    for _ in range(4):
        studies.an_inviting_study(partners)
    assert queries(client, address) == few <= 20
    page = client.get(address).content.decode()
    assert page.count("Read and answer") == 5


def test_an_invitation_lapses_with_its_study(partners: Partners) -> None:
    study = studies.an_inviting_study(partners)
    client = client_of(partners.holders[0])
    actions.withdraw_study(study=study, reason="No.", by=partners.coordinator)
    address = reverse("study-list", kwargs={"use_case": "ckd"})
    assert study.title not in client.get(address).content.decode()
    assert client.get(study.get_absolute_url()).status_code == 404
