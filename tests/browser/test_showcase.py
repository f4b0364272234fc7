"""News, what a partner says of itself, and the design system, as the browser shows them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from portal.organisations.roles import Role
from portal.showcase.models import HomeFigure, Milestone
from tests import factories
from tests.browser.judging import complaints, visit
from tests.browser.test_pages import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXT = (
    "A **text** with [a link](https://example.org/) and `some code`.\n\n## Heading\n\n- one\n\n"
    "> said\n\n    a line of a program that is a good deal longer than a telephone is wide\n\n"
    "Donaudampfschifffahrtsgesellschaftskapitänspatentverlängerungsformularnummer"
)


def test_pages_that_are_written_in_the_administration_are_whole_and_accessible(
    page: Page, media: object, live_server: Any
) -> None:
    organisation = factories.an_organisation("Holder")
    organisation.description = TEXT
    organisation.save()
    person = factories.a_person(organisation, Role.MANAGER)
    for _ in range(21):
        item = factories.a_news_item(en=TEXT)
    HomeFigure.objects.create(value=30, label="partners")
    Milestone.objects.create(date=date(2026, 1, 1), title="Start", is_done=True)
    here = {"slug": organisation.slug}
    found = {
        "home": reverse("home"),
        "news": reverse("news-list"),
        "last page of the news": reverse("news-list") + "?page=2",
        "one of the news": item.get_absolute_url(),
        "one of the news, in English for lack of French": f"/fr{item.get_absolute_url()}",
        "organisation": reverse("organisation-detail", kwargs=here),
        "edited organisation": reverse("organisation-edit", kwargs=here),
    }
    sign_in(page.context, person, live_server.url)
    assert visit(page, found) == {}


def test_the_design_system_is_whole_and_accessible_in_both_schemes(
    page: Page, live_server: Any
) -> None:
    Milestone.objects.create(date=date(2026, 1, 1), title="Start", is_done=True)
    sign_in(page.context, factories.a_person(is_staff=True), live_server.url)
    page.goto(reverse("design"))
    assert page.evaluate("scrollY") == 0
    for scheme in ("light", "dark"):
        assert complaints(page, scheme) == []  # type: ignore[arg-type]
    # Each side has its own colours, whatever the reader's scheme is.
    papers = [
        page.locator(f".specimen.{scheme}").first.evaluate(
            "element => getComputedStyle(element).backgroundColor"
        )
        for scheme in ("light", "dark")
    ]
    assert papers == ["rgb(255, 255, 255)", "rgb(15, 22, 38)"]
    page.locator("#charts").scroll_into_view_if_needed()
    for scheme in ("light", "dark"):
        chart = page.locator(f"#figure-{scheme}-sample").get_by_role("img", name="ROC")
        expect(chart).to_be_visible(timeout=60_000)
    colours = page.evaluate(
        "[...document.querySelectorAll('.specimen .plot')].map(plot => plot.data[0].line.color)"
    )
    assert colours == ["rgb(0, 114, 178)", "rgb(90, 169, 230)"]
