"""What an attacker works out of a ckd/survival Result: all when unprotected, else nothing."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.result import Result, Subgroup
from portal.tables import LoadedTable
from tests.usecases.ckd.attack import EVENTS, OTHERS
from tests.usecases.ckd.survival_attack import BY_TIME, DEATHS, SurvivalAttack, small_counts
from usecases.ckd.survival_evaluation import SurvivalProtocol, evaluate_survival

THRESHOLDS = (0.05, 0.1, 0.2, 0.37)


def cohort_of(
    people: int,
    seed: int,
    *,
    sites: int = 3,
    lost: float = 0.0,
    deaths: float = 0.1,
    digits: int = 3,
    shift: float = -1.5,
) -> pl.DataFrame:
    """A simulated cohort with its risks; sites are of very unequal size.

    ``deaths`` and ``lost`` are rates a year; with 0 nobody dies, or is lost.
    """
    random = np.random.default_rng(seed)
    risk = np.round(1 / (1 + np.exp(-random.normal(shift, 1.2, people))), digits)
    hazard = -np.log1p(-np.minimum(risk, 0.999)) / 5
    times = [
        np.maximum(0.02, np.round(random.exponential(1, people) / np.maximum(rate, 1e-9), 2))
        for rate in (hazard, deaths, lost)
    ]
    time = np.minimum(np.minimum.reduce(times), 9.0)
    ended = np.select([time == 9.0, time == times[0], time == times[1]], [0, 1, 2], 0)
    shares = np.arange(1, sites + 1) ** 2.0
    return pl.DataFrame(
        {
            "patient_id": [f"p{number}" for number in range(people)],
            "time": time,
            "event": ended.astype(np.int64),
            "site": random.choice([f"s{n}" for n in range(sites)], people, p=shares / shares.sum()),
            "sex": random.choice(["female", "male"], people),
            "risk": risk,
        }
    )


def evaluated(frame: pl.DataFrame, **protocol: Any) -> Result:
    tables = {
        "cohort": LoadedTable(frame.drop("risk"), "c" * 64),
        "predictions": LoadedTable(frame.select("patient_id", "risk"), "p" * 64),
    }
    asked = {"bootstrap_replicates": 100, "thresholds": THRESHOLDS, **protocol}
    return evaluate_survival(tables, SurvivalProtocol(**asked))


def sent(result: Result) -> dict[str, Any]:
    """The result as it leaves."""
    return json.loads(result.to_json())


# The attack works.


@pytest.fixture(scope="module")
def leaking() -> dict[str, Any]:
    frame = cohort_of(150, 3)
    return sent(evaluated(frame, smallest_count=1, minimum_events=1, subgroups=("sex",)))


def test_the_attacker_is_right(leaking: dict[str, Any]) -> None:
    frame = cohort_of(150, 3).with_columns(happened=(pl.col("event") == 1) & (pl.col("time") <= 5))
    attack = SurvivalAttack(leaking)

    checked = 0
    for (scope, outcome), cuts in attack.above.items():
        if scope == BY_TIME or outcome not in (EVENTS, OTHERS):
            continue
        part = frame if scope is None else frame.filter(pl.col(scope[0]) == scope[1])
        part = part.filter(pl.col("happened") == (outcome == EVENTS))
        for cut, count in cuts.items():
            if isinstance(cut, float) and cut > 0:
                assert count == part.filter(pl.col("risk") > cut).height
                checked += 1
    assert checked > 200
    for time, count in attack.above[BY_TIME, EVENTS].items():
        assert count == frame.filter(pl.col("happened") & (pl.col("time") <= time)).height


@pytest.mark.parametrize(
    "kept", ["observed", "roc", "calibration_groups", "risk_distribution", "thresholds", "decision"]
)
def test_each_unprotected_curve_alone_gives_small_counts_away(
    leaking: dict[str, Any], kept: str
) -> None:
    only = {**leaking, "estimates": [], "curves": {kept: leaking["curves"][kept]}}
    only["population"] = {**leaking["population"], "subgroups": {}}

    assert small_counts(only)


@pytest.mark.parametrize(
    "kept",
    [("sensitivity",), ("specificity",), ("ppv", "npv"), ("net_benefit",), ("death_risk",)],
)
def test_unprotected_estimates_alone_give_small_counts_away(
    leaking: dict[str, Any], kept: tuple[str, ...]
) -> None:
    estimates = [found for found in leaking["estimates"] if found["measure"] in kept]

    assert small_counts({**leaking, "estimates": estimates, "curves": {}})


def test_updates_give_counts_near_those_of_the_model_as_it_is() -> None:
    open_ = sent(evaluated(cohort_of(600, 4, sites=1), smallest_count=1))
    kept = ("net_benefit", "net_benefit_recalibrated_baseline", "net_benefit_recalibrated_slope")
    estimates = [found for found in open_["estimates"] if found["measure"] in kept]

    found = small_counts({**open_, "estimates": estimates, "curves": {}})

    assert any("recalibrated" in words for words in found)


# The attack finds nothing.


@settings(max_examples=25, deadline=None)
@given(
    people=st.integers(20, 600),
    seed=st.integers(0, 10**6),
    sites=st.integers(1, 5),
    lost=st.sampled_from([0.0, 0.0, 0.01, 0.1]),
    deaths=st.sampled_from([0.0, 0.004, 0.03, 0.2]),
    digits=st.integers(1, 3),
    shift=st.sampled_from([-4.0, -2.5, -1.0, 1.0]),
    smallest=st.sampled_from([5, 10, 20]),
    minimum=st.sampled_from([1, 10]),
)
def test_no_small_count_follows_from_a_result(
    people: int,
    seed: int,
    sites: int,
    lost: float,
    deaths: float,
    digits: int,
    shift: float,
    smallest: int,
    minimum: int,
) -> None:
    frame = cohort_of(
        people, seed, sites=sites, lost=lost, deaths=deaths, digits=digits, shift=shift
    )

    result = evaluated(frame, subgroups=("sex",), smallest_count=smallest, minimum_events=minimum)

    assert small_counts(sent(result), smallest) == []
    check_cuts(result, frame, smallest)
    check_times(result, frame, smallest)


def check_cuts(result: Result, frame: pl.DataFrame, smallest: int) -> None:
    """Between the thresholds that are told of stand nobody or enough people of each kind."""
    known = frame.filter(pl.col("time") <= 5.0)
    happened = frame["patient_id"].is_in(known.filter(pl.col("event") == 1)["patient_id"].implode())
    lost = frame["patient_id"].is_in(
        known.filter((pl.col("event") == 0) & (pl.col("time") < 5.0))["patient_id"].implode()
    )
    died = frame["patient_id"].is_in(known.filter(pl.col("event") == 2)["patient_id"].implode())
    risk = frame["risk"].to_numpy()
    cuts = {-1.0, 2.0}
    for name in ("thresholds", "decision", "roc"):
        if name in result.curves:
            found = result.curves[name].columns["threshold"]
            cuts |= {float(cut) for cut in found if cut is not None and 0 < cut < 1}
    of_deaths = {-1.0, 2.0}
    for estimate in result.estimates:
        if estimate.at and estimate.value is not None and estimate.subgroup is None:
            at = estimate.at["threshold"]
            if estimate.measure in ("ppv", "net_benefit"):
                cuts.add(at)
            elif estimate.measure.endswith("_deaths_censored"):
                of_deaths.add(at)
    for kind, at in (
        (happened.to_numpy(), cuts),
        ((~happened).to_numpy(), cuts),
        ((~happened & ~lost).to_numpy(), cuts),
        (died.to_numpy(), of_deaths),
    ):
        if len(at) == 2:
            continue
        for low, high in itertools.pairwise(sorted(at)):
            between = np.count_nonzero(kind & (risk > low) & (risk <= high))
            assert between == 0 or between >= smallest


def check_times(result: Result, frame: pl.DataFrame, smallest: int) -> None:
    """Between two times nobody or enough people leave in each way that is shown."""
    if "observed" not in result.curves:
        return
    columns = result.curves["observed"].columns
    times = columns["time"]
    for event, shown in ((1, True), (2, columns["death"][-1] is not None)):
        ended = frame.filter(pl.col("event") == event)["time"].to_numpy()
        for low, high in itertools.pairwise(times if shown else []):
            between = np.count_nonzero((ended > low) & (ended <= high))
            assert between == 0 or between >= smallest


@pytest.mark.parametrize("people", [300, 1_000, 4_000])
def test_what_stays_is_worth_having(people: int) -> None:
    result = evaluated(cohort_of(people, 3, lost=0.05))

    assert small_counts(sent(result)) == []
    for name in ("auc", "observed_expected_ratio", "calibration_slope", "harrell_c", "ici"):
        assert result.estimate(name).value is not None
    assert result.estimate("net_benefit", at={"threshold": 0.2}).value is not None
    assert len(result.curves["roc"].rows) >= people / 150
    assert len(result.curves["observed"].rows) >= 4
    assert len(result.curves["calibration_groups"].rows) >= 2
    assert len(result.curves["thresholds"].rows) >= {300: 2, 1_000: 12, 4_000: 30}[people]


def test_thinning_moves_no_estimate() -> None:
    frame = cohort_of(900, 8, sites=1, lost=0.05)
    protected, open_ = evaluated(frame), evaluated(frame, smallest_count=1)

    assert len(protected.curves["roc"].rows) < len(open_.curves["roc"].rows)
    for estimate in protected.estimates:
        if estimate.value is not None:
            assert estimate.value == open_.estimate(estimate.measure, at=estimate.at).value


def test_few_deaths_do_not_follow_from_the_measures_with_and_without_them() -> None:
    result = evaluated(cohort_of(400, 2, sites=1, deaths=0.003))

    assert result.population["deaths"] is None
    for name in ("death_risk", "kaplan_meier_excess", "observed_risk_deaths_censored"):
        assert "died without the event" in str(result.estimate(name).unavailable)
    assert result.estimate("auc").value is not None
    assert result.estimate("harrell_c").value is not None
    assert "pairs" not in result.population
    assert set(result.curves["observed"].columns["at_risk"][1:]) == {None}


def test_the_deaths_of_a_site_do_not_follow_from_those_of_the_others() -> None:
    frame = cohort_of(900, 6, sites=3).with_columns(
        event=pl.when((pl.col("site") == "s1") & (pl.col("event") == 2) & (pl.int_range(900) > 50))
        .then(1)
        .otherwise(pl.col("event"))
    )
    few = frame.filter((pl.col("site") == "s1") & (pl.col("event") == 2) & (pl.col("time") <= 5))
    assert 0 < few.height < 10

    result = evaluated(frame)

    given = [
        result.estimate("death_risk", subgroup=Subgroup(column="site", value=site)).value
        for site in ("s0", "s1", "s2")
    ]
    assert given.count(None) >= 2
    assert (None, DEATHS) in SurvivalAttack(sent(result)).totals
    assert small_counts(sent(result)) == []


def test_a_hidden_site_has_no_estimates_no_case_mix_and_no_part_in_pooling() -> None:
    result = evaluated(cohort_of(900, 2, sites=4), minimum_events=1)

    groups = result.population["subgroups"]["site"]
    hidden = [name for name, counts in groups.items() if counts["events"] is None]
    assert len(hidden) == 2  # one is small, the other would give it away
    for name in hidden:
        group = Subgroup(column="site", value=name)
        reasons = {found.unavailable for found in result.estimates if found.subgroup == group}
        assert len(reasons) == 1
        assert "fewer than 10 people" in str(reasons)
        mix = next(entry for entry in result.population["sites"] if entry["site"] == name)
        assert (mix["mean_linear_predictor"], mix["sd_linear_predictor"]) == (None, None)
    assert {entry.sites for entry in result.pooled} == {2}


def test_a_model_of_few_risks_is_not_solved_for_its_table() -> None:
    frame = cohort_of(600, 3, sites=1).with_columns(
        risk=pl.when(pl.int_range(600) < 12).then(0.6).otherwise(0.1)
    )

    result = evaluated(frame)

    assert "no more than 5 different risks" in str(result.estimate("auc").unavailable)
    assert result.curves == {}


def test_no_number_of_a_warning_is_of_few_people() -> None:
    frame = cohort_of(300, 3, sites=1, lost=0.5).with_columns(
        risk=pl.when(pl.int_range(300) < 4).then(0.0).otherwise("risk")
    )

    notes = {note.code: note for note in evaluated(frame).warnings}

    assert notes["risk_of_0_or_1"].values == {"at_least": None}
    assert notes["risk_of_0_or_1"].message.startswith("Some risks are exactly 0 or 1")
