"""Figures on a phone, in the dark, on paper and without colour, and the numbers of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from portal.accounts.models import User
from portal.comparisons.views import address_of
from portal.evaluations.models import Evaluation
from portal.organisations.roles import Role
from portal.usecase import use_cases
from tests import factories, studies
from tests.browser.test_pages import sign_in
from tests.every_task import FRAMES, NAMES, a_version_of, evaluated

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FAULTS = (Path(__file__).parent / "figures.js").read_text()
PAPER = {"width": 680, "height": 960}
"""A4 less its margins, in the pixels of a style sheet."""


@pytest.fixture
def person(media: Path) -> User:
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


@pytest.fixture
def evaluation(request: pytest.FixtureRequest, person: User) -> Evaluation:
    return evaluated(person, request.param)


def found(page: Page, *kinds: str) -> list[str]:
    """Draw the charts that are far below as well, and judge."""
    page.wait_for_function(
        """() => {
          for (const plot of document.querySelectorAll('.plot.waiting')) plot.scrollIntoView();
          return [...document.querySelectorAll('.plot')].every(
            (plot) => plot.querySelector('.main-svg'));
        }""",
        timeout=90_000,
    )
    page.evaluate(  # a change of theme or medium is drawn in the next frame
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    faults = page.evaluate(FAULTS)
    return [fault for kind in kinds for fault in faults[kind]]


def faults(page: Page, address: str) -> dict[str, list[str]]:
    """What is wrong with the figures of a page, by how it is looked at."""
    wrong = {}
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(address)
    wrong["on a phone"] = found(page, "unreadable", "faint", "tables", "wide", "tableless")
    wrong["without colour"] = found(page, "alike", "untold")
    page.emulate_media(color_scheme="dark")
    wrong["in the dark"] = found(page, "unreadable", "faint", "tables")
    page.set_viewport_size(PAPER)
    page.emulate_media(color_scheme="dark", media="print")
    wrong["on paper"] = found(
        page, "unreadable", "faint", "tables", "wide", "broad", "dark", "navigation", "tableless"
    )
    page.emulate_media(color_scheme="dark", media="screen")
    wrong["in the dark again"] = found(page, "faint", "tables")
    return {how: what for how, what in wrong.items() if what}


@pytest.mark.parametrize("evaluation", NAMES, indirect=True)
def test_the_figures_of_a_result_are_readable_however_they_are_looked_at(
    page: Page, evaluation: Evaluation, person: User, live_server: Any
) -> None:
    sign_in(page.context, person, live_server.url)
    assert faults(page, evaluation.get_absolute_url()) == {}


@pytest.mark.parametrize("name", ["ckd/binary", "metastasis/lung-ct"])
def test_the_figures_of_results_side_by_side_are_too(
    page: Page, person: User, live_server: Any, name: str
) -> None:
    use_case, slug = name.split("/")
    frames = FRAMES[use_case, slug]()
    dataset = factories.a_dataset(person, use_case=use_case)
    pair = [
        evaluated(person, name, frames=frames, dataset=dataset, version=a_version_of(person, name))
        for _ in range(2)
    ]
    sign_in(page.context, person, live_server.url)
    address = address_of(use_cases()[use_case], [one.reference for one in pair])
    assert faults(page, address) == {}


def test_the_tables_and_forests_of_a_study_are_too(
    page: Page, media: Path, live_server: Any
) -> None:
    partners = studies.partners(versions=2, sites=3)
    address = studies.a_finished_study(partners, failures=1).get_absolute_url()
    sign_in(page.context, partners.coordinator, live_server.url)
    assert faults(page, address) == {}
    assert faults(page, f"{address}?measure=observed_expected_ratio") == {}
