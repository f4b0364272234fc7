from __future__ import annotations

import json
import re

import plotly.graph_objects as go
import pytest

from portal.figures import (
    COLOURS,
    colour,
    curve_table,
    empty_figure,
    figure_json,
    follow,
    forest,
    headline,
    template,
)
from portal.result import Curve, Estimate, Pooled, Result, Subgroup


def estimate(
    value: float | None,
    site: str | None = None,
    *,
    column: str = "site",
    measure: str = "auroc",
    at: dict[str, float] | None = None,
) -> Estimate:
    return Estimate(
        measure=measure,
        value=value,
        lower=None if value is None else value - 0.02,
        upper=None if value is None else value + 0.02,
        at=at,
        method="given",
        subgroup=None if site is None else Subgroup(column=column, value=site),
        unavailable=None if value is not None else "Fewer than 10 events.",
    )


def result(*estimates: Estimate, pooled: tuple[Pooled, ...] = ()) -> Result:
    return Result(
        use_case="toy",
        task="toy",
        engine="test",
        protocol={},
        inputs={},
        population={},
        estimates=list(estimates),
        pooled=list(pooled),
    )


def test_a_figure_leaves_with_the_shared_template_and_without_plotlys_own() -> None:
    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4]))
    assert "template" in figure.layout.to_plotly_json()
    plain = figure_json(figure)
    assert set(plain) == {"data", "layout"}
    assert set(plain["layout"]["template"]) == {"layout"}
    assert plain["layout"]["template"]["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"
    assert len(json.dumps(plain)) < 2_500


def test_numbers_are_plain_json_with_six_digits_and_no_nan() -> None:
    figure = go.Figure(go.Scatter(x=[1 / 3, None, 2.0], y=[float("nan"), 1_234_567.8, 0.1 + 0.2]))
    trace = json.loads(json.dumps(figure_json(figure), allow_nan=False))["data"][0]
    assert trace["x"] == [0.333333, None, 2]
    assert trace["y"] == [None, 1_234_570, 0.3]


def test_every_colour_of_the_template_has_a_name_in_the_table() -> None:
    named = set(re.findall(r"var\(--([a-z0-9-]+)\)", json.dumps(template().to_plotly_json())))
    assert named
    assert named <= set(COLOURS)


def test_an_unknown_colour_is_refused() -> None:
    with pytest.raises(LookupError, match="No colour 'teal'"):
        colour("teal")


def test_an_empty_figure_gives_the_reason_and_escapes_it() -> None:
    plain = figure_json(empty_figure("Fewer than 10 events in <b>north</b>; none can be drawn."))
    (annotation,) = plain["layout"]["annotations"]
    words = annotation["text"].replace("<br>", " ")
    assert words == "Fewer than 10 events in &lt;b&gt;north&lt;/b&gt;; none can be drawn."
    assert plain["data"] == []


def test_a_trace_that_follows_needs_a_position_for_every_threshold() -> None:
    meta = follow("threshold", [0.1, 0.2], [[1], [None]], [[2], [None]], [["10%"], ["20%"]])
    assert meta["follows"] == "threshold"
    assert meta["at"] == [0.1, 0.2]
    with pytest.raises(ValueError, match="found 2, 1, 2"):
        follow("threshold", [0.1, 0.2], [[1]], [[2], [3]])


def test_a_table_to_read_has_words_and_few_digits_and_a_file_has_them_all() -> None:
    curve = Curve(
        method="given",
        columns={
            "net_benefit": [-0.0123456789, None, 0.0, 1e-7],
            "patients": [12_345, None, 10, 11],
        },
    )
    assert curve_table(curve) == (
        ["Net benefit", "Patients"],
        [["\N{MINUS SIGN}0.01235", "12345"], ["", ""], ["0", "10"], ["0.0000001", "11"]],
    )
    assert curve_table(curve, precise=True) == (
        ["net_benefit", "patients"],
        [[-0.0123456789, 12_345], [None, None], [0.0, 10], [1e-7, 11]],
    )


def test_the_headline_is_of_everyone_and_at_the_first_threshold() -> None:
    found = result(
        estimate(0.7, "north", measure="net_benefit", at={"threshold": 0.1}),
        estimate(0.2, measure="net_benefit", at={"threshold": 0.1}),
        estimate(0.1, measure="net_benefit", at={"threshold": 0.3}),
    )
    assert headline(found, "net_benefit").value == 0.2
    assert headline(found, "auroc") is None


def test_a_forest_has_a_row_for_each_site_even_without_a_value() -> None:
    pooled = Pooled(measure="auroc", scale="logit", value=0.8, sites=2, method="REML")
    drawn = forest(
        result(
            estimate(0.81),
            estimate(0.83, "north"),
            estimate(None, "east"),
            estimate(0.79, "south"),
            estimate(0.8, "female", column="sex"),
            pooled=(pooled,),
        ),
        "auroc",
    )
    assert [row.name for row in drawn.rows] == ["east", "north", "south"]
    assert drawn.rows[0].estimate.unavailable == "Fewer than 10 events."
    assert drawn.pooled == pooled
    assert drawn.overall is not None
    assert drawn.low < 0.77
    assert drawn.high > 0.85


def test_a_forest_sorts_the_numbers_within_names_as_numbers() -> None:
    names = ["region-10", "Region-9", "region-9b", "9", "region-100", "10"]
    drawn = forest(result(*(estimate(0.8, name) for name in names)), "auroc")
    assert [row.name for row in drawn.rows] == [
        "9",
        "10",
        "Region-9",
        "region-9b",
        "region-10",
        "region-100",
    ]


def test_a_forest_of_another_column_is_not_given_the_pooled_sites() -> None:
    pooled = Pooled(measure="auroc", scale="logit", value=0.8, sites=2, method="REML")
    drawn = forest(
        result(estimate(0.81), estimate(0.8, "female", column="sex"), pooled=(pooled,)),
        "auroc",
        column="sex",
    )
    assert [row.name for row in drawn.rows] == ["female"]
    assert drawn.pooled is None


def test_a_forest_at_a_threshold_holds_only_that_threshold() -> None:
    drawn = forest(
        result(
            estimate(0.5, measure="sensitivity", at={"threshold": 0.1}),
            estimate(0.3, measure="sensitivity", at={"threshold": 0.2}),
            estimate(0.6, "north", measure="sensitivity", at={"threshold": 0.1}),
            estimate(0.4, "north", measure="sensitivity", at={"threshold": 0.2}),
        ),
        "sensitivity",
        at={"threshold": 0.2},
    )
    assert [row.estimate.value for row in drawn.rows] == [0.4]
    assert drawn.overall is not None
    assert drawn.overall.value == 0.3


def test_one_very_wide_interval_does_not_squeeze_the_others() -> None:
    wide = estimate(0.8, "tiny").model_copy(update={"lower": -40.0, "upper": 60.0})
    drawn = forest(
        result(estimate(0.81), estimate(0.83, "north"), estimate(0.79, "south"), wide), "auroc"
    )
    assert drawn.high - drawn.low < 0.4


def test_a_result_without_sites_has_a_forest_without_rows() -> None:
    drawn = forest(result(estimate(0.81)), "auroc")
    assert drawn.rows == ()
    assert (drawn.low, drawn.high) == pytest.approx((0.7884, 0.8316))
