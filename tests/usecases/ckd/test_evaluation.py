"""A whole ckd/binary result: what it holds, what it hides, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.metrics import average_precision_score, roc_auc_score

from portal.jobs.child import Refused
from portal.result import Result, Subgroup
from portal.tables import LoadedTable
from usecases.ckd.evaluation import BinaryProtocol, evaluate_binary
from usecases.statistics import binary, risks

QUICK: dict[str, Any] = {"bootstrap_replicates": 100}


def tables(cohort: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, LoadedTable]:
    return {
        "cohort": LoadedTable(cohort, "c" * 64),
        "predictions": LoadedTable(predictions, "p" * 64),
    }


def evaluated(cohort: pl.DataFrame, predictions: pl.DataFrame, **protocol: Any) -> Result:
    return evaluate_binary(tables(cohort, predictions), BinaryProtocol(**{**QUICK, **protocol}))


def simulated(
    people: int = 900, seed: int = 1, sites: Iterable[str] = ("north", "south", "west")
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A cohort whose risks have ties, and its predictions in another order."""
    random = np.random.default_rng(seed)
    risk = np.clip(np.round(random.beta(1.5, 4, people), 2), 0.01, 0.99)
    names = list(sites)
    ids = [f"p{number}" for number in range(people)]
    columns: dict[str, Any] = {
        "patient_id": ids,
        "outcome": (random.random(people) < risk).astype(np.int64),
    }
    if names:
        columns["site"] = [names[number] for number in random.integers(len(names), size=people)]
    columns["sex"] = [("female", "male")[number] for number in random.integers(2, size=people)]
    predictions = pl.DataFrame({"patient_id": ids, "risk": risk})
    return pl.DataFrame(columns), predictions.sample(fraction=1, shuffle=True, seed=seed)


def one_each(value: str, people: int, outcome: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "patient_id": [f"{value}{number}" for number in range(people)],
            "outcome": [outcome] * people,
        },
        schema={"patient_id": pl.String, "outcome": pl.Int64},
    )


def test_every_measure_is_given_with_its_interval_and_method() -> None:
    result = evaluated(*simulated(sites=()), thresholds=(0.2, 0.3, 0.4))

    for name in binary.SINGLE:
        estimate = result.estimate(name)
        assert estimate.method
        assert estimate.value is not None
        assert estimate.lower is not None
        assert estimate.upper is not None
        assert estimate.lower <= estimate.value <= estimate.upper
    for threshold in (0.2, 0.3, 0.4):
        for name in binary.AT_THRESHOLD:
            assert result.estimate(name, at={"threshold": threshold}).value is not None
    assert "spline" in result.estimate("ici").method
    assert result.pooled == []


def test_predictions_meet_their_patients_whatever_the_order() -> None:
    cohort, predictions = simulated()
    joined = cohort.join(predictions, on="patient_id")

    result = evaluated(cohort, predictions)

    outcome, risk = joined["outcome"].to_numpy(), joined["risk"].to_numpy()
    assert result.estimate("auroc").value == pytest.approx(roc_auc_score(outcome, risk), abs=1e-14)
    assert result.estimate("average_precision").value == pytest.approx(
        average_precision_score(outcome, risk), abs=1e-14
    )


def test_rows_in_another_order_give_the_same_bytes() -> None:
    cohort, predictions = simulated()
    shuffled = cohort.sample(fraction=1, shuffle=True, seed=9)

    one = evaluated(cohort, predictions, subgroups=("sex",))
    other = evaluated(shuffled, predictions.reverse(), subgroups=("sex",))

    assert one.to_json() == other.to_json()


def test_visits_in_another_order_give_the_same_bytes() -> None:
    cohort, predictions = with_visits()

    one = evaluated(cohort, predictions)
    other = evaluated(cohort.sample(fraction=1, shuffle=True, seed=2), predictions.reverse())

    assert one.to_json() == other.to_json()


def test_another_seed_moves_bootstrap_intervals_and_no_value() -> None:
    one, other = (evaluated(*simulated(), seed=seed) for seed in (1, 2))

    assert one.estimate("ici").lower != other.estimate("ici").lower
    assert [e.value for e in one.estimates] == [e.value for e in other.estimates]


def test_renaming_the_sites_renames_them_in_the_result_and_moves_no_pooled_number() -> None:
    cohort, predictions = simulated()
    renamed = cohort.with_columns(
        pl.col("site").replace({"north": "west", "south": "north", "west": "south"})
    )

    one, other = evaluated(cohort, predictions), evaluated(renamed, predictions)

    assert one.pooled == other.pooled
    north, west = (Subgroup(column="site", value=name) for name in ("north", "west"))
    assert one.estimate("auroc", subgroup=north).value == (
        other.estimate("auroc", subgroup=west).value
    )


def test_each_site_is_estimated_and_the_sites_are_pooled() -> None:
    cohort, predictions = simulated()

    result = evaluated(cohort, predictions)

    joined = cohort.join(predictions, on="patient_id")
    for site in ("north", "south", "west"):
        part = joined.filter(pl.col("site") == site)
        estimate = result.estimate("auroc", subgroup=Subgroup(column="site", value=site))
        expected = roc_auc_score(part["outcome"].to_numpy(), part["risk"].to_numpy())
        assert estimate.value == pytest.approx(expected, abs=1e-14)
        mix = next(entry for entry in result.population["sites"] if entry["site"] == site)
        logit = np.log(part["risk"] / (1 - part["risk"])).to_numpy()
        assert mix["mean_linear_predictor"] == pytest.approx(logit.mean())
        assert mix["sd_linear_predictor"] == pytest.approx(logit.std(ddof=1))
        assert mix["patients"] == part.height
    pooled = {entry.measure: entry for entry in result.pooled}
    assert set(pooled) == {
        "auroc",
        "observed_expected_ratio",
        "calibration_in_the_large",
        "calibration_intercept",
        "calibration_slope",
    }
    assert pooled["auroc"].sites == 3
    assert pooled["auroc"].prediction_degrees_of_freedom == 2


def test_a_country_column_splits_where_there_is_no_site() -> None:
    cohort, predictions = simulated()

    result = evaluated(cohort.rename({"site": "country"}), predictions)

    assert result.estimate("auroc", subgroup=Subgroup(column="country", value="north")).value


def test_one_site_is_not_pooled() -> None:
    assert evaluated(*simulated(sites=["only"])).pooled == []


def test_a_subgroup_of_missing_values_is_named_so() -> None:
    cohort, predictions = simulated()
    cohort = cohort.with_columns(
        pl.when(pl.col("sex") == "male").then(None).otherwise("sex").alias("sex")
    )

    result = evaluated(cohort, predictions, subgroups=("sex",))

    assert result.estimate("auroc", subgroup=Subgroup(column="sex", value="(missing)")).value


def test_a_subgroup_that_is_no_column_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refused, match=r"called age; it has: site, sex"):
        evaluated(*simulated(), subgroups=("age",))


def test_a_subgroup_column_of_many_values_is_refused() -> None:
    cohort, predictions = simulated()
    cohort = cohort.with_columns(pl.col("patient_id").alias("postcode"))

    with pytest.raises(Refused, match="900 different values"):
        evaluated(cohort, predictions, subgroups=("postcode",))


def test_a_site_column_of_many_values_does_not_split_and_says_so() -> None:
    cohort, predictions = simulated()

    result = evaluated(cohort.with_columns(pl.col("patient_id").alias("site")), predictions)

    assert [note.code for note in result.warnings] == ["too_many_sites"]
    assert "sites" not in result.population


def test_patients_without_a_prediction_are_counted() -> None:
    cohort, predictions = simulated()

    result = evaluated(cohort, predictions.head(850))

    assert result.population["without_prediction"] == 50
    assert result.population["patients"] == 850
    (warning,) = result.warnings
    assert warning.code == "without_prediction"
    assert "50 of 900 rows" in warning.message


@pytest.mark.parametrize(
    ("events", "others", "reason"),
    [
        (0, 60, "There are no people with the event"),
        (60, 0, "There are no people without the event"),
        (4, 60, "There are fewer than 10 people with the event"),
        (0, 0, "There are no people with the event"),
    ],
)
def test_too_few_people_give_reasons_and_no_number(events: int, others: int, reason: str) -> None:
    cohort = pl.concat([one_each("e", events, 1), one_each("o", others, 0)])
    predictions = cohort.select(
        "patient_id", risk=pl.lit(np.linspace(0.1, 0.9, cohort.height)).explode()
    )

    result = evaluated(cohort, predictions)

    assert all(estimate.value is None for estimate in result.estimates)
    assert all(str(estimate.unavailable).startswith(reason) for estimate in result.estimates)
    assert result.curves == {}


def test_equal_risks_give_a_result_with_reasons_where_there_is_no_value() -> None:
    cohort = pl.concat([one_each("e", 30, 1), one_each("o", 90, 0)])

    result = evaluated(cohort, cohort.select("patient_id", risk=pl.lit(0.25)))

    assert result.estimate("auroc").value == 0.5
    assert result.estimate("observed_expected_ratio").value == 1
    for name in ("calibration_slope", "calibration_intercept", "ici"):
        assert result.estimate(name).unavailable == "All risks are equal."


def test_perfect_separation_gives_a_result_with_reasons() -> None:
    cohort = pl.concat([one_each("e", 30, 1), one_each("o", 90, 0)])
    risk = np.concatenate((np.linspace(0.6, 0.9, 30), np.linspace(0.1, 0.4, 90)))

    result = evaluated(cohort, cohort.select("patient_id", risk=pl.Series(risk)))

    assert result.estimate("auroc").value == 1
    assert result.estimate("auroc").lower is None
    assert "separates" in str(result.estimate("calibration_slope").unavailable)


def test_risks_of_0_and_1_are_reported_with_the_rule() -> None:
    cohort, predictions = simulated()
    edge = predictions.with_columns(
        pl.when(pl.int_range(pl.len()) < 20).then(pl.lit(0.0)).otherwise("risk").alias("risk")
    )

    result = evaluated(cohort, edge)

    warning = next(note for note in result.warnings if note.code == "risk_of_0_or_1")
    assert warning.values["at_least"] == 20
    assert "one in a million" in warning.message
    assert result.estimate("calibration_slope").value is not None


def with_visits(patients: int = 400, visits: int = 4) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Visits of a patient are exact copies: one patient counts once, whatever the rows say."""
    random = np.random.default_rng(4)
    risk = np.round(random.beta(2, 3, patients), 2)
    outcome = (random.random(patients) < risk).astype(np.int64)
    rows = np.repeat(np.arange(patients), visits)
    ids = [f"p{row}" for row in rows]
    numbers = [str(visit) for _ in range(patients) for visit in range(visits)]
    return (
        pl.DataFrame({"patient_id": ids, "visit": numbers, "outcome": outcome[rows]}),
        pl.DataFrame({"patient_id": ids, "visit": numbers, "risk": risk[rows]}),
    )


def test_visits_of_a_patient_do_not_narrow_the_intervals() -> None:
    cohort, predictions = with_visits()
    single = cohort.filter(pl.col("visit") == "0").drop("visit")
    once = evaluated(
        single,
        predictions.filter(pl.col("visit") == "0").drop("visit"),
        bootstrap_replicates=600,
    )

    result = evaluated(cohort, predictions, bootstrap_replicates=600)

    assert (result.population["patients"], result.population["rows"]) == (400, 1600)
    for name in ("auroc", "brier", "calibration_slope", "calibration_in_the_large"):
        several, one = result.estimate(name), once.estimate(name)
        assert several.value == pytest.approx(one.value, abs=1e-6)
        assert "patient-cluster bootstrap" in several.method
        assert several.standard_error == pytest.approx(one.standard_error, rel=0.25)
    at = {"threshold": 0.2}
    several, one = (found.estimate("sensitivity", at=at) for found in (result, once))
    assert several.standard_error == pytest.approx(one.standard_error, rel=0.25)


def test_visits_of_single_patients_are_not_clustered() -> None:
    cohort, predictions = simulated(sites=())

    result = evaluated(
        cohort.with_columns(visit=pl.lit("1")), predictions.with_columns(visit=pl.lit("1"))
    )

    assert result.estimate("auroc") == evaluated(cohort, predictions).estimate("auroc")


def test_visits_without_visits_in_the_predictions_are_refused() -> None:
    cohort, predictions = with_visits()

    with pytest.raises(Refused, match="need the column 'visit'"):
        evaluated(cohort, predictions.filter(pl.col("visit") == "0").drop("visit"))


def numbers_of_people(result: Result) -> list[tuple[str, int]]:
    """Every count of people in a result, with where it stands."""
    found = []
    for column, groups in result.population.get("subgroups", {}).items():
        for name, counts in groups.items():
            found += [(f"{column}={name} {key}", count) for key, count in counts.items()]
    for entry in result.population.get("sites", []):
        found += [(entry["site"], entry["patients"]), (entry["site"], entry["events"])]
    found += [(key, result.population[key]) for key in ("patients", "events", "non_events")]
    for curve, names in {
        "thresholds": ("true_positive", "false_positive", "false_negative", "true_negative"),
        "risk_distribution": ("with_event", "without_event"),
        "calibration_groups": ("patients",),
    }.items():
        for name in names:
            found += [(f"{curve} {name}", count) for count in result.curves[curve].columns[name]]
    return [(where, count) for where, count in found if count is not None]


def test_no_small_count_of_people_leaves() -> None:
    cohort, predictions = simulated()
    small = cohort.with_columns(
        pl.when(pl.int_range(pl.len()) < 7).then(pl.lit("tiny")).otherwise("site").alias("site")
    )

    result = evaluated(small, predictions)

    counts = numbers_of_people(result)
    assert len(counts) > 150
    assert [entry for entry in counts if 0 < entry[1] < 10] == []
    sites = result.population["subgroups"]["site"]
    assert sites["tiny"] == {"patients": None, "events": None, "non_events": None}
    # The total is known, so a second site is hidden as well.
    assert sum(counts["patients"] is None for counts in sites.values()) == 2
    assert {note.code for note in result.suppressed} >= {"subgroup_counts", "confusion_counts"}


def test_thresholds_that_would_show_few_people_are_left_out() -> None:
    result = evaluated(*simulated())

    thresholds = result.curves["thresholds"].columns
    (note,) = (note for note in result.suppressed if note.code == "confusion_counts")
    assert len(thresholds["threshold"]) == 99 - note.values["thresholds"]
    assert thresholds["threshold"] == result.curves["decision"].columns["threshold"]
    for name in ("true_positive", "false_positive", "false_negative", "true_negative"):
        assert all(abs(a - b) == 0 or abs(a - b) >= 10 for a, b in pairwise(thresholds[name]))


def test_curves_are_short_and_complete() -> None:
    result = evaluated(*simulated(people=5_000))

    assert set(result.curves) == {
        "roc",
        "precision_recall",
        "calibration",
        "calibration_groups",
        "risk_distribution",
        "thresholds",
        "decision",
    }
    for curve in result.curves.values():
        assert len({len(values) for values in curve.columns.values()}) == 1
        assert 0 < len(curve.rows) <= 1_000
    distribution = result.curves["risk_distribution"].columns
    assert sum(distribution["with_event"]) == result.population["events"]
    assert distribution["risk_from"][1:] == distribution["risk_to"][:-1]
    for row in result.curves["calibration"].rows:
        assert row["lower"] <= row["observed"] <= row["upper"]


def test_the_threshold_rows_agree_with_the_estimates() -> None:
    result = evaluated(*simulated(people=5_000), thresholds=(0.1, 0.25))

    rows = {row["threshold"]: row for row in result.curves["thresholds"].rows}
    for threshold in (0.1, 0.25):
        for name in binary.AT_THRESHOLD:
            estimate = result.estimate(name, at={"threshold": threshold})
            assert rows[threshold][name] == estimate.value


def test_grouped_bootstraps_agree_with_exact_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(8)
    risk = random.beta(1.5, 4, 4_000)
    cohort = pl.DataFrame(
        {
            "patient_id": [str(number) for number in range(4_000)],
            "outcome": (random.random(4_000) < risk).astype(np.int64),
        }
    )
    predictions = pl.DataFrame({"patient_id": cohort["patient_id"], "risk": risk})
    grouped = evaluated(cohort, predictions, bootstrap_replicates=500)
    monkeypatch.setattr(risks.RiskTable.group_starts, "__defaults__", ((), 10_000))

    exact = evaluated(cohort, predictions, bootstrap_replicates=500)

    for name in ("average_precision", "ici", "e50", "e90", "emax"):
        one, other = grouped.estimate(name), exact.estimate(name)
        assert "groups" in one.method
        assert "groups" not in other.method
        assert one.value == other.value
        assert one.standard_error == pytest.approx(other.standard_error, rel=0.15)


def test_progress_runs_from_0_to_1_and_can_stop_the_work() -> None:
    cohort, predictions = simulated()
    seen: list[float] = []
    evaluate_binary(
        tables(cohort, predictions), BinaryProtocol(**QUICK), lambda _, at: seen.append(at)
    )
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 1)

    def stop(stage: str, fraction: float) -> None:
        if fraction > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_binary(tables(cohort, predictions), BinaryProtocol(**QUICK), stop)


def test_a_result_survives_its_json() -> None:
    result = evaluated(*simulated())

    assert Result.model_validate(json.loads(result.to_json())) == result


@pytest.mark.parametrize(
    "thresholds", [(0.0,), (1.0,), (0.1, 1.2), (), tuple(np.linspace(0.1, 0.5, 21))]
)
def test_thresholds_that_make_no_sense_are_refused(thresholds: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        BinaryProtocol(thresholds=thresholds)


def test_thresholds_are_sorted_and_unique() -> None:
    assert BinaryProtocol(thresholds=(0.2, 0.1, 0.2)).thresholds == (0.1, 0.2)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from([0.0, 1e-9, 0.05, 0.1, 0.3, 0.5, 0.99, 1.0])),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 3),
    st.booleans(),
)
def test_any_small_table_gives_a_result(
    rows: list[tuple[bool, float]], sites: int, visits: bool
) -> None:
    ids = [f"p{number // 2 if visits else number}" for number in range(len(rows))]
    columns: dict[str, Any] = {"patient_id": ids}
    if visits:
        columns["visit"] = [str(number % 2) for number in range(len(rows))]
    cohort = pl.DataFrame(
        {
            **columns,
            "outcome": [int(happened) for happened, _ in rows],
            "site": [f"s{number % sites}" for number in range(len(rows))],
        }
    )
    predictions = pl.DataFrame({**columns, "risk": [risk for _, risk in rows]})

    result = evaluated(cohort, predictions, minimum_events=1, smallest_count=1)

    for estimate in result.estimates:
        assert (estimate.value is None) == (estimate.unavailable is not None)
        if estimate.lower is not None and estimate.measure == "auroc":
            assert 0 <= estimate.lower <= estimate.upper <= 1
    assert Result.model_validate_json(result.to_json()) == result
