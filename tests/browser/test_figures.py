"""The figures of every task on a phone, in the dark, on paper and without colour."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from portal.accounts.models import User
from portal.evaluations.models import Evaluation
from portal.organisations.roles import Role
from tests import factories
from tests.browser.test_pages import sign_in
from tests.every_task import NAMES, evaluated

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DRAWN = """() => [...document.querySelectorAll('.plot')]
  .every((plot) => plot.querySelector('.main-svg'))"""
WORDS = """(judge) => [...document.querySelectorAll('.plot')].flatMap((plot) =>
  [...plot.querySelectorAll('text')].filter((text) => text.textContent.trim())
    .map((text) => [text, judge(plot, text)]).filter(([, fault]) => fault)
    .map(([text, fault]) => `${plot.dataset.figure}: ${text.textContent} ${fault}`))"""
UNREADABLE = f"""() => ({WORDS})((plot, text) => {{
  const [box, word] = [plot.getBoundingClientRect(), text.getBoundingClientRect()];
  const size = Number.parseFloat(getComputedStyle(text).fontSize);
  if (size < 11) return `is ${{size}} pixels small`;
  const out = Math.max(box.left - word.left, word.right - box.right, box.top - word.top,
    word.bottom - box.bottom);
  return out > 2 ? `is ${{out.toFixed(0)}} pixels beyond the edge` : '';
}})"""
FAINT = f"""() => {{
  const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((value) => value / 255)
    .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  return ({WORDS})((plot, text) => {{
    const ground = light(getComputedStyle(plot.closest('.card')).backgroundColor);
    const ink = light(getComputedStyle(text).fill);
    const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    return ratio < 4.5 ? `has a contrast of ${{ratio.toFixed(1)}}` : '';
  }});
}}"""


@pytest.fixture
def person(media: Path) -> User:
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


@pytest.fixture
def evaluation(request: pytest.FixtureRequest, person: User) -> Evaluation:
    return evaluated(person, request.param)


def draw_all(page: Page) -> None:
    """Draw the charts that are far below as well, as before printing."""
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(DRAWN, timeout=90_000)


@pytest.mark.parametrize("evaluation", NAMES, indirect=True)
def test_figures_are_read_on_a_phone_in_the_dark_and_on_paper(
    page: Page, evaluation: Evaluation, person: User, live_server: Any
) -> None:
    sign_in(page.context, person, live_server.url)
    page.set_viewport_size({"width": 375, "height": 800})
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.goto(evaluation.get_absolute_url())
    draw_all(page)
    assert page.evaluate(UNREADABLE) == []
    assert page.evaluate(FAINT) == []
    page.emulate_media(color_scheme="light", media="print", reduced_motion="reduce")
    page.reload()
    draw_all(page)
    assert page.evaluate(UNREADABLE) == []
    assert page.evaluate(FAINT) == []


@pytest.mark.parametrize("evaluation", NAMES, indirect=True)
def test_lines_of_a_figure_are_told_apart_without_colour(
    page: Page, evaluation: Evaluation, person: User, live_server: Any
) -> None:
    sign_in(page.context, person, live_server.url)
    page.goto(evaluation.get_absolute_url())
    draw_all(page)
    lines = page.evaluate(
        """() => [...document.querySelectorAll('.plot')].map((plot) => plot.data
             .filter((trace) => (trace.mode ?? '').startsWith('lines') && trace.line?.width > 0)
             .map((trace) => [trace.line.dash ?? 'solid', trace.line.width, trace.mode]))"""
    )
    for figure in lines:
        assert all(one != other for one, other in itertools.combinations(figure, 2)), figure
