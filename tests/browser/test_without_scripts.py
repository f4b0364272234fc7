"""With JavaScript off: every form works by a plain POST, and each chart shows its numbers.

That every page reads without scripts is seen by test_walk.py, which has them all at hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from portal.evaluations.models import Evaluation
from portal.organisations.models import Invitation
from portal.organisations.roles import Role
from tests import factories
from tests.browser.test_main_job import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RELOAD = re.compile("[Rr]eload the page to see how far it is")


@pytest.fixture
def page(started_browser: Browser, live_server: Any) -> Iterator[Page]:
    """A page in which no script runs."""
    context = started_browser.new_context(
        base_url=live_server.url, locale="en-GB", java_script_enabled=False
    )
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()


def test_the_main_forms_work_without_scripts(page: Page, files: Path, media: Path) -> None:
    person = factories.a_person(factories.an_organisation("Holder"), Role.MANAGER)
    version = factories.a_version(person)
    ready = factories.a_ready_dataset(person, version, title="Ready cohort")
    partner = factories.an_organisation("Partner")
    heading = page.get_by_role("heading", level=1)
    cohort, _predictions = factories.cohort_frame()
    cohort.write_csv(files / "cohort.csv")

    # Signing in, and another language of the same page
    sign_in(page, person.email)
    expect(page).to_have_url(re.compile("/my-work/$"))
    page.goto("/ckd/datasets/?q=ready")
    page.get_by_role("navigation", name="Language").get_by_role("link", name="Français").click()
    expect(page).to_have_url(re.compile(r"/fr/ckd/datasets/\?q=ready$"))
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.get_by_role("link", name="English").click()

    # Adding a dataset, and finding it by a word and by a filter
    page.goto("/ckd/datasets/new/")
    page.get_by_label("Title", exact=True).fill("Kidney clinic")
    page.get_by_label("Description").fill("Adults referred to the clinic.")
    page.get_by_label("Geography").select_option("DK")
    press(page, "Add the dataset")
    expect(heading).to_have_text("Kidney clinic")
    added = page.url
    page.goto("/ckd/datasets/")
    page.get_by_role("main").get_by_role("searchbox").fill("clinic")
    press(page, "Search")
    expect(page.locator(".entries .card-title")).to_have_text(["Kidney clinic"])
    page.goto("/ckd/datasets/")
    page.locator(".facets input[type=checkbox]").first.check()
    press(page, "Apply the filters")
    expect(page.get_by_role("list", name="Filters in force")).to_be_visible()

    # Uploading: no bar that only a script moves, and a word on how to see more
    page.goto(f"{added}upload/binary/cohort/")
    page.get_by_label("File", exact=True).set_input_files(files / "cohort.csv")
    expect(page.get_by_text("Sending the file")).to_be_hidden()
    press(page, "Upload and check")
    expect(page).to_have_url(re.compile("/uploads/"))
    expect(page.get_by_text("Waiting for a free worker")).to_be_visible()
    expect(page.get_by_text(RELOAD)).to_be_visible()

    # An evaluation, submitted and taken back
    page.goto("/ckd/results/new/binary/")
    page.get_by_label("Model version").select_option(label=str(version))
    page.get_by_label("Dataset", exact=True).select_option(label=str(ready))
    press(page, "Submit the evaluation")
    expect(page.get_by_text(RELOAD)).to_be_visible()
    assert Evaluation.objects.get().status == "queued"
    press(page, "Cancel")
    expect(page.get_by_text("It was cancelled before it ended")).to_be_visible()

    # Sharing, inviting, signing out
    page.goto(f"{added}share/")
    page.locator("[name=organisation]").select_option(label=str(partner))
    page.locator("[name=verbs]").first.check()
    press(page, "Save")
    expect(page.get_by_role("main")).to_contain_text("Partner")
    page.goto(f"{person.memberships.get().organisation.get_absolute_url()}invite/")
    page.get_by_label("E-mail address").fill("somebody@example.org")
    page.get_by_label("Viewer").check()
    press(page, "Send the invitation")
    assert Invitation.objects.get().email == "somebody@example.org"
    page.locator(".account summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("link", name="Sign in").first).to_be_visible()


def test_a_result_shows_its_numbers_where_no_script_draws_them(
    page: Page, media: Path, live_server: Any
) -> None:
    person = factories.a_person(factories.an_organisation(), Role.MANAGER)
    version = factories.a_version(person)
    dataset = factories.a_ready_dataset(person, version)
    evaluation = factories.a_finished_evaluation(person, dataset, version)
    sign_in(page, person.email)
    expect(page).to_have_url(re.compile("/my-work/$"))
    page.goto(evaluation.get_absolute_url())

    # In the place of each chart stand its numbers, or the way to them
    figures = page.locator("figure.figure")
    assert figures.count() > 3
    for figure in figures.all():
        expect(figure.locator(".plot")).to_be_hidden()
        numbers = figure.locator("table, .disclosure a[href]").first
        expect(numbers).to_be_visible()
    figures.first.locator(".disclosure a[href]").first.click()
    expect(page.get_by_role("main").locator("tbody tr").nth(1)).to_be_visible()

    # The slider asks the server
    page.goto(evaluation.get_absolute_url())
    flagged = page.locator("[data-value=true_positive]").first
    before = flagged.inner_text()
    page.locator("form[data-explorer] input[type=range]").fill("0.4")
    page.locator("form[data-explorer]").get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("threshold=0.4"))
    expect(flagged).not_to_have_text(before)
