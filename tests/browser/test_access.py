"""The whole path to data of others: found, asked for, granted, used, revoked, and then refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from portal.access.models import Permit, Review
from portal.evaluations.models import Evaluation
from portal.organisations.roles import Role, Verb
from portal.organisations.sharing import share
from tests import factories, permits
from tests.browser.judging import complaints
from tests.browser.test_study import become
from tests.workers import workers

pytestmark = [pytest.mark.browser, pytest.mark.workers, pytest.mark.django_db(transaction=True)]

TEXTS = {
    "Summary for everybody": "We check whether a kidney risk score is right in Denmark.",
    "Intended use": "One released version is evaluated on one cohort.",
    "Expected benefit": "Doctors learn whether to trust it.",
    "Population": "Everybody in the cohort.",
    "Why pseudonymised": "Outcomes are linked over time.",
    "Months": "12",
    "Safeguards": "Only aggregates come out.",
    "Ethics": "The regional committee agreed.",
    "Funding": "The European Union.",
}


def write(page: Page) -> None:
    """Fill every step of an application, as the pages lead through them."""
    for _step in range(6):
        for label, text in TEXTS.items():
            field = page.get_by_role("main").get_by_label(re.compile(f"^{label}"))
            if field.count() == 1 and field.is_visible():
                field.fill(text)
        chosen = page.get_by_label(re.compile("^Any model version"))
        if chosen.count():
            chosen.check()
        assert complaints(page) == []
        page.get_by_role("button", name="Save and continue").first.click()


def test_the_path_from_a_search_to_a_refusal(
    page: Page, media: Path, tmp_path: Path, live_server: object
) -> None:
    url = live_server.url  # type: ignore[attr-defined]
    aarhus = factories.an_organisation("Aarhus University Hospital")
    holder = factories.a_person(aarhus, Role.MANAGER)
    person = factories.a_person(
        factories.an_organisation("Erasmus MC", country="NL"), Role.MANAGER, full_name="Mia Jensen"
    )
    version = factories.a_version(person)
    share(obj=version.model, verbs=[Verb.EVALUATE], organisation=aarhus, by=person)
    dataset = factories.a_ready_dataset(
        holder, version, title="Kidney clinic, Aarhus", access_rights="NON_PUBLIC"
    )
    share(obj=dataset, verbs=[Verb.VIEW], organisation=None, by=holder)
    body = permits.an_access_body("DK")

    # Found, and put into the basket
    become(page, person, url)
    page.goto("/ckd/datasets/?q=kidney+clinic")
    page.get_by_role("link", name="Kidney clinic, Aarhus").first.click()
    page.get_by_role("link", name="Ask for access").first.click()
    expect(page.get_by_role("main")).to_contain_text("Denmark")
    page.get_by_role("button", name="Put it into the basket").click()
    page.goto("/access/basket/")
    page.get_by_label("Title").fill("Does our score hold in Denmark?")
    page.get_by_role("button", name="Begin").click()

    # Written and sent
    write(page)
    expect(page.get_by_text("Fill in")).to_have_count(0)
    page.get_by_role("button", name=re.compile("^Send")).click()
    review = Review.objects.get()
    address = f"/access/reviews/{review.pk}/"

    # Question and answer
    become(page, body, url)
    page.goto("/my-work/")
    page.get_by_role("link", name=re.compile("Does our score hold in Denmark")).first.click()
    page.goto(address)
    page.get_by_role("link", name="Ask the applicant").click()
    page.get_by_label("Question").fill("Which version of the score?")
    page.get_by_role("button", name="Ask", exact=True).click()
    become(page, person, url)
    page.goto(address)
    expect(page.get_by_text("Which version of the score?")).to_be_visible()
    page.get_by_label("Your answer").fill("Each that is released.")
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.get_by_text("Each that is released.")).to_be_visible()

    # The holder's opinion
    become(page, holder, url)
    page.goto(address)
    page.get_by_role("link", name="Give an opinion").click()
    assert complaints(page) == []
    page.get_by_label("In favour", exact=True).check()
    page.get_by_label("Reasons").fill("A good use of our data.")
    page.get_by_role("button", name="Give the opinion").click()

    # The decision
    become(page, body, url)
    page.goto(address)
    expect(page.get_by_text("A good use of our data.")).to_be_visible()
    page.get_by_role("button", name="It is complete").click()
    expect(page.get_by_text(re.compile("Decide until"))).to_be_visible()
    page.get_by_role("link", name="Grant").click()
    page.get_by_label("Reasons of the decision").fill("In the public interest.")
    assert complaints(page) == []
    page.get_by_role("button", name="Issue the permit").click()
    permit = Permit.objects.get()
    expect(page.get_by_role("main")).to_contain_text(permit.number)

    # An evaluation under it
    become(page, person, url)
    with workers(tmp_path) as start:
        start()
        page.goto("/ckd/results/new/binary/")
        page.get_by_label("Model version").select_option(label=str(version))
        page.get_by_label("Dataset", exact=True).select_option(label="Kidney clinic, Aarhus")
        page.get_by_label("Bootstrap replicates").fill("100")
        expect(page.locator("#check")).to_contain_text("Everything is there.")
        page.get_by_role("button", name="Submit the evaluation").click()
        expect(page.get_by_text("95% CI").first).to_be_visible(timeout=90_000)
    expect(page.get_by_role("main")).to_contain_text(permit.number)
    assert Evaluation.objects.get().permit == permit

    # Signed out, the register tells it
    page.context.clear_cookies()
    page.goto("/access/register/")
    expect(page.get_by_role("main")).to_contain_text(permit.number)
    expect(page.get_by_role("main")).not_to_contain_text("Mia Jensen")

    # Revoked, and refused with the right words and the way to where one asks
    become(page, body, url)
    page.goto(permit.get_absolute_url())
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("textbox").fill("The conditions were not kept.")
    page.get_by_role("button", name=re.compile("Revoke")).click()
    become(page, person, url)
    page.goto("/ckd/results/new/binary/")
    page.get_by_label("Model version").select_option(label=str(version))
    page.get_by_label("Dataset", exact=True).select_option(label="Kidney clinic, Aarhus")
    refusal = f"The data permit {permit.number} was revoked: The conditions were not kept."
    expect(page.locator("#check")).to_contain_text(refusal)
    page.get_by_label("Bootstrap replicates").fill("101")
    page.get_by_role("button", name="Submit the evaluation").click()
    expect(page.get_by_role("main")).to_contain_text(refusal)
    page.get_by_role("main").get_by_role("link", name="See the permit").first.click()
    expect(page.get_by_role("main")).to_contain_text("The conditions were not kept.")
    assert Evaluation.objects.count() == 1
