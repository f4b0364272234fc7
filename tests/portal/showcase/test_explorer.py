"""The card with the slider: one row of a stored curve, in words and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.template import Context, Template
from django.utils import translation

from portal.result import Curve, Result
from portal.showcase.explorer import explored, people_per_thousand
from portal.showcase.numbers import formatted, out_of, significant
from portal.usecase import Explorer, Followed


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


RISK = Explorer(
    curve="thresholds",
    parameter="threshold",
    label="Threshold",
    title="If we act above a risk of {at}",
    format="share:3",
    start=lambda result: result.protocol["start"],
    followed=(
        Followed("sensitivity", "Sensitivity", "percent:1", ("low", "high")),
        Followed("net_benefit", "Net benefit, per 1,000", "thousand:1"),
        Followed("never_there", "Not of this curve", "count"),
    ),
    sentence="Of 1,000 people, {flagged} are flagged; {sensitivity:of:10} events are found.",
    hidden="Too few to say.",
)


def result(start: float | None = 0.1, **columns: list[float | None]) -> Result:
    """A curve whose rows do not ascend, as those of a burden of alerts do not."""
    stored = {
        "threshold": [0.2, 0.1, 0.05],
        "true_positive": [50, 80, 90],
        "false_positive": [50, 200, 400],
        "false_negative": [50, 20, None],
        "true_negative": [850, 700, 500],
        "sensitivity": [0.5, 0.8, None],
        "low": [0.404, 0.711, None],
        "high": [0.596, 0.867, None],
        "net_benefit": [0.0375, 0.0578, 0.0689],
        **columns,
    }
    return Result(
        use_case="toy",
        task="toy",
        engine="test",
        protocol={"start": start},
        inputs={},
        population={},
        estimates=[],
        curves={"thresholds": Curve(method="given", columns=stored)},
    )


def test_the_card_stands_where_the_protocol_starts() -> None:
    card = explored(RISK, result())
    assert card is not None
    assert (card.at, card.chosen, card.low, card.high) == ("10%", 0.1, 0.05, 0.2)
    assert card.sentence == "Of 1,000 people, 280 are flagged; 8 of 10 events are found."
    assert [(one.column, one.value, one.interval) for one in card.numbers] == [
        ("sensitivity", "80.0%", "71.1% to 86.7%"),
        ("net_benefit", "57.8", ""),
    ]
    assert card.title_parts == ("If we act above a risk of ", "")


@pytest.mark.parametrize(
    ("asked", "at"),
    [("0.18", "20%"), ("9", "20%"), ("-1", "5%"), ("nonsense", "10%"), ("nan", "10%"), ("", "10%")],
)
def test_the_value_in_the_address_chooses_the_nearest_row(asked: str, at: str) -> None:
    card = explored(RISK, result(), asked)
    assert card is not None
    assert card.at == at


def test_without_a_start_it_stands_in_the_middle() -> None:
    card = explored(RISK, result(start=None))
    assert card is not None
    assert card.at == "10%"


def test_a_hidden_value_is_said_and_no_number_is_made_of_it() -> None:
    card = explored(RISK, result(), "0.05")
    assert card is not None
    assert card.sentence == "Too few to say."
    assert (card.numbers[0].value, card.numbers[0].interval) == ("too few to show", "")
    html = Template("{% load components %}{% result_explorer card %}").render(
        Context({"card": card})
    )
    assert "too few to show" in html
    assert 'data-value="false_negative"' in html
    assert 'name="threshold"' in html


def test_the_browser_is_given_the_rows_in_order_and_no_other_column() -> None:
    card = explored(RISK, result(unshown=[1, 2, 3]))
    assert card is not None
    assert card.data["columns"]["threshold"] == [0.05, 0.1, 0.2]
    assert card.data["columns"]["sensitivity"] == [None, 0.8, 0.5]
    assert "unshown" not in card.data["columns"]
    assert card.data["formats"]["sensitivity"] == "percent:1"


def test_there_is_no_card_without_the_curve_or_its_rows() -> None:
    assert explored(replace(RISK, curve="another"), result()) is None
    empty: dict[str, list[float | None]] = {
        name: [] for name in result().curves["thresholds"].columns
    }
    assert explored(RISK, result(**empty)) is None


def test_a_curve_without_counts_has_no_confusion_table() -> None:
    full = result().curves["thresholds"].columns
    curve = Curve(
        method="",
        columns={name: full[name] for name in ("threshold", "sensitivity", "low", "high")},
    )
    card = explored(
        replace(RISK, sentence="{sensitivity} at {threshold}"),
        result().model_copy(update={"curves": {"thresholds": curve}}),
    )
    assert card is not None
    assert not card.has_counts
    assert card.sentence == "80.0% at 10%"


def test_of_a_thousand_people_counts_are_shares_of_all() -> None:
    assert people_per_thousand(result().curves["thresholds"].rows[0]) == {
        "found": 50,
        "alarms": 50,
        "missed": 50,
        "flagged": 100,
    }
    assert people_per_thousand(result().curves["thresholds"].rows[2]) is None


@pytest.mark.parametrize(
    ("value", "style", "words"),
    [
        (12_345, "count", "12,345"),
        (0.965, "number:2", "0.97"),  # as a browser rounds a tie
        (-0.125, "number:2", "\N{MINUS SIGN}0.13"),
        (0.6654, "percent:1", "66.5%"),
        (0.0375, "thousand:1", "37.5"),
        (0.0325, "share:3", "3.25%"),
        (0.1, "share:3", "10%"),
        (0.31902, "significant:3", "0.319"),
        (12_345.0, "significant:3", "12,300"),
        (9.9996, "significant:3", "10"),
        (0.0, "significant:3", "0"),
        (0.81, "of:10", "8 of 10"),
        (14.0, "days:0", "14 days"),
        (1.0, "days:0", "1 day"),
        (None, "percent:1", "too few to show"),
    ],
)
def test_a_number_is_written_in_the_style_that_is_declared(
    value: float | None, style: str, words: str
) -> None:
    assert formatted(value, style) == words


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(LookupError, match="No format 'furlongs'"):
        formatted(1.0, "furlongs")


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 of 10"),
        (1.0, "10 of 10"),
        (0.97, "97 of 100"),
        (0.004, "4 of 1,000"),
        (0.9999, "9,999 of 10,000"),
        (1e-9, "0 of 10,000"),
    ],
)
def test_a_share_that_is_not_all_is_not_said_to_be_all(share: float, words: str) -> None:
    assert out_of(share) == words


def test_a_number_that_is_none_has_no_digits() -> None:
    assert significant(math.inf) == significant(None) == "\N{EN DASH}"
