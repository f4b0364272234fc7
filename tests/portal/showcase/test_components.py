"""The template tags and filters of the components, and what they draw."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import plotly
import pytest
from django.core.paginator import Paginator
from django.template import Context, Template
from django.template.loader import get_template
from django.utils import timezone, translation

from portal.figures import Forest, ForestRow
from portal.result import Estimate, Pooled
from portal.showcase.drawing import Axis, axis_of, digits_of
from portal.showcase.europe import NAMES, TILES
from portal.showcase.numbers import coordinate, count, interval, measured, number, percent
from portal.showcase.templatetags.components import JOB_STATES
from portal.usecase import Measure

ROOT = Path(__file__).resolve().parents[3]

AUROC = Measure("auroc", "AUROC", "", low=0.5, high=1.0, reference=0.5)
RATIO = Measure("oe", "Observed / expected", "", reference=1.0)
SENSITIVITY = Measure("sensitivity", "Sensitivity", "", low=0.0, high=1.0, percent=True)


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


def estimate(
    value: float | None = None, lower: float | None = None, upper: float | None = None
) -> Estimate:
    return Estimate(measure="auroc", value=value, lower=lower, upper=upper, method="DeLong")


def rendered(source: str, **context: object) -> str:
    return Template("{% load components %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("value", "digits", "words"),
    [
        (11683, 0, "11,683"),
        (0.8215, 3, "0.822"),
        (-0.126, 2, "\N{MINUS SIGN}0.13"),
        (-0.0004, 2, "0.00"),
        (0, 0, "0"),
        (None, 2, "\N{EN DASH}"),
        (math.nan, 2, "\N{EN DASH}"),
    ],
)
def test_a_number_is_written_as_people_read_it(
    value: float | None, digits: int, words: str
) -> None:
    assert number(value, digits) == words


def test_numbers_follow_the_readers_language_but_coordinates_do_not() -> None:
    with translation.override("da"):
        assert number(11683.25, 2) == "11.683,25"
        assert coordinate(61.25) == "61.25"


def test_a_share_is_written_in_percent() -> None:
    assert percent(0.6654) == "66.5%"
    assert measured(0.6654, SENSITIVITY) == "66.5%"
    assert measured(0.6654, AUROC) == "0.665"


def test_an_interval_is_empty_when_an_end_is_missing() -> None:
    assert interval(estimate(0.822, 0.807, 0.837), AUROC) == "0.807 to 0.837"
    assert interval(estimate(0.822, None, 0.837), AUROC) == ""


def test_a_hidden_count_says_so_and_a_count_of_none_does_not() -> None:
    assert count(None) == "too few to show"
    assert count(0) == "0"


def test_an_axis_places_its_ends_and_keeps_what_lies_beyond_at_the_nearer_end() -> None:
    axis = Axis(0.5, 1.0)
    assert [axis.at(value) for value in (0.5, 0.75, 1.0, 0.2, 1.4)] == [
        "0%",
        "50%",
        "100%",
        "0%",
        "100%",
    ]
    assert axis.at(None) == ""


@pytest.mark.parametrize(("low", "high"), [(0.73, 0.88), (0, 1), (-3.2, 7.9), (1e-4, 4e-4)])
def test_ticks_are_few_round_and_within_the_axis(low: float, high: float) -> None:
    ticks = Axis(low, high).ticks()
    assert 2 <= len(ticks) <= 6
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)
    steps = {round(b - a, 9) for a, b in itertools.pairwise(ticks)}
    assert len(steps) == 1


def test_ticks_have_the_decimals_that_tell_them_apart() -> None:
    assert digits_of([0.75, 0.8, 0.85], AUROC) == 2
    assert digits_of([0.0, 0.5, 1.0], SENSITIVITY) == 0


def test_a_scale_from_the_data_is_centred_on_the_reference() -> None:
    axis = axis_of(RATIO, [0.9, 0.8, 1.05])
    assert axis.low == pytest.approx(0.75)
    assert axis.high == pytest.approx(1.25)


def test_an_axis_of_one_value_at_its_reference_has_a_width() -> None:
    axis = axis_of(RATIO, [1.0])
    assert axis.low < 1.0 < axis.high


def test_an_interval_bar_is_drawn_in_attributes_and_without_styles() -> None:
    html = rendered(
        "{% interval_bar estimate measure %}", estimate=estimate(0.8, 0.7, 0.9), measure=AUROC
    )
    assert 'x="40%"' in html  # where the interval begins
    assert 'width="40%"' in html
    assert 'x="60%"' in html  # the value
    assert "style" not in html


def test_an_interval_bar_is_left_out_without_a_value() -> None:
    html = rendered("{% interval_bar estimate measure %}", estimate=estimate(), measure=AUROC)
    assert html.strip() == ""


def forest() -> Forest:
    return Forest(
        rows=(
            ForestRow("Denmark", 3123, estimate(0.83, 0.80, 0.86)),
            ForestRow("<France>", None, estimate(0.79, 0.60, 0.84)),
            ForestRow(
                "Portugal",
                212,
                Estimate(measure="auroc", method="DeLong", unavailable="6 events; 10 are needed."),
            ),
        ),
        overall=estimate(0.82, 0.80, 0.84),
        pooled=Pooled(
            measure="auroc",
            scale="logit",
            value=0.82,
            lower=0.79,
            upper=0.85,
            prediction_lower=0.75,
            prediction_upper=0.88,
            sites=2,
            method="REML",
        ),
        low=0.7,
        high=0.9,
    )


def drawn_forest(**context: object) -> ET.Element:
    html = rendered(
        '{% forest_plot forest measure "Site" "Patients" %}',
        forest=forest(),
        measure=AUROC,
        **context,
    )
    return ET.fromstring(html)  # noqa: S314 - our own markup


def test_a_forest_has_a_row_for_each_site_everyone_and_the_pool() -> None:
    rows = drawn_forest().findall("./tbody/tr")
    names = ["".join(row.find("th").itertext()) for row in rows]
    assert names == ["Denmark", "<France>", "Portugal", "Everyone together", "Pooled over sites"]


def test_a_forest_row_says_its_numbers_and_its_count() -> None:
    denmark, france, portugal, everyone, pooled = drawn_forest().findall("./tbody/tr")
    assert "".join(denmark.findall("td")[2].itertext()).strip() == "0.830 (0.800 to 0.860)"
    assert denmark.find("td").text == "3,123"
    assert france.find("td").text == "too few to show"
    assert "6 events; 10 are needed." in "".join(portugal.itertext())
    assert portugal.find(".//svg") is None
    assert everyone.find("td").text is None  # a sum would tell the hidden count
    assert "prediction interval 0.750 to 0.880" in " ".join("".join(pooled.itertext()).split())


def test_a_forest_interval_that_leaves_the_axis_ends_in_an_arrow() -> None:
    denmark, france, *_rest = drawn_forest().findall("./tbody/tr")
    assert france.find(".//path[@class='arrow']") is not None
    assert denmark.find(".//path[@class='arrow']") is None
    whisker = denmark.find(".//line[@class='whisker']")
    assert (whisker.get("x1"), whisker.get("x2")) == ("50%", "80%")


def test_pages_near_the_present_one_and_the_ends_are_offered() -> None:
    page = Paginator(range(400), 20).page(10)
    html = rendered("{% for n in page|nearby_pages %}{{ n }} {% endfor %}", page=page)
    assert html.split() == ["1", "…", "8", "9", "10", "11", "12", "…", "20"]


def test_every_country_has_one_square_of_its_own() -> None:
    assert len({tile.code for tile in TILES}) == len(TILES) == len(NAMES)
    assert len({(tile.row, tile.column) for tile in TILES}) == len(TILES)


def test_the_map_names_the_partners_of_a_country_and_counts_countries() -> None:
    html = rendered("{% tile_map places %}", places={"DK": ["A & B", "C"], "FR": ["D"]})
    svg = ET.fromstring(html)  # noqa: S314 - our own markup
    assert svg.get("aria-label") == "Map of Europe: 2 countries take part"
    titles = [group.findtext("title") for group in svg.findall("g[@class='on']")]
    assert sorted(titles) == ["Denmark: A & B, C", "France: D"]


@pytest.mark.parametrize("status", ["queued", "running", "succeeded", "failed", "cancelled"])
def test_a_status_has_an_icon_and_a_word(status: str) -> None:
    html = rendered("{% job_status status %}", status=status)
    assert "<use href=" in html
    assert f"<span>{status.capitalize()}</span>" in html


def test_a_moment_is_relative_and_exact_on_hover() -> None:
    at = timezone.now() - timedelta(hours=3)
    html = rendered("{% moment at %}", at=at)
    found = ET.fromstring(html)  # noqa: S314 - our own markup
    assert found.text == "3\N{NO-BREAK SPACE}hours ago"
    assert datetime.fromisoformat(found.get("datetime", "")) == at
    assert found.get("title", "").startswith(f"{timezone.localtime(at).day} ")


def test_every_icon_that_templates_name_is_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (ROOT / "static/img/icons.svg").read_text()))
    named = {icon for icon, _word in JOB_STATES.values()} | {
        name
        for path in (ROOT / "templates").rglob("*.html")
        for name in re.findall(r"\{% icon [\"']([\w-]+)[\"'] %\}", path.read_text())
    }
    assert named
    assert named <= drawn


TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_compiles_and_holds_no_style_or_script_of_its_own(path: Path) -> None:
    source = path.read_text()
    get_template(str(path.relative_to(ROOT / "templates")))
    assert not re.search(r"\sstyle=|<style|\son\w+=\"", source)
    # A block of data is no script: the page's policy does not run it.
    assert not re.search(r"<script(?![^>]*\s(?:src=|type=\"application/json\"))", source)


def test_the_style_sheet_of_maps_that_charts_leave_out_is_still_the_one_in_plotly() -> None:
    script = (ROOT / "static/js/charts.js").read_text()
    (name,) = re.findall(r'MAP_STYLES = "(\w+)"', script)
    bundle = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    assert name in bundle.read_text()
