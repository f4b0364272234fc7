"""What an attacker works out of a ckd/binary Result: everything when unprotected, else nothing."""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from portal.result import Result, Subgroup
from portal.tables import LoadedTable
from tests.usecases.ckd.attack import EVENTS, OTHERS, Attack, small_counts
from usecases.ckd.evaluation import BinaryProtocol, evaluate_binary

THRESHOLDS = (0.05, 0.1, 0.2, 0.37)


def cohort_of(
    people: int, seed: int, *, sites: int = 3, digits: int = 3, shift: float = -1.5
) -> pl.DataFrame:
    """A simulated cohort with its risks; sites are of very unequal size."""
    random = np.random.default_rng(seed)
    risk = np.round(1 / (1 + np.exp(-random.normal(shift, 1.2, people))), digits)
    shares = np.arange(1, sites + 1) ** 2.0
    return pl.DataFrame(
        {
            "patient_id": [f"p{number}" for number in range(people)],
            "outcome": (random.random(people) < risk).astype(np.int64),
            "site": random.choice([f"s{n}" for n in range(sites)], people, p=shares / shares.sum()),
            "sex": random.choice(["female", "male"], people),
            "risk": risk,
        }
    )


def evaluated(frame: pl.DataFrame, **protocol: Any) -> Result:
    key = [name for name in ("patient_id", "visit") if name in frame.columns]
    tables = {
        "cohort": LoadedTable(frame.drop("risk"), "c" * 64),
        "predictions": LoadedTable(frame.select(*key, "risk"), "p" * 64),
    }
    asked = {"bootstrap_replicates": 100, "thresholds": THRESHOLDS, **protocol}
    return evaluate_binary(tables, BinaryProtocol(**asked))


def sent(result: Result) -> dict[str, Any]:
    """The result as it leaves."""
    return json.loads(result.to_json())


def unprotected(frame: pl.DataFrame, **protocol: Any) -> dict[str, Any]:
    return sent(evaluated(frame, smallest_count=1, minimum_events=1, **protocol))


# The attack works.


@pytest.fixture(scope="module")
def leaking() -> dict[str, Any]:
    return unprotected(cohort_of(150, 3), subgroups=("sex",))


def test_the_attacker_is_right(leaking: dict[str, Any]) -> None:
    frame = cohort_of(150, 3)
    attack = Attack(leaking)

    checked = 0
    for (scope, outcome), cuts in attack.above.items():
        part = frame if scope is None else frame.filter(pl.col(scope[0]) == scope[1])
        part = part.filter(pl.col("outcome") == (1 if outcome == EVENTS else 0))
        for cut, count in cuts.items():
            if isinstance(cut, float):
                assert count == part.filter(pl.col("risk") >= cut).height
                checked += 1
    assert checked > 200


@pytest.mark.parametrize(
    "kept",
    [
        "roc",
        "precision_recall",
        "calibration_groups",
        "risk_distribution",
        "thresholds",
        "decision",
    ],
)
def test_each_unprotected_curve_alone_gives_small_counts_away(
    leaking: dict[str, Any], kept: str
) -> None:
    only = {**leaking, "estimates": [], "curves": {kept: leaking["curves"][kept]}}

    assert any(found.startswith("everyone") for found in small_counts(only))


@pytest.mark.parametrize(
    "kept", [("sensitivity",), ("specificity",), ("ppv", "npv"), ("net_benefit",)]
)
def test_unprotected_estimates_alone_give_small_counts_away(
    leaking: dict[str, Any], kept: tuple[str, ...]
) -> None:
    estimates = [found for found in leaking["estimates"] if found["measure"] in kept]

    assert small_counts({**leaking, "estimates": estimates, "curves": {}})


@pytest.mark.parametrize("kept", ["observed_expected_ratio", "sensitivity"])
def test_an_estimate_gives_a_hidden_number_of_events_away(
    leaking: dict[str, Any], kept: str
) -> None:
    changed = copy.deepcopy(leaking)
    counts = changed["population"]["subgroups"]["site"]["s2"]
    events = counts["events"]
    counts["events"] = counts["non_events"] = None
    changed["estimates"] = [found for found in leaking["estimates"] if found["measure"] == kept]

    assert Attack(changed).totals[("site", "s2"), EVENTS] == events


def test_hidden_cells_with_proportions_beside_them_give_the_cells_away() -> None:
    # 152 of 155 found: the cell of 3 is hidden, and the sensitivity is not.
    result = unprotected(cohort_of(150, 3, sites=1))
    for name in ("true_positive", "false_negative", "false_positive", "true_negative"):
        result["curves"]["thresholds"]["columns"].pop(name)

    assert small_counts({**result, "estimates": []})


def test_everyone_less_the_groups_that_are_given_is_a_count_of_the_other() -> None:
    result = unprotected(cohort_of(400, 5))
    result["estimates"] = [
        found
        for found in result["estimates"]
        if found["subgroup"] is None or found["subgroup"]["value"] != "s0"
    ]

    assert any("('site', 's0')" in found for found in small_counts(result))


# The attack finds nothing.


@settings(max_examples=60, deadline=None)
@given(
    people=st.integers(20, 700),
    seed=st.integers(0, 10**6),
    sites=st.integers(1, 5),
    digits=st.integers(1, 4),
    shift=st.sampled_from([-4.0, -2.5, -1.0, 0.0, 2.0]),
    thresholds=st.lists(
        st.sampled_from([0.01, 0.015, 0.05, 0.1, 0.12, 0.2, 0.333, 0.5, 0.9]),
        min_size=1,
        max_size=6,
        unique=True,
    ),
    smallest=st.sampled_from([5, 10, 20]),
    minimum=st.sampled_from([1, 10, 30]),
)
def test_no_small_count_follows_from_a_result(
    people: int,
    seed: int,
    sites: int,
    digits: int,
    shift: float,
    thresholds: list[float],
    smallest: int,
    minimum: int,
) -> None:
    frame = cohort_of(people, seed, sites=sites, digits=digits, shift=shift)

    result = evaluated(
        frame,
        thresholds=tuple(thresholds),
        subgroups=("sex",),
        smallest_count=smallest,
        minimum_events=minimum,
    )

    assert small_counts(sent(result), smallest) == []


@pytest.mark.parametrize("people", [150, 400, 1_500, 6_000])
def test_what_stays_is_worth_having(people: int) -> None:
    result = evaluated(cohort_of(people, 3))

    assert small_counts(sent(result)) == []
    assert len(result.curves["roc"].rows) >= people / 150
    assert len(result.curves["calibration_groups"].rows) >= 2
    given = len(result.curves["thresholds"].rows)
    assert given >= {150: 1, 400: 5, 1_500: 20, 6_000: 50}[people]


def test_thinning_moves_no_estimate() -> None:
    frame = cohort_of(900, 8, sites=1)
    protected, open_ = evaluated(frame), evaluated(frame, smallest_count=1)

    assert len(protected.curves["roc"].rows) < len(open_.curves["roc"].rows)
    for estimate in protected.estimates:
        if estimate.value is not None:
            same = open_.estimate(estimate.measure, at=estimate.at, subgroup=estimate.subgroup)
            assert estimate.value == same.value
    area = protected.estimate("auroc").value
    assert area == pytest.approx(roc_auc_score(frame["outcome"], frame["risk"]), abs=1e-14)
    for name in ("roc", "precision_recall", "thresholds", "decision"):
        assert "at least 10 people of each outcome" in protected.curves[name].method


def test_a_proportion_whose_count_is_hidden_has_a_reason() -> None:
    result = evaluated(cohort_of(400, 3))

    hidden = [
        found
        for found in result.estimates
        if found.at is not None and found.unavailable is not None and found.subgroup is None
    ]
    assert hidden
    for found in hidden:
        assert (
            found.unavailable == "Not given: it would give away a number of fewer than 10 people."
        )
        assert (found.value, found.lower, found.upper, found.standard_error) == (None,) * 4


def test_one_outcome_may_be_told_where_the_other_is_not() -> None:
    # At 0.05, 4 of 60 with the event are missed; 100 of 200 without it are flagged.
    frame = pl.DataFrame(
        {
            "patient_id": [str(number) for number in range(260)],
            "outcome": [1] * 60 + [0] * 200,
            "risk": [
                *np.linspace(0.01, 0.04, 4),
                *np.linspace(0.3, 0.9, 56),
                *np.linspace(0.01, 0.04, 100),
                *np.linspace(0.1, 0.6, 100),
            ],
        }
    )

    result = evaluated(frame, thresholds=(0.05,))

    at = {"threshold": 0.05}
    assert result.estimate("specificity", at=at).value == 0.5
    for name in ("sensitivity", "ppv", "npv", "net_benefit"):
        assert result.estimate(name, at=at).value is None
    assert 0.05 not in result.curves["thresholds"].columns["threshold"]


def test_a_group_whose_counts_are_hidden_has_no_estimates_and_is_not_pooled() -> None:
    frame = cohort_of(900, 2, sites=4)
    few = evaluated(frame, minimum_events=1)

    groups = few.population["subgroups"]["site"]
    hidden = [name for name, counts in groups.items() if counts["events"] is None]
    assert len(hidden) == 2  # one is small, the other would give it away
    for name in hidden:
        group = Subgroup(column="site", value=name)
        reasons = {found.unavailable for found in few.estimates if found.subgroup == group}
        assert len(reasons) == 1
        assert "fewer than 10 people" in str(reasons)
        mix = next(entry for entry in few.population["sites"] if entry["site"] == name)
        assert (mix["mean_linear_predictor"], mix["sd_linear_predictor"]) == (None, None)
    assert {entry.sites for entry in few.pooled} == {2}


def tables_of(result: dict[str, Any], risks: tuple[float, float]) -> list[tuple[int, int]]:
    """(True, false) positives that fit AUROC, O/E and Brier of a model with two risks."""
    values = {
        found["measure"]: found["value"]
        for found in result["estimates"]
        if found["subgroup"] is None and found["at"] is None
    }
    events, others = result["population"]["events"], result["population"]["non_events"]
    fits = []
    for true, false in itertools.product(range(events + 1), range(others + 1)):
        area = 0.5 * (1 + true / events - false / others)
        expected = risks[0] * (events + others - true - false) + risks[1] * (true + false)
        if values["auroc"] is not None and np.allclose(
            (area, events / expected),
            (values["auroc"], values["observed_expected_ratio"]),
            rtol=0,
            atol=1e-9,
        ):
            fits.append((true, false))
    return fits


def two_risks(missed: int) -> pl.DataFrame:
    counts = {(1, 0.6): 40, (0, 0.6): 30, (1, 0.1): missed, (0, 0.1): 80}
    rows = [key for key, count in counts.items() for _ in range(count)]
    return pl.DataFrame(
        {
            "patient_id": [str(number) for number in range(len(rows))],
            "outcome": [outcome for outcome, _risk in rows],
            "risk": [risk for _outcome, risk in rows],
        }
    )


def test_measures_of_a_model_with_two_risks_do_not_give_its_table_away() -> None:
    frame = two_risks(missed=4)
    assert tables_of(unprotected(frame), (0.1, 0.6)) == [(40, 30)]

    result = evaluated(frame)

    assert tables_of(sent(result), (0.1, 0.6)) == []
    assert "no more than 5 different risks" in str(result.estimate("auroc").unavailable)
    assert evaluated(two_risks(missed=14)).estimate("auroc").value is not None


def test_a_group_of_few_risks_is_not_found_by_subtracting_the_others() -> None:
    one, other, third = (two_risks(missed) for missed in (4, 40, 60))
    frame = pl.concat(
        [
            part.with_columns(site=pl.lit(name), patient_id=name + pl.col("patient_id"))
            for name, part in (("a", one), ("b", other), ("c", third))
        ]
    )

    result = evaluated(frame)

    given = [
        result.estimate("auroc", subgroup=Subgroup(column="site", value=name)).value is not None
        for name in "abc"
    ]
    assert given == [False, False, True]
    assert small_counts(sent(result)) == []


def test_columns_that_lie_within_each_other_are_not_both_given() -> None:
    """Over 65 less over 70 are those between, whatever their number."""
    frame = cohort_of(3_000, 4, sites=1)
    random = np.random.default_rng(1)
    older = random.random(3_000) < 0.5
    between = np.flatnonzero(~older)[:6]
    over = np.where(older, "yes", "no")
    over_65 = over.copy()
    over_65[between] = "yes"
    frame = frame.with_columns(over_70=pl.Series(over), over_65=pl.Series(over_65))

    result = evaluated(frame, subgroups=("over_70", "over_65"))

    assert set(result.population["subgroups"]) == {"site", "over_70"}
    assert "nested_subgroups" in {note.code for note in result.suppressed}


def test_countries_made_of_large_sites_are_given_without_thresholds() -> None:
    frame = cohort_of(6_000, 4, sites=3).with_columns(
        country=pl.col("site").replace({"s0": "x", "s1": "x", "s2": "y"})
    )

    result = evaluated(frame, subgroups=("country",))

    country = Subgroup(column="country", value="x")
    assert result.estimate("auroc", subgroup=country).value is not None
    assert result.estimate("ppv", at={"threshold": 0.1}, subgroup=country).value is None


def test_a_country_of_one_hidden_site_is_not_given() -> None:
    frame = cohort_of(2_000, 4, sites=3)
    tiny = frame.with_columns(
        site=pl.when(pl.int_range(pl.len()) < 7).then(pl.lit("tiny")).otherwise("site")
    ).with_columns(country=pl.col("site").replace({"s0": "x", "s1": "x", "s2": "y", "tiny": "x"}))

    result = evaluated(tiny, subgroups=("country",))

    assert set(result.population["subgroups"]) == {"site"}


def test_visits_of_few_patients_are_few_people() -> None:
    random = np.random.default_rng(6)
    patients, visits = 60, 6
    risk = np.repeat(random.beta(1.5, 3, patients), visits)
    risk = np.round(np.clip(risk + random.normal(0, 0.02, risk.size), 0.001, 0.999), 3)
    frame = pl.DataFrame(
        {
            "patient_id": np.repeat([f"p{n}" for n in range(patients)], visits),
            "visit": [str(n) for _ in range(patients) for n in range(visits)],
            "outcome": np.repeat(random.random(patients) < 0.45, visits).astype(np.int64),
            "risk": risk,
        }
    )

    result = evaluated(frame, thresholds=(0.1, 0.2, 0.3, 0.5))

    assert result.estimate("auroc").value is not None
    attack = Attack(sent(result))
    for outcome in (EVENTS, OTHERS):
        cuts = [cut for cut in attack.above[None, outcome] if isinstance(cut, float)]
        part = frame.filter(pl.col("outcome") == (1 if outcome == EVENTS else 0))
        for low, high in itertools.combinations(sorted(cuts), 2):
            between = part.filter((pl.col("risk") >= low) & (pl.col("risk") < high))
            assert between["patient_id"].n_unique() == 0 or between["patient_id"].n_unique() >= 10
    assert small_counts(sent(result), 55) == []  # 10 patients have at least 55 rows


def test_few_events_of_many_rows_are_hidden() -> None:
    """Thirty rows with the event are of five patients."""
    frame = pl.DataFrame(
        {
            "patient_id": [f"p{n // 6}" for n in range(600)],
            "visit": [str(n % 6) for n in range(600)],
            "outcome": [1] * 30 + [0] * 570,
            "risk": np.linspace(0.9, 0.1, 600),
        }
    )

    result = evaluated(frame)

    assert result.population["events"] is None
    assert all(found.value is None for found in result.estimates)
    assert result.curves == {}


def test_the_number_of_risks_at_the_edge_is_given_in_round_numbers() -> None:
    frame = cohort_of(500, 2).with_columns(
        risk=pl.when(pl.int_range(pl.len()) < 27).then(0.0).otherwise("risk")
    )

    (note,) = (n for n in evaluated(frame).warnings if n.code == "risk_of_0_or_1")

    assert note.values == {"at_least": 20}


def test_no_point_of_the_smoothed_curve_is_somebodys_risk() -> None:
    frame = cohort_of(300, 2, digits=6)

    points = evaluated(frame).curves["calibration"].columns["predicted"]

    order = np.sort(frame["risk"].to_numpy())
    assert points[0] > order[5]
    assert points[-1] < order[-6]
    assert len(points) < 70  # fifty evenly spaced, and one for each twenty people
