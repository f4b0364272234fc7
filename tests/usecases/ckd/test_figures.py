from __future__ import annotations

import itertools
import json
import math
import re
from typing import Any

import pytest

from portal.figures import CHOSEN, COLOURS, figure_json
from portal.result import Curve, Estimate, Result
from usecases.ckd.figures import FIGURES

BY_SLUG = {figure.slug: figure for figure in FIGURES}
PATIENTS, EVENTS = 10_000, 700
POINTS = 1_000
"""The most rows that a stored curve may have."""


def steps(count: int, top: float = 1.0) -> list[float]:
    return [top * (index + 0.5) / count for index in range(count)]


def curves(points: int = 50) -> dict[str, dict[str, list[Any]]]:
    """Smooth curves of the shapes that the engine stores, of ``points`` rows each."""
    shares = steps(points)
    bins = [index / 50 for index in range(51)]
    falling = [math.exp(-8 * start) for start in bins[:-1]]
    return {
        "roc": {
            "threshold": shares[::-1],
            "false_positive_rate": [share**3 for share in shares],
            "sensitivity": [share**0.5 for share in shares],
        },
        "precision_recall": {
            "threshold": shares[::-1],
            "recall": shares,
            "precision": [1 - 0.93 * share for share in shares],
        },
        "calibration": {
            "predicted": steps(points, 0.5),
            "observed": [0.9 * risk for risk in steps(points, 0.5)],
            "lower": [0.8 * risk for risk in steps(points, 0.5)],
            "upper": list(steps(points, 0.5)),
        },
        "calibration_groups": {
            "predicted": steps(10, 0.4),
            "observed": [0.9 * risk for risk in steps(10, 0.4)],
            "lower": [0.7 * risk for risk in steps(10, 0.4)],
            "upper": [1.1 * risk for risk in steps(10, 0.4)],
            "patients": [1_000] * 10,
        },
        "risk_distribution": {
            "risk_from": bins[:-1],
            "risk_to": bins[1:],
            "with_event": [round(100 * share) for share in falling],
            "without_event": [round(2_000 * share) for share in falling],
        },
        "decision": {
            "threshold": shares,
            "net_benefit": [0.07 * math.exp(-4 * share) for share in shares],
            "lower": [0.07 * math.exp(-4 * share) - 0.01 for share in shares],
            "upper": [0.07 * math.exp(-4 * share) + 0.01 for share in shares],
            "treat_all": [0.07 - 0.93 * share / (1 - share) for share in shares],
        },
        "thresholds": {
            "threshold": shares,
            "true_positive": [round(700 * (1 - share)) for share in shares],
            "sensitivity": [1 - share for share in shares],
            "specificity": [share**0.5 for share in shares],
            "ppv": [0.07 + 0.9 * share for share in shares],
            "net_benefit": [0.07 * math.exp(-4 * share) for share in shares],
        },
    }


def estimates() -> list[Estimate]:
    return [
        Estimate(measure="auroc", value=0.822, lower=0.807, upper=0.837, method="DeLong"),
        Estimate(measure="average_precision", value=0.31, lower=0.28, upper=0.34, method="given"),
    ]


def result(
    columns: dict[str, dict[str, list[Any]]],
    found: list[Estimate] | None = None,
    events: int = EVENTS,
) -> Result:
    return Result(
        use_case="ckd",
        task="binary",
        engine="test",
        protocol={"thresholds": [0.1, 0.2]},
        inputs={},
        population={"patients": PATIENTS, "events": events, "non_events": PATIENTS - events},
        estimates=estimates() if found is None else found,
        curves={name: Curve(method="given", columns=values) for name, values in columns.items()},
    )


def drawn(slug: str, given: Result) -> dict[str, Any]:
    return figure_json(BY_SLUG[slug].draw(given, str))


def trace(plain: dict[str, Any], name: str) -> dict[str, Any]:
    return next(trace for trace in plain["data"] if trace.get("name") == name)


def words(plain: dict[str, Any]) -> str:
    texts = [annotation["text"] for annotation in plain["layout"].get("annotations", [])]
    return re.sub("<[^>]+>", " ", " | ".join(texts))


@pytest.mark.parametrize("slug", BY_SLUG)
def test_a_figure_of_the_longest_curves_is_below_150_kb(slug: str) -> None:
    longest = drawn(slug, result(curves(POINTS)))
    assert len(json.dumps(longest, separators=(",", ":")).encode()) < 150_000


@pytest.mark.parametrize("slug", BY_SLUG)
def test_a_figure_draws_with_every_other_value_hidden(slug: str) -> None:
    full = curves()
    along = {"threshold", "predicted", "risk_from", "risk_to", "recall", "false_positive_rate"}
    for columns, name in [(c, n) for c in full.values() for n in c if n not in along]:
        columns[name][::2] = [None] * len(columns[name][::2])
    plain = json.loads(json.dumps(drawn(slug, result(full)), allow_nan=False))
    assert len(plain["data"]) >= 3


@pytest.mark.parametrize("slug", BY_SLUG)
def test_a_figure_without_its_curves_says_why(slug: str) -> None:
    reason = "All 400 patients have the event; at least 10 without it are needed."
    missing = [
        Estimate(measure=measure, method="DeLong", unavailable=reason)
        for measure in ("auroc", "average_precision", "calibration_slope", "net_benefit")
    ]
    plain = drawn(slug, result({}, missing))
    assert plain["data"] == []
    assert " ".join(words(plain).split()) == reason


@pytest.mark.parametrize("slug", BY_SLUG)
def test_a_figure_needs_no_curve_but_its_own(slug: str) -> None:
    full = curves()
    own = {name: full[name] for name in BY_SLUG[slug].curves}
    plain = drawn(slug, result(own, found=[]))
    assert len(plain["data"]) >= 2


def test_each_calibration_curve_may_be_missing_alone() -> None:
    for missing in BY_SLUG["calibration"].curves:
        full = curves()
        del full[missing]
        assert drawn("calibration", result(full))["data"]


@pytest.mark.parametrize("slug", BY_SLUG)
def test_every_colour_is_one_that_the_style_sheet_promises(slug: str) -> None:
    found = set(re.findall(r"var\(--([a-z0-9-]+)\)", json.dumps(drawn(slug, result(curves())))))
    assert found <= set(COLOURS)


@pytest.mark.parametrize("slug", BY_SLUG)
def test_lines_that_share_a_figure_differ_in_more_than_colour(slug: str) -> None:
    lines = [
        (trace["line"].get("dash", "solid"), trace["line"].get("width"))
        for trace in drawn(slug, result(curves()))["data"]
        if trace.get("mode") == "lines" and trace["line"]["width"] > 0
    ]
    assert len(lines) >= 2
    assert all(one != other for one, other in itertools.combinations(lines, 2))


@pytest.mark.parametrize("slug", BY_SLUG)
def test_no_figure_needs_webgl_a_legend_or_its_own_title(slug: str) -> None:
    plain = drawn(slug, result(curves()))
    assert {trace["type"] for trace in plain["data"]} <= {"scatter", "bar"}
    assert "title" not in plain["layout"]
    assert plain["layout"]["template"]["layout"]["showlegend"] is False


@pytest.mark.parametrize(
    ("slug", "x", "y"),
    [
        ("roc", 1 - 0.105**0.5, 0.895),
        ("precision-recall", 0.895, 0.07 + 0.9 * 0.105),
    ],
)
def test_the_marker_starts_at_the_first_threshold_and_may_go_to_each(
    slug: str, x: float, y: float
) -> None:
    given = curves(100)
    marker = trace(drawn(slug, result(given)), CHOSEN)
    at = given["thresholds"]["threshold"]
    now = min(range(100), key=lambda index: abs(at[index] - 0.1))
    meta = marker["meta"]
    assert meta["follows"] == "threshold"
    assert meta["at"] == pytest.approx(at)
    assert (marker["x"], marker["y"]) == (meta["x"][now], meta["y"][now])
    near = min(range(100), key=lambda index: abs(at[index] - 0.105))
    assert meta["x"][near] == pytest.approx([x], rel=1e-5)
    assert meta["y"][near] == pytest.approx([y], rel=1e-5)


def test_the_marker_of_the_decision_curve_stands_on_a_line_to_the_axis() -> None:
    plain = drawn("decision", result(curves(100)))
    marker = trace(plain, CHOSEN)
    bottom = plain["layout"]["yaxis"]["range"][0]
    assert marker["x"][0] == marker["x"][1] == pytest.approx(0.1, abs=0.006)
    assert marker["y"][0] == pytest.approx(70 * math.exp(-4 * marker["x"][0]), rel=1e-5)
    assert marker["y"][1] == pytest.approx(bottom)
    assert [bool(text) for text in marker["text"]] == [True, False]  # clear of "treat all"


def test_a_hidden_count_hides_the_marker_instead_of_moving_it() -> None:
    given = curves(100)
    given["thresholds"]["sensitivity"][90] = None
    meta = trace(drawn("roc", result(given)), CHOSEN)["meta"]
    assert (meta["x"][90], meta["y"][90]) == ([None], [None])
    assert len(meta["at"]) == 100


def test_the_roc_curve_is_labelled_with_its_area_and_interval() -> None:
    said = words(drawn("roc", result(curves())))
    assert "AUROC 0.822" in said
    assert "95% CI 0.807\N{EN DASH}0.837" in said
    assert "chance" in said


def test_the_precision_recall_curve_is_compared_with_flagging_at_random() -> None:
    plain = drawn("precision-recall", result(curves()))
    assert "flagging at random: 7.0%" in words(plain)
    assert [0.07, 0.07] in [trace["y"] for trace in plain["data"]]


def test_the_calibration_axis_ends_where_99_in_100_patients_lie() -> None:
    given = curves()
    given["risk_distribution"] |= {
        "with_event": [70] * 10 + [0] * 39 + [10],
        "without_event": [930] * 10 + [0] * 39 + [10],
    }
    given["calibration_groups"]["predicted"] = steps(10, 0.15)
    axis = drawn("calibration", result(given))["layout"]["xaxis"]["range"]
    below = 0.18 + 0.02 * (0.99 * 10_020 - 9_000) / 1_000
    assert axis[1] == pytest.approx(below * 1.015, rel=1e-5)


def test_the_calibration_axis_reaches_past_the_highest_group() -> None:
    given = curves()
    given["calibration_groups"]["predicted"][-1] = 0.6
    axis = drawn("calibration", result(given))["layout"]["xaxis"]["range"]
    assert axis[1] == pytest.approx(0.66 * 1.015, rel=1e-5)


def test_a_bar_joined_up_to_a_risk_of_1_does_not_stretch_the_axis_past_the_curve() -> None:
    given = curves()
    given["risk_distribution"] = {
        "risk_from": [0.0, 0.08],
        "risk_to": [0.08, 1.0],
        "with_event": [10, 20],
        "without_event": [350, 120],
    }
    axis = drawn("calibration", result(given))["layout"]["xaxis"]["range"]
    assert axis[1] == pytest.approx(given["calibration"]["predicted"][-1] * 1.015, rel=1e-5)


def test_bars_are_as_high_as_their_patients_for_the_same_width_of_risk() -> None:
    given = curves()
    given["risk_distribution"] = {
        "risk_from": [0.0, 0.1],
        "risk_to": [0.1, 0.5],
        "with_event": [10, 40],
        "without_event": [60, 40],
    }
    up, down = (t for t in drawn("calibration", result(given))["data"] if t["type"] == "bar")
    assert up["y"] == pytest.approx([0.2, 0.2])
    assert down["y"] == pytest.approx([-0.6, -0.1])


def test_the_distribution_is_up_with_the_event_and_down_without_in_shares_of_each_group() -> None:
    plain = drawn("calibration", result(curves()))
    up, down = (trace for trace in plain["data"] if trace["type"] == "bar")
    assert sum(up["y"]) == pytest.approx(1, rel=1e-4)
    assert sum(down["y"]) == pytest.approx(-1, rel=1e-4)
    assert up["yaxis"] == down["yaxis"] == "y2"


def test_hidden_groups_have_no_dot_and_hidden_bars_no_height() -> None:
    given = curves()
    given["calibration_groups"]["observed"][3] = None
    given["risk_distribution"]["with_event"][4] = None
    plain = drawn("calibration", result(given))
    assert len(trace(plain, "groups")["x"]) == 9
    assert trace(plain, "with the event")["y"][4] is None


def test_a_distribution_of_hidden_counts_alone_says_so() -> None:
    given = curves()
    given["risk_distribution"]["with_event"] = [None] * 50
    assert "with the event: too few to show" in words(drawn("calibration", result(given)))


def test_the_band_is_broken_where_the_interval_is_hidden() -> None:
    given = curves()
    given["decision"]["lower"][20] = None
    (band,) = (t for t in drawn("decision", result(given))["data"] if t.get("fill") == "toself")
    assert band["x"].count(None) == 1
    assert len(band["x"]) == 2 * 49 + 1


def test_net_benefit_is_drawn_for_a_thousand_patients_and_stays_in_sight() -> None:
    given = curves()
    plain = drawn("decision", result(given))
    assert trace(plain, "model")["y"] == pytest.approx(
        [1000 * value for value in given["decision"]["net_benefit"]], rel=1e-5
    )
    low, high = plain["layout"]["yaxis"]["range"]
    assert high >= max(trace(plain, "model")["y"])
    assert -0.3 * high < low < 0


def test_a_model_that_never_helps_is_still_drawn() -> None:
    given = curves()
    given["decision"] |= {
        "net_benefit": [-0.1] * 50,
        "lower": [-0.2] * 50,
        "upper": [-0.05] * 50,
        "treat_all": [-0.3] * 50,
    }
    low, high = drawn("decision", result(given))["layout"]["yaxis"]["range"]
    assert low < 0 < high


def test_the_figures_have_distinct_addresses_and_ask_one_question_each() -> None:
    assert len(BY_SLUG) == len(FIGURES)
    assert all(figure.question.count("?") == 1 for figure in FIGURES)


def test_words_are_translated_where_they_are_drawn() -> None:
    plain = figure_json(BY_SLUG["decision"].draw(result(curves()), lambda text: f"«{text}»"))
    assert plain["layout"]["xaxis"]["title"]["text"] == "«threshold: act above this risk»"
    assert "«treat none»" in words(plain)
