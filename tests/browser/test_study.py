"""A study as its people do it: two models at three sites, from the plan to the public page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from portal.accounts.models import User
from portal.studies.actions import answer_invitation, withdraw_study
from portal.studies.models import Publication, Study
from portal.studies.publishing import add_notice, publish_study
from tests import factories, studies
from tests.browser.judging import complaints, visit
from tests.browser.test_pages import sign_in
from tests.workers import workers

pytestmark = [pytest.mark.browser, pytest.mark.workers, pytest.mark.django_db(transaction=True)]


def become(page: Page, person: User, url: str) -> None:
    page.context.clear_cookies()
    sign_in(page.context, person, url)


def accept_everything(page: Page) -> None:
    """Answer what waits, from the list of studies to the last card."""
    page.goto("/ckd/studies/")
    page.get_by_role("link", name=re.compile("Read and answer")).first.click()
    waiting = page.get_by_role("button", name=re.compile("^Accept"))
    for left in range(waiting.count(), 0, -1):
        waiting.first.click()
        expect(waiting).to_have_count(left - 1)


def test_a_study_of_two_models_at_three_sites_is_published(
    page: Page, media: Path, tmp_path: Path, live_server: object, started_browser: Browser
) -> None:
    found, url = studies.partners(versions=2, sites=3), live_server.url  # type: ignore[attr-defined]
    lonely = factories.a_dataset(found.coordinator, title="A cohort without tables")
    become(page, found.coordinator, url)

    # The plan
    page.goto("/ckd/studies/")
    page.get_by_text("Plan a study").first.click()
    page.get_by_role("link", name="Risk of a yes/no outcome").click()
    page.get_by_label("Title").fill("Do kidney risk models travel?")
    page.get_by_label("Question").fill("Does each rank patients of other countries as well?")
    page.get_by_label("Bootstrap replicates").fill("100")
    page.get_by_role("button", name="Save the draft").click()
    for subject in (lonely, *found.datasets, *found.versions):
        page.get_by_label(f"{subject} ·").check()
    assert complaints(page) == []
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Send the invitations").click()
    expect(page.get_by_text("5 invitations wait for an answer.")).to_be_visible()
    address = page.url

    # The answers: one holder declines, thinks it over, and accepts
    become(page, found.holders[0], url)
    page.goto(address)
    assert complaints(page) == []
    page.locator("summary", has_text="Decline").click()
    page.get_by_label("The coordinator reads it").fill("We need to ask first.")
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("We need to ask first.")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Accept")).click()
    expect(page.get_by_text("Accepted")).to_be_visible()
    for person in (*found.holders[1:], found.developer):
        become(page, person, url)
        accept_everything(page)

    # The run: one site holds no tables, the others are watched until they have ended
    become(page, found.coordinator, url)
    page.goto(address)
    with workers(tmp_path) as start:
        start()
        page.get_by_role("button", name="Start the study").click()
        page.get_by_role("dialog").get_by_role("button", name="Start it").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("AUROC", timeout=120_000)
    study = Study.objects.get()
    assert len(study.protocol_sha256) == 64
    expect(page.get_by_text(study.protocol_sha256)).to_be_visible()
    failed = page.get_by_role("row", name=re.compile("A cohort without tables.*holds no table"))
    expect(failed).to_have_count(2)
    for cell in study.cells.exclude(evaluation=None).select_related("evaluation__stored_result"):
        assert cell.evaluation is not None
        assert cell.evaluation.stored_result is not None
        auroc = cell.evaluation.stored_result.result.estimate("auroc")
        link = page.locator(f'.heat a[href="{cell.evaluation.get_absolute_url()}"]')
        expect(link).to_contain_text(f"{auroc.value:.3f}")

    # Another measure, in the address
    page.get_by_label("Measure").select_option("observed_expected_ratio")
    expect(page.get_by_text("Orange lies above 1.000")).to_be_visible()
    assert "measure=observed_expected_ratio" in page.url
    assert complaints(page) == []

    # Published
    page.get_by_role("link", name="Publish", exact=True).click()
    assert complaints(page, "dark") == []
    page.get_by_role("button", name="Publish it").click()
    expect(page.get_by_text("How to cite")).to_be_visible()
    public = page.url

    # Signed out, in another browser
    visitor = started_browser.new_context(base_url=url, locale="en-GB")
    outside = visitor.new_page()
    outside.goto("/ckd/studies/")
    publication = Publication.objects.get()
    outside.get_by_role("link", name=publication.finding).click()
    assert outside.url == public
    report = json.loads(bytes(publication.content))
    for cell in report["cells"]:
        for estimate in cell["estimates"]:
            if estimate["measure"] == "auroc" and estimate["subgroup"] is None:
                value = outside.locator(".heat td strong", has_text=f"{estimate['value']:.3f}")
                expect(value.first).to_be_visible()
    for entry in report["pooled"]:
        auroc = next(one for one in entry["estimates"] if one["measure"] == "auroc")
        expect(outside.locator(".heat tfoot")).to_contain_text(f"{auroc['value']:.3f}")
    assert complaints(outside) == []
    assert outside.locator("main a[href*='/results/']").count() == 0
    with outside.expect_download() as download:
        outside.get_by_text("Download").click()
        outside.get_by_role("link", name="Everything (JSON)").click()
    assert Path(download.value.path()).read_bytes() == bytes(publication.content)


def test_every_page_of_a_study_is_whole_at_every_width_and_accessible(
    page: Page, media: Path, live_server: object
) -> None:
    found, url = studies.partners(versions=2, sites=2), live_server.url  # type: ignore[attr-defined]
    draft, inviting = studies.a_draft(found.coordinator), studies.an_inviting_study(found)
    invitation = inviting.invitations.get(dataset=found.datasets[0])
    answer_invitation(
        invitation=invitation, accept=False, reason="Our board meets in June.", by=found.holders[0]
    )
    running = studies.a_running_study(found)
    studies.finish_cell(running.cells.select_related("evaluation")[0], failure="Too few events.")
    withdrawn = studies.an_inviting_study(found)
    withdraw_study(study=withdrawn, reason="A site has left.", by=found.coordinator)
    finished = studies.a_finished_study(found, failures=1)
    published = publish_study(
        study=studies.a_finished_study(found, failures=1), by=found.coordinator
    )
    add_notice(
        publication=published, kind="retraction", text="A table was wrong.", by=found.coordinator
    )
    here = {"use_case": "ckd"}
    public = {
        "published": published.get_absolute_url(),
        "studies": reverse("study-list", kwargs=here),
        "published studies": reverse("study-list", kwargs=here) + "?show=published",
    }
    inside = {
        "new study": reverse("study-create", kwargs=here | {"task": "binary"}),
        "draft": draft.get_absolute_url(),
        "edited draft": f"{draft.get_absolute_url()}edit/",
        "inviting": inviting.get_absolute_url(),
        "whom to invite": f"{inviting.get_absolute_url()}invitations/",
        "running": running.get_absolute_url(),
        "withdrawing": f"{running.get_absolute_url()}withdraw/",
        "withdrawn": withdrawn.get_absolute_url(),
        "finished": finished.get_absolute_url(),
        "ratio": f"{finished.get_absolute_url()}?measure=observed_expected_ratio",
        "publishing": f"{finished.get_absolute_url()}publish/",
        "notice": f"{published.get_absolute_url()}notice/",
    }
    assert visit(page, public) == {}
    become(page, found.coordinator, url)
    assert visit(page, inside | public) == {}
    become(page, found.holders[0], url)
    asked = {"asked": inviting.get_absolute_url(), "studies": public["studies"]}
    assert visit(page, asked) == {}
