"""The look and the scripts, on pages made of the components alone, under the site's policy.

The pages are rendered here and handed to the browser by interception, so that no server and no
database take part.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.template import Context, engines
from django.test import RequestFactory
from playwright.sync_api import Browser, Locator, Page, Route, expect

from portal.figures import CHOSEN, Forest, ForestRow, colour, follow
from portal.result import Curve, Estimate, Result
from portal.showcase.design import THRESHOLDS
from portal.showcase.explorer import explored
from portal.usecase import Explorer, Followed, Measure, UseCase
from tests.browser.guard import Guard

pytestmark = pytest.mark.browser

SITE = "http://design.example"
POLICY = (
    "default-src 'self'; script-src 'self'; "
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
AUROC = Measure("auroc", "AUROC", "", low=0.5, high=1.0, reference=0.5)
KIDNEY = UseCase(
    slug="ckd",
    title="Chronic kidney disease",
    short_title="Kidney",
    question="Does it hold?",
    lead="A hospital",
    colour="kidney",
    tasks=(),
)
RESULT = (
    '{% extends "base.html" %}{% load components %}'
    '{% block scripts %}{% include "components/_chart_scripts.html" only %}{% endblock %}'
    '{% block header %}<div class="page-header">'
    "<h1>Ranks patients well; overstates their risk by 8%</h1>"
    '<div class="actions"><a class="btn" href="#x" data-dialog="confirm">Delete</a></div></div>'
    '{% include "components/_confirm.html" with id="confirm" title="Delete it?" text="All of it." '
    'url="/x" action="Delete it" only %}{% endblock %}'
    '{% block content %}<div class="cards">'
    '{% include "components/_stat_card.html" with measure=auroc estimate=estimate only %}</div>'
    '<h2>What was found</h2><div class="two">'
    '{% include "components/_figure.html" with slug="roc" question="How well does it rank?" '
    "figure=figure tables=tables only %}"
    "{% result_explorer explored %}</div>"
    '<section class="card"><h3>Sites</h3>{% forest_plot forest auroc "Site" "Patients" %}</section>'
    "{% endblock %}"
)


def estimate(value: float, lower: float, upper: float) -> Estimate:
    return Estimate(measure="auroc", value=value, lower=lower, upper=upper, method="DeLong")


STYLES = (
    *("count", "number:2", "percent:1", "thousand:1", "significant:3", "share:3"),
    *("of:10", "days:0"),
)
EXPLORER = Explorer(
    curve="thresholds",
    parameter="threshold",
    label="Threshold",
    title="If we act above a risk of {at}",
    format="share:3",
    start=lambda result: 0.1,
    followed=(
        Followed("sensitivity", "Sensitivity", "percent:1"),
        *(Followed(f"like_{style}", style, style) for style in STYLES),
    ),
    sentence="Of 1,000 people, {flagged} are flagged: {found} with the event.",
    hidden="Too few people stand on one side of this threshold to show the counts.",
)


def result() -> Result:
    columns: dict[str, list[Any]] = {
        **THRESHOLDS,
        **{f"like_{style}": [0.965, 0.0625, 1234.5] for style in STYLES if style != "of:10"},
        "like_of:10": [0.965, 0.0625, 1],
        "like_days:0": [1, 14, None],
    }
    return Result(
        use_case="ckd",
        task="binary",
        engine="test",
        protocol={},
        inputs={},
        population={},
        estimates=[],
        curves={"thresholds": Curve(method="Wilson", columns=columns)},
    )


def figure() -> dict[str, Any]:
    places = follow("threshold", [0.05, 0.1, 0.2], [[0.4], [0.2], [0.06]], [[0.9], [0.8], [0.5]])
    return {
        "data": [
            {"x": [0, 0.2, 1], "y": [0, 0.8, 1], "line": {"color": colour("uc")}},
            {"x": [0.2], "y": [0.8], "name": CHOSEN, "mode": "markers", "meta": places},
        ],
        "layout": {"paper_bgcolor": "rgba(0,0,0,0)", "font": {"color": colour("ink")}},
    }


def result_page() -> str:
    context = {
        "use_cases": [KIDNEY],
        "use_case": KIDNEY,
        "section": "results",
        "auroc": AUROC,
        "estimate": estimate(0.822, 0.807, 0.837),
        "explored": explored(EXPLORER, result()),
        "figure": figure(),
        "tables": [
            {
                "name": "ROC",
                "head": ["threshold", "sensitivity"],
                "rows": [["10%", "80%"]],
                "csv_url": "/roc.csv",
            }
        ],
        "forest": Forest(
            rows=(
                ForestRow("Denmark", 3123, estimate(0.83, 0.80, 0.86)),
                ForestRow("A site with a rather long name", 1717, estimate(0.79, 0.74, 0.84)),
            ),
            overall=estimate(0.822, 0.807, 0.837),
            pooled=None,
            low=0.7,
            high=0.9,
        ),
    }
    template = engines["django"].from_string(RESULT).template
    bound = Context(context)  # without the context processors, which ask the database
    bound.request = RequestFactory().get("/")  # type: ignore[attr-defined]
    return template.render(bound)


Open = Callable[..., Page]


@pytest.fixture
def open_page(started_browser: Browser, guard: Guard) -> Open:
    """Opens the page."""
    html = result_page()

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(SITE).split("?")[0]
        if not path.startswith("/static/"):
            headers = {"Content-Type": "text/html", "Content-Security-Policy": POLICY}
            route.fulfill(body=html, headers=headers)
            return
        found = finders.find(path.removeprefix("/static/"))
        if "unreachable" in route.request.frame.url and "plotly" in path:
            route.abort()
            return
        assert found, path
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        route.fulfill(body=Path(found).read_bytes(), headers={"Content-Type": kind})

    def open_(path: str = "/result", **options: Any) -> Page:
        context = started_browser.new_context(base_url=SITE, reduced_motion="reduce", **options)
        context.route("**/*", answer)
        if path == "/unreachable":
            guard.expect("Failed to load resource")
            guard.expect("plotly.js could not be loaded")
        page = context.new_page()
        page.goto(path)
        return page

    return open_


def viewport(width: int) -> dict[str, int]:
    return {"width": width, "height": 900}


def cell(page: Page, name: str) -> str:
    return page.locator(f"[data-value={name}]").inner_text()


def drawn_chart(page: Page) -> Locator:
    """The chart, once it is there; plotly.js takes its time on a busy machine."""
    chart = page.get_by_role("img", name="How well does it rank?")
    expect(chart).to_be_visible(timeout=60_000)
    return chart


def chosen_point(page: Page) -> list[float]:
    return page.evaluate(
        "() => { const { x, y } = document.querySelector('.plot').data[1]; return [x[0], y[0]]; }"
    )


@pytest.mark.parametrize("width", [320, 375, 800, 1280])
def test_nothing_scrolls_sideways_and_the_bar_is_one_row(open_page: Open, width: int) -> None:
    page = open_page(viewport=viewport(width))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".top").bounding_box()["height"] < 64


def test_a_chart_is_drawn_without_breaking_the_policy_or_moving_the_page(open_page: Open) -> None:
    page = open_page(viewport=viewport(1280))
    reserved = page.locator(".plot").bounding_box()
    chart = drawn_chart(page)
    expect(chart.locator("path.js-line").first).to_be_attached()
    assert page.locator(".plot").bounding_box() == reserved


def test_a_chart_takes_the_colours_of_the_theme_and_of_the_use_case(open_page: Open) -> None:
    page = open_page(viewport=viewport(1280), color_scheme="light")
    drawn_chart(page)
    line = "document.querySelector('.plot').data[0].line.color"
    assert page.evaluate(line) == "rgb(15, 118, 110)"
    page.get_by_role("button", name="Dark").click()
    page.wait_for_function(f"{line} === 'rgb(95, 208, 197)'")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_slider_moves_the_table_the_words_the_chart_and_the_address(open_page: Open) -> None:
    page = open_page(viewport=viewport(1280))
    drawn_chart(page)
    assert cell(page, "true_positive") == "80"
    slider = page.get_by_role("slider", name="Threshold")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-value=true_positive]")).to_have_text("50")
    assert cell(page, "false_negative") == "too few to show"
    assert cell(page, "sensitivity") == "50.0%"
    assert page.locator("[data-lower=sensitivity_lower]").inner_text() == "40.4% to 59.6%"
    assert slider.get_attribute("aria-valuetext") == "20%"
    assert "Too few people" in page.locator("output").inner_text()
    page.wait_for_function("document.querySelector('.plot').data[1].x[0] === 0.06")
    assert chosen_point(page) == [0.06, 0.5]
    assert page.url.endswith("?threshold=0.2")


def test_the_threshold_in_the_address_is_the_one_shown(open_page: Open) -> None:
    page = open_page("/result?threshold=0.05", viewport=viewport(1280))
    drawn_chart(page)
    assert cell(page, "true_positive") == "90"
    assert chosen_point(page) == [0.4, 0.9]
    assert "490 are flagged: 90 with the event" in page.locator("output").inner_text()


@pytest.mark.parametrize("asked", ["0.05", "0.1", "0.2"])
def test_the_script_writes_every_number_as_the_server_does(open_page: Open, asked: str) -> None:
    page = open_page(f"/result?threshold={asked}", viewport=viewport(1280))
    card = explored(EXPLORER, result(), asked)
    assert card is not None
    for number in card.numbers:
        shown = page.locator(f"[data-value='{number.column}']")
        expect(shown).to_have_text(number.value)
    assert page.locator("output").inner_text() == card.sentence
    assert page.locator("[data-at]").inner_text() == card.at


def test_where_the_chart_cannot_be_drawn_its_table_opens(open_page: Open) -> None:
    page = open_page("/unreachable", viewport=viewport(1280))
    expect(page.get_by_text("The chart could not be drawn here")).to_be_visible()
    expect(page.get_by_role("cell", name="80%", exact=True)).to_be_visible()


def test_without_scripts_the_page_shows_the_row_that_the_server_chose(open_page: Open) -> None:
    page = open_page(viewport=viewport(375), java_script_enabled=False)
    assert cell(page, "true_positive") == "80"
    expect(page.get_by_role("button", name="Show")).to_be_visible()
    page.locator(".top-menu summary").click()
    expect(page.locator(".top-menu").get_by_role("link", name="Models")).to_be_visible()


def test_a_dialog_asks_and_can_be_left_with_the_keyboard(open_page: Open) -> None:
    page = open_page(viewport=viewport(1280))
    page.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete it?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_menu_of_a_phone_closes_on_escape_and_gives_the_focus_back(open_page: Open) -> None:
    page = open_page(viewport=viewport(320))
    menu = page.locator(".top-menu")
    menu.locator("summary").click()
    menu.get_by_role("link", name="Models").focus()
    page.keyboard.press("Escape")
    expect(menu.get_by_role("link", name="Models")).to_be_hidden()
    assert page.evaluate("document.activeElement.matches('.top-menu summary')")
