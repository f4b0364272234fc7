from __future__ import annotations

import functools
import json
import re

import pytest

from portal.figures import CHOSEN, COLOURS, figure_json
from portal.result import Result
from tests.usecases.heart_failure.simulation import evaluated, simulated, with_alerts
from usecases.heart_failure.figures import FIGURES

BY_SLUG = {figure.slug: figure for figure in FIGURES}


@functools.cache
def result(kind: str) -> Result:
    if kind == "one patient":
        return evaluated(simulated(1))
    frames = simulated(300)
    return evaluated(with_alerts(frames) if kind == "alerts" else frames)


@pytest.mark.parametrize("slug", BY_SLUG)
@pytest.mark.parametrize("kind", ["scores", "alerts", "one patient"])
def test_every_result_can_be_drawn(slug: str, kind: str) -> None:
    plain = figure_json(BY_SLUG[slug].draw(result(kind), str))

    text = json.dumps(plain)
    assert len(text) < 150_000
    assert plain["data"] or plain["layout"]["annotations"]
    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", text)) <= set(COLOURS)


def test_the_curve_is_drawn_for_thresholds_with_fewer_alerts_than_the_worst() -> None:
    plain = figure_json(BY_SLUG["free-response"].draw(result("scores"), str))
    line = next(trace for trace in plain["data"] if trace.get("name") == "all thresholds")

    stored = result("scores").curves["free_response"].columns["unexplained_alert_rate"]
    assert line["x"][0] == pytest.approx(max(stored), rel=1e-5)
    assert len(line["x"]) == len(line["y"]) == len(line["customdata"])


def test_the_chosen_threshold_follows_the_slider_along_the_burdens() -> None:
    plain = figure_json(BY_SLUG["free-response"].draw(result("scores"), str))
    chosen = next(trace for trace in plain["data"] if trace.get("name") == CHOSEN)

    burden = result("scores").curves["burden"].columns
    assert chosen["meta"]["follows"] == "unexplained_alert_rate"
    assert chosen["meta"]["at"] == pytest.approx(burden["unexplained_alert_rate"], rel=1e-5)
    assert [x[0] for x in chosen["meta"]["x"]] == pytest.approx(
        burden["unexplained_alert_rate"], rel=1e-5
    )
    assert burden["threshold"] == sorted(burden["threshold"])


def test_given_alerts_are_one_point_with_its_intervals() -> None:
    plain = figure_json(BY_SLUG["free-response"].draw(result("alerts"), str))

    names = [trace.get("name") for trace in plain["data"]]
    assert names == ["as evaluated"]
    (point,) = plain["data"]
    assert point["error_x"]["array"][0] > 0
    assert point["error_y"]["arrayminus"][0] > 0


def test_an_empty_figure_says_why() -> None:
    plain = figure_json(BY_SLUG["burden"].draw(result("alerts"), str))
    words = plain["layout"]["annotations"][0]["text"].replace("<br>", " ")
    assert words.startswith("Alerts were given, and no daily scores")

    plain = figure_json(BY_SLUG["lead-time"].draw(result("one patient"), str))
    words = plain["layout"]["annotations"][0]["text"].replace("<br>", " ")
    assert words == "There are fewer than 10 patients."


def test_each_figure_answers_a_question() -> None:
    assert all(figure.question.endswith("?") for figure in FIGURES)
    assert {key for figure in FIGURES for key in figure.curves} == set(result("scores").curves)
