"""A whole ckd/survival result: known answers, what it holds, hides and refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from portal.figures import figure_json, forest, headline
from portal.jobs.child import Refused
from portal.result import Result, Subgroup
from portal.tables import LoadedTable, TableRefused, read_table
from portal.usecase import Figure
from usecases import evaluate
from usecases.ckd.survival_evaluation import POOLED, SurvivalProtocol, evaluate_survival
from usecases.ckd.tables import COHORT_SURVIVAL
from usecases.ckd.use_case import SURVIVAL
from usecases.statistics.survival import FollowUp
from usecases.statistics.survival_measures import AT_THRESHOLD, CENSORED, SINGLE

ROOT = Path(__file__).resolve().parents[3]
QUICK: dict[str, Any] = {"bootstrap_replicates": 100}


def run(folder: Path, predictions: str, out: Path, *settings: str) -> Result:
    """The result of the command line."""
    arguments = [f"--table=cohort={folder / 'cohort.parquet'}"]
    arguments.append(f"--table=predictions={folder / predictions}.parquet")
    for setting in ("bootstrap_replicates=100", *settings):
        arguments += ["--set", setting]
    assert evaluate.main(["ckd/survival", *arguments, "--out", str(out)]) == 0
    return Result.model_validate_json(out.read_bytes())


def evaluated(cohort: pl.DataFrame, predictions: pl.DataFrame, **protocol: Any) -> Result:
    tables = {
        "cohort": LoadedTable(cohort, "c" * 64),
        "predictions": LoadedTable(predictions, "p" * 64),
    }
    return evaluate_survival(tables, SurvivalProtocol(**{**QUICK, **protocol}))


def simulated(
    people: int = 1_200, seed: int = 1, *, sites: bool = True, shift: float = 0.0
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A cohort whose risks and times have ties, and its predictions in another order."""
    random = np.random.default_rng(seed)
    line = np.round(random.normal(-1.8, 0.9, people), 1)
    time = np.ceil(random.exponential(5 / np.exp(line - shift)) * 50) / 50
    death = np.ceil(random.exponential(18, people) * 50) / 50
    censored = np.ceil(random.uniform(0.5, 12, people) * 50) / 50
    event = np.select([(time <= death) & (time <= censored), death <= censored], [1, 2], 0)
    ids = [f"p{number}" for number in range(people)]
    columns: dict[str, Any] = {
        "patient_id": ids,
        "time": np.minimum.reduce([time, death, censored]),
        "event": event.astype(np.int64),
    }
    if sites:
        names = ("north", "south", "west")
        columns["site"] = [names[number] for number in random.integers(3, size=people)]
    columns["sex"] = [("female", "male")[number] for number in random.integers(2, size=people)]
    risk = -np.expm1(-np.exp(line))
    predictions = pl.DataFrame({"patient_id": ids, "risk": risk})
    return pl.DataFrame(columns), predictions.sample(fraction=1, shuffle=True, seed=seed)


@pytest.fixture(scope="module")
def result() -> Result:
    return evaluated(*simulated(), subgroups=("sex",))


LEICESTER = {
    "observed_risk": (0.0127210561, 0.000749925338),
    f"observed_risk{CENSORED}": (0.0144828299, 0.000866565895),
    "harrell_c": (0.908362076, 0.0111097133),
    "uno_c": (0.909392214, 0.0111259134),
    f"auc{CENSORED}": (0.913657764, 0.0111307311),
}
"""Value and standard error: survival 3.5-3 and riskRegression 2022.11.28 of R."""


@pytest.mark.parametrize(
    "predictions", ["predictions_kfre_uk", "predictions_kfre_non_north_american"]
)
def test_leicester_gives_the_values_of_r(
    predictions: str, tmp_path: Path, reference_data: Path
) -> None:
    folder = reference_data / "ckd-survival" / "leicester"

    found = run(folder, predictions, tmp_path / "result.json")

    for name, (value, error) in LEICESTER.items():
        estimate = found.estimate(name)
        assert estimate.value == pytest.approx(value, rel=5e-9), name
        assert estimate.standard_error == pytest.approx(error, rel=5e-9), name
    assert found.estimate("auc").value == pytest.approx(0.904508436, abs=5e-10)
    assert found.estimate("death_risk").value == pytest.approx(0.23940116, abs=5e-9)
    if predictions == "predictions_kfre_uk":
        ratio = found.estimate(f"observed_expected_ratio{CENSORED}").value
        assert ratio == pytest.approx(0.870458091, abs=5e-10)
        assert SURVIVAL.find(found, str).title == (
            "Ranks patients well; overstates their risk by 31%; a new baseline would set it right"
        )
    counts = found.population
    assert (counts["patients"], counts["events"], counts["deaths"]) == (27_017, 290, 5_421)


def test_gbsg_gives_the_published_values(tmp_path: Path, reference_data: Path) -> None:
    folder = reference_data / "ckd-survival" / "gbsg"

    found = run(folder, "predictions", tmp_path / "a.json", "thresholds=0.2,0.23,0.3,0.4,0.5")

    for suffix in ("", CENSORED):
        ratio = found.estimate(f"observed_expected_ratio{suffix}")
        assert [ratio.value, ratio.lower, ratio.upper] == pytest.approx(
            [1.017390182, 0.905871747, 1.142637230], abs=5e-10
        )
        risk = found.estimate(f"observed_risk{suffix}")
        assert risk.value == pytest.approx(0.508355130, abs=5e-10)
        assert risk.standard_error == pytest.approx(0.023003988, abs=5e-10)
        for threshold, benefit in (
            (0.2, 0.385443912),
            (0.23, 0.361500168),
            (0.3, 0.289536518),
            (0.4, 0.188577700),
            (0.5, 0.131740473),
        ):
            estimate = found.estimate(f"net_benefit{suffix}", at={"threshold": threshold})
            assert estimate.value == pytest.approx(benefit, abs=5e-10)
    assert found.estimate("expected_risk").value == pytest.approx(0.499665849, abs=5e-10)
    for name, value, error in (
        ("harrell_c", 0.652400756, 0.016716897),
        ("uno_c", 0.635371325, 0.016511191),
    ):
        estimate = found.estimate(name)
        assert estimate.value == pytest.approx(value, abs=5e-10)
        assert estimate.standard_error == pytest.approx(error, abs=5e-10)
    assert found.population["pairs"] == {
        "concordant": 83_912,
        "discordant": 43_602,
        "tied": 4_736,
    }


def test_gbsg_just_before_five_years_gives_the_values_of_riskregression(
    tmp_path: Path, reference_data: Path
) -> None:
    folder = reference_data / "ckd-survival" / "gbsg"

    found = run(folder, "predictions", tmp_path / "b.json", "horizon=4.99")

    for suffix in ("", CENSORED):
        auc = found.estimate(f"auc{suffix}")
        assert auc.value == pytest.approx(0.6774636951, abs=5e-11)
        assert auc.standard_error == pytest.approx(0.0280273917, abs=5e-11)
        assert found.estimate(f"brier{suffix}").value == pytest.approx(0.2247775398, abs=5e-11)
        assert found.estimate(f"ipa{suffix}").value == pytest.approx(0.1006387095, abs=5e-11)


def test_every_measure_is_given_with_its_interval_and_method(result: Result) -> None:
    for name in SINGLE:
        estimate = result.estimate(name)
        assert estimate.method
        assert estimate.value is not None, name
        assert estimate.lower <= estimate.value <= estimate.upper, name
    for threshold in (0.03, 0.05, 0.15):
        for name in AT_THRESHOLD:
            for suffix in ("", CENSORED):
                assert result.estimate(name + suffix, at={"threshold": threshold}).method


def test_the_engine_estimates_exactly_the_measures_that_are_declared(result: Result) -> None:
    assert {estimate.measure for estimate in result.estimates} == {
        measure.key for measure in SURVIVAL.measures
    }
    labels = [measure.label for measure in SURVIVAL.measures]
    assert len(set(labels)) == len(labels)
    for measure in SURVIVAL.measures:
        assert len(measure.label.split()) <= 4, measure.label
        assert measure.explanation.endswith("."), measure.key
        assert ". " not in measure.explanation, measure.key


def test_a_result_survives_its_own_json_and_its_schema(result: Result) -> None:
    import jsonschema

    stored = json.loads(result.to_json())

    jsonschema.validate(stored, Result.model_json_schema(by_alias=True))
    assert Result.model_validate(stored) == result


def test_rows_in_another_order_and_numbers_for_names_give_the_same_numbers() -> None:
    cohort, predictions = simulated(600)
    shuffled = cohort.sample(fraction=1, shuffle=True, seed=9)
    numbered = [
        frame.with_columns(pl.col("patient_id").str.slice(1).cast(pl.Int64))
        for frame in (cohort, predictions)
    ]

    one = evaluated(cohort, predictions, subgroups=("sex",))

    assert evaluated(shuffled, predictions.reverse(), subgroups=("sex",)).to_json() == (
        one.to_json()
    )
    assert evaluated(*numbered, subgroups=("sex",)).to_json() == one.to_json()


def test_another_seed_moves_bootstraps_and_folds_and_nothing_else() -> None:
    one, other = (evaluated(*simulated(sites=False), seed=seed) for seed in (1, 2))

    assert one.estimate("ici").lower != other.estimate("ici").lower
    for name in SINGLE:
        assert one.estimate(name).value == other.estimate(name).value


def test_each_site_is_estimated_alone_and_the_sites_are_pooled(result: Result) -> None:
    cohort, predictions = simulated()
    alone = cohort.filter(pl.col("site") == "north").drop("site")
    kept = predictions.join(alone.select("patient_id"), on="patient_id", how="semi")

    one = evaluated(alone, kept)

    north = Subgroup(column="site", value="north")
    for name in ("auc", "harrell_c", "calibration_slope", "ici", "brier_recalibrated_slope"):
        at_site = result.estimate(name, subgroup=north)
        assert at_site.model_copy(update={"subgroup": None}) == one.estimate(name)
    assert {entry.measure: entry.scale for entry in result.pooled} == POOLED
    assert all(entry.sites == 3 and entry.value is not None for entry in result.pooled)
    mix = {entry["site"]: entry for entry in result.population["sites"]}
    risk = kept["risk"].to_numpy()
    assert mix["north"]["patients"] == alone.height
    assert mix["north"]["mean_linear_predictor"] == pytest.approx(np.mean(np.log(-np.log1p(-risk))))
    assert [row.name for row in forest(result, "auc").rows] == ["north", "south", "west"]


def test_subgroups_other_than_sites_have_no_updates(result: Result) -> None:
    female = Subgroup(column="sex", value="female")

    assert result.estimate("auc", subgroup=female).value is not None
    with pytest.raises(LookupError):
        result.estimate("brier_recalibrated_slope", subgroup=female)


def test_updates_set_right_risks_that_are_too_low() -> None:
    found = evaluated(*simulated(4_000, sites=False, shift=-0.6))

    assert found.estimate("observed_expected_ratio").lower > 1.2
    updated = found.estimate("observed_expected_ratio_recalibrated_baseline")
    assert updated.value == pytest.approx(1, abs=0.01)
    assert updated.method.startswith("10-fold cross-validated update")
    gain = found.estimate("brier_recalibrated_baseline").value
    assert gain < found.estimate("brier").value
    assert SURVIVAL.find(found, str).title.endswith("; a new baseline would set it right")


def few(column: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cohorts of which hardly anything can be said."""
    cohort, predictions = simulated(400, sites=False)
    changed = {
        "no events": pl.when(pl.col("event") == 1).then(0).otherwise(pl.col("event")),
        "all events": pl.lit(1),
        "all died": pl.lit(2),
    }
    if column in changed:
        cohort = cohort.with_columns(changed[column].cast(pl.Int64).alias("event"))
    if column == "all events":
        cohort = cohort.with_columns((pl.col("time") / 10).alias("time"))
    if column == "all lost":
        cohort = cohort.with_columns(
            pl.lit(0, pl.Int64).alias("event"), (pl.col("time") / 10).alias("time")
        )
    if column == "short follow-up":
        cohort = cohort.with_columns((pl.col("time") / 4).alias("time"))
    if column == "one patient":
        cohort = cohort.head(1)
    if column == "nobody":
        cohort = cohort.head(1)
        predictions = predictions.head(0)
    return cohort, predictions.join(cohort.select("patient_id"), on="patient_id", how="semi")


@pytest.mark.parametrize(
    ("case", "reason", "title"),
    [
        ("no events", "No people have the event by the horizon", "No patient has the event"),
        ("all events", "known not to have the event", "Too few patients"),
        ("all died", "No people have the event", "No patient has the event"),
        ("all lost", "No people have the event", "No patient has the event"),
        ("short follow-up", "Nobody is followed to the horizon", "Follow-up is too short"),
        ("one patient", "the horizon", ""),
        ("nobody", "No people have the event", "No patient has the event"),
    ],
)
def test_where_nothing_can_be_said_every_measure_says_why(
    case: str, reason: str, title: str
) -> None:
    found = evaluated(*few(case))

    for estimate in found.estimates:
        assert estimate.value is None, estimate.measure
        assert estimate.unavailable, estimate.measure
    assert reason in (found.estimate("auc").unavailable or "")
    assert SURVIVAL.find(found, str).title.startswith(title)
    assert found.curves == {}
    for figure in SURVIVAL.figures:
        drawn = figure_json(figure.draw(found, str))
        assert drawn["layout"]["annotations"][0]["text"], figure.slug


def test_deaths_of_everybody_else_leave_nothing_to_say_with_deaths_censored() -> None:
    cohort, predictions = simulated(400, sites=False)
    ended = cohort.with_columns(
        pl.when(pl.col("event") == 1).then(1).otherwise(2).cast(pl.Int64).alias("event"),
        pl.min_horizontal("time", pl.lit(4.5)).alias("time"),
    )

    found = evaluated(ended, predictions)

    assert found.estimate("auc").value is not None
    assert found.estimate("observed_risk").value == pytest.approx((ended["event"] == 1).mean())
    reason = found.estimate(f"auc{CENSORED}").unavailable
    assert reason == (
        "No people are known not to have the event by the horizon; at least 10 are needed."
    )
    assert found.estimate("harrell_c").unavailable == reason


def test_equal_risks_have_a_reason_where_they_need_one() -> None:
    cohort, predictions = simulated(600, sites=False)
    found = evaluated(cohort, predictions.with_columns(pl.lit(0.2).alias("risk")))

    assert found.estimate("auc").value == 0.5
    assert found.estimate("auc").lower is None
    for name in ("calibration_slope", "ici", f"e90{CENSORED}"):
        assert "equal" in (found.estimate(name).unavailable or ""), name
    assert found.estimate("observed_expected_ratio").value is not None
    reason = found.estimate("brier_recalibrated_slope").unavailable
    assert "could not be fitted" in (reason or "")
    assert found.estimate("brier_recalibrated_baseline").value is not None
    for figure in SURVIVAL.figures:
        assert figure_json(figure.draw(found, str))["layout"]


def test_small_counts_do_not_leave() -> None:
    cohort, predictions = simulated(500, sites=False)
    rare = cohort.with_columns(
        pl.when((pl.col("event") == 2) & (pl.int_range(pl.len()) > 60))
        .then(0)
        .otherwise(pl.col("event"))
        .alias("event")
    )
    follow = FollowUp.of(rare["time"], rare["event"], np.full(500, 0.1), 5.0)
    assert 0 < follow.total_deaths < 10

    found = evaluated(rare, predictions)

    counts = found.population
    assert counts["deaths"] is None
    others = ("events", "lost_before_horizon", "event_free_at_horizon")
    assert [counts[name] for name in others].count(None) == 1
    assert "Fewer than 10 people died" in (found.estimate("death_risk").unavailable or "")
    assert set(found.curves["observed"].columns["death"][1:]) == {None}
    assert "counts" in [note.code for note in found.suppressed]


def test_too_few_events_hide_their_number_and_give_no_curve() -> None:
    cohort, predictions = simulated(400, sites=False)
    some = cohort.with_columns(
        pl.when((pl.col("event") == 1) & (pl.int_range(pl.len()) > 30))
        .then(0)
        .otherwise(pl.col("event"))
        .alias("event")
    )

    found = evaluated(some, predictions)

    assert found.population["events"] is None
    assert found.estimate("auc").unavailable == (
        "Fewer than 10 people have the event by the horizon; at least 10 are needed."
    )
    assert found.curves == {}


def test_predictions_that_are_missing_are_counted_and_told() -> None:
    cohort, predictions = simulated(600, sites=False)

    found = evaluated(cohort, predictions.head(550))

    assert found.population["without_prediction"] == 50
    assert found.population["patients"] == 550
    assert [note.code for note in found.warnings] == ["without_prediction"]


def test_risks_of_0_and_1_are_told() -> None:
    cohort, predictions = simulated(600, sites=False)
    edged = predictions.with_columns(
        pl.when(pl.int_range(pl.len()) < 20).then(0.0).otherwise(pl.col("risk")).alias("risk")
    )

    found = evaluated(cohort, edged)

    assert found.warnings[0].code == "risk_of_0_or_1"
    assert found.warnings[0].values == {"at_least": 20}
    assert found.estimate("calibration_slope").value is not None


def test_no_curve_holds_more_than_a_thousand_rows_or_a_person(result: Result) -> None:
    for name, curve in result.curves.items():
        assert 0 < len(curve.rows) <= 1000, name
    for name in ("event", "death"):
        column = result.curves["observed"].columns[name]
        assert column == sorted(column)
        assert column[-1] == pytest.approx(
            result.estimate("observed_risk" if name == "event" else "death_risk").value
        )
    bars = result.curves["risk_distribution"].columns
    assert all(
        count == 0 or count >= 10
        for name in ("with_event", "without_event")
        for count in bars[name]
    )
    assert sum(bars["with_event"]) == result.population["events"]


def test_the_decision_curve_passes_through_the_estimates(result: Result) -> None:
    curve = result.curves["decision"].columns
    place = curve["threshold"].index(0.15)
    estimate = result.estimate("net_benefit", at={"threshold": 0.15})

    assert curve["net_benefit"][place] == pytest.approx(estimate.value)
    assert curve["lower"][place] == pytest.approx(estimate.lower)


@pytest.mark.parametrize("figure", SURVIVAL.figures, ids=lambda figure: figure.slug)
def test_figures_draw_a_result_of_the_engine_below_150_kb(figure: Figure, result: Result) -> None:
    assert set(figure.curves) <= set(result.curves)
    drawn = figure_json(figure.draw(result, str))

    assert drawn["data"]
    written = json.dumps(drawn, separators=(",", ":"), allow_nan=False)
    assert len(written.encode()) < 150_000
    assert "\\u2265" not in written  # above a threshold here, not at it


def test_the_headline_measures_have_an_estimate_and_a_sentence(result: Result) -> None:
    found = SURVIVAL.find(result, str)

    assert set(found.sentences) == set(SURVIVAL.headline)
    assert all(headline(result, key) is not None for key in SURVIVAL.headline)
    assert found.title.startswith("Ranks patients")
    assert all(sentence.endswith(".") for sentence in found.sentences.values())


def test_a_subgroup_that_is_no_column_is_refused() -> None:
    with pytest.raises(Refused, match="no column for subgroups called age"):
        evaluated(*simulated(50), subgroups=("age",))


@pytest.mark.parametrize(
    "protocol", [{"horizon": 0}, {"horizon": -1}, {"thresholds": (0.0,)}, {"thresholds": ()}]
)
def test_a_protocol_that_makes_no_sense_is_refused(protocol: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SurvivalProtocol(**protocol)


def test_a_cohort_with_times_or_events_that_make_no_sense_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text("patient_id,time,event\na,0,1\nb,2,3\n")

    with pytest.raises(TableRefused) as refusal:
        read_table(path, COHORT_SURVIVAL)

    text = str(refusal.value)
    assert "time" in text
    assert "event" in text


def test_the_same_call_gives_the_same_bytes_on_one_processor_or_more(tmp_path: Path) -> None:
    cohort, predictions = simulated(3_000)
    cohort.write_csv(tmp_path / "cohort.csv")
    predictions.write_parquet(tmp_path / "predictions.parquet")
    written = []
    for processors in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": processors}
        environment["POLARS_MAX_THREADS"] = processors
        out = tmp_path / processors
        command = [sys.executable, "-m", "usecases.evaluate", "ckd/survival", "--out", str(out)]
        command += ["--table", f"cohort={tmp_path / 'cohort.csv'}"]
        command += ["--table", f"predictions={tmp_path / 'predictions.parquet'}"]
        command += ["--set", "bootstrap_replicates=100"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120)
        written.append(out.read_bytes())

    assert written[0] == written[1]


def test_counts_that_are_hidden_cannot_be_found_by_taking_away_the_others() -> None:
    parts = ((470, 1.0, 1), (4, 2.0, 2), (15, 9.0, 0), (4, 0.5, 0))
    cohort = pl.DataFrame(
        {
            "patient_id": [f"p{number}" for number in range(493)],
            "time": [time for count, time, _event in parts for _ in range(count)],
            "event": [event for count, _time, event in parts for _ in range(count)],
        }
    )
    predictions = cohort.select("patient_id", pl.lit(0.4).alias("risk"))

    counts = evaluated(cohort, predictions).population

    names = ("events", "deaths", "event_free_at_horizon", "lost_before_horizon")
    assert [counts[name] for name in names] == [470, None, None, None]
