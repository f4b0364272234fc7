"""A whole heart-failure/alerts result: what it holds, what it hides, and what it refuses."""

from __future__ import annotations

import json
from datetime import timedelta

import jsonschema
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from portal.jobs.child import Refused
from portal.result import Result, Subgroup
from tests.usecases.heart_failure.simulation import dates, evaluated, simulated, with_alerts
from tests.usecases.statistics.test_alerts import plain
from usecases.heart_failure.protocol import AlertsProtocol
from usecases.statistics.alert_measures import NAMES


def codes(result: Result) -> set[str]:
    return {note.code for note in [*result.warnings, *result.suppressed]}


def test_every_measure_has_its_interval_and_method() -> None:
    result = evaluated(simulated())

    for name in NAMES:
        estimate = result.estimate(name)
        assert estimate.value is not None
        assert estimate.lower is not None
        assert estimate.upper is not None
        assert estimate.lower <= estimate.value <= estimate.upper
        assert "bootstrap" in estimate.method
    assert set(result.curves) == {
        "free_response",
        "burden",
        "lead_time",
        "mean_cumulative_events",
    }
    assert result.curves["mean_cumulative_events"].method.startswith("Ghosh-Lin")


def test_values_are_those_of_the_definitions() -> None:
    frames = simulated(60, seed=3)
    result = evaluated(frames, recovery_threshold=5, window=14, blanking=1)

    first = frames["followup"]["start"][0]
    end = {row["patient_id"]: (row["end"] - first).days for row in frames["followup"].to_dicts()}
    scores: dict[str, dict[int, float]] = {name: {} for name in end}
    events: dict[str, list[int]] = {name: [] for name in end}
    for row in frames["predictions"].to_dicts():
        scores[row["patient_id"]][(row["date"] - first).days] = row["score"]
    for row in frames["events"].to_dicts():
        if row["type"] != "Death":
            events[row["patient_id"]].append((row["date"] - first).days)
    each = [plain(scores[name], events[name], end[name], 9, 5, 14, 1) for name in end]
    starts = sum(len(one.starts) for one in each)
    leads = [lead for one in each for lead in one.leads]
    unexplained = sum(one.unexplained for one in each)
    monitored = sum(one.monitored for one in each) / 365.25
    total = sum(map(len, events.values()))

    assert result.population["events"] == total
    assert result.population["detected"] == len(leads)
    assert result.population["alerts"] == starts
    assert result.population["unexplained"] == unexplained
    assert result.population["patient_years"] == pytest.approx(sum(end.values()) / 365.25)
    assert result.population["monitored_patient_years"] == pytest.approx(monitored)
    expected = {
        "event_sensitivity": len(leads) / total,
        "unexplained_alert_rate": unexplained / monitored,
        "alert_rate": starts / monitored,
        "alert_ppv": 1 - unexplained / starts,
        "lead_time_median": np.median(leads),
        "time_in_alert": sum(one.days_in_alert for one in each) / 365.25 / monitored,
        "event_rate": total / sum(end.values()) * 365.25,
    }
    for name, value in expected.items():
        assert result.estimate(name).value == pytest.approx(value), name


def test_given_alerts_have_no_threshold_no_curve_and_no_time_in_alert() -> None:
    result = evaluated(with_alerts(simulated()), threshold=None)

    assert "free_response" not in result.curves
    assert "burden" not in result.curves
    assert result.estimate("time_in_alert").unavailable is not None
    assert result.estimate("alert_ppv").value is not None
    assert "monitored_patient_years" not in result.population
    years = result.population["patient_years"]
    assert result.estimate("alert_rate").value == pytest.approx(result.population["alerts"] / years)


def test_rows_in_another_order_and_ids_as_numbers_give_the_same_estimates() -> None:
    frames = simulated(sites=("north", "south"))
    shuffled = {
        name: frame.sample(fraction=1, shuffle=True, seed=2) for name, frame in frames.items()
    }
    numbered = {
        name: frame.with_columns(pl.col("patient_id").str.slice(1).cast(pl.Int64) + 1000)
        for name, frame in frames.items()
    }

    one = evaluated(frames, subgroups=("sex",))

    assert evaluated(shuffled, subgroups=("sex",)).to_json() == one.to_json()
    assert evaluated(numbered, subgroups=("sex",)).to_json() == one.to_json()


@settings(max_examples=10, deadline=None)
@given(shift=st.integers(-20_000, 20_000), seed=st.integers(0, 1000))
def test_dates_moved_together_give_the_same_bytes(shift: int, seed: int) -> None:
    frames = simulated(30, seed=seed, days=120)
    moved = {
        name: frame.with_columns(pl.col(pl.Date) + timedelta(days=shift))
        for name, frame in frames.items()
    }

    assert evaluated(frames).to_json() == evaluated(moved).to_json()


def test_curves_pass_through_the_estimates() -> None:
    frames = simulated(200)
    result = evaluated(frames, smallest_count=1)
    curve = result.curves["free_response"].columns
    at = curve["threshold"].index(9.0)

    for name in ("unexplained_alert_rate", "event_sensitivity", "alert_rate"):
        assert curve[name][at] == pytest.approx(result.estimate(name).value)
    burden = result.curves["burden"].columns
    assert all(
        rate <= most + 1e-12
        for rate, most in zip(burden["unexplained_alert_rate"], burden["burden"], strict=True)
        if rate is not None and most is not None
    )
    for row in result.curves["burden"].rows:
        again = evaluated(frames, threshold=row["threshold"])
        for name in (
            *("event_sensitivity", "unexplained_alert_rate", "alert_ppv", "time_in_alert"),
            *("lead_time_median", "lead_time_q25", "lead_time_q75"),
        ):
            value = again.estimate(name).value
            if value is not None and row[name] is not None:
                assert row[name] == pytest.approx(value), name


def test_sites_are_pooled_and_subgroups_add_up() -> None:
    result = evaluated(simulated(400, sites=("north", "south", "west")), subgroups=("sex",))

    assert {pooled.measure for pooled in result.pooled} == {
        "event_sensitivity",
        "unexplained_alert_rate",
        "alert_rate",
        "alert_ppv",
        "event_rate",
    }
    assert all(pooled.value is not None and pooled.sites == 3 for pooled in result.pooled)
    groups = result.population["subgroups"]
    assert sum(group["patients"] for group in groups["site"].values()) == 400
    assert sum(group["patients"] for group in groups["sex"].values()) == 400
    estimate = result.estimate("event_sensitivity", subgroup=Subgroup(column="site", value="north"))
    assert estimate.value is not None
    assert [site["site"] for site in result.population["sites"]] == ["north", "south", "west"]


def test_death_ends_follow_up_and_is_not_an_event() -> None:
    frames = simulated(200)
    deaths = frames["events"].filter(pl.col("type") == "Death").height
    result = evaluated(frames)

    assert result.population["deaths"] == deaths
    assert result.population["events"] == frames["events"].height - deaths

    longer = {
        **frames,
        "followup": frames["followup"].with_columns(pl.col("end") + timedelta(days=50)),
    }
    cut = evaluated(longer)
    assert "followup_after_death" in codes(cut)
    died = frames["events"].filter(pl.col("type") == "Death")["patient_id"]
    expected = sum(
        (row["end"] - row["start"]).days + (0 if row["patient_id"] in died else 50)
        for row in frames["followup"].to_dicts()
    )
    assert cut.population["patient_years"] == pytest.approx(expected / 365.25)


def test_without_deaths_the_result_says_what_that_means() -> None:
    result = evaluated(simulated(deaths=False))

    assert "no_deaths" in codes(result)
    assert "no deaths given" in result.curves["mean_cumulative_events"].method
    assert result.population["deaths"] is None


def test_rows_outside_follow_up_take_no_part_and_are_counted() -> None:
    frames = simulated(100)
    late = frames["followup"]["end"][:15] + timedelta(days=5)
    ids = frames["followup"]["patient_id"][:15]
    more = {
        "followup": frames["followup"],
        "events": pl.concat(
            [
                frames["events"],
                pl.DataFrame({"patient_id": ids, "date": late, "type": ["late"] * 15}),
            ]
        ),
        "predictions": pl.concat(
            [
                frames["predictions"],
                pl.DataFrame({"patient_id": ids, "date": late, "score": [99.0] * 15}),
            ]
        ),
    }

    one, other = evaluated(frames), evaluated(more)

    assert one.estimates == other.estimates
    assert one.population == other.population
    notes = {note.code: note for note in other.warnings}
    assert notes["events_outside_followup"].values == {"count": 15}
    assert notes["predictions_outside_followup"].message.startswith("15 daily scores lie outside")


def test_patients_without_a_score_take_no_part_and_are_counted() -> None:
    frames = simulated(100)
    gone = frames["followup"]["patient_id"][:12].to_list()
    scores = frames["predictions"].filter(~pl.col("patient_id").is_in(gone))

    result = evaluated({**frames, "predictions": scores})

    assert result.population["patients"] == 88
    assert result.population["without_prediction"] == 12
    assert "without_prediction" in codes(result)


def test_an_event_without_scores_before_it_is_missed_and_told() -> None:
    frames = simulated(100)
    first = frames["followup"]["start"][0]
    scores = frames["predictions"].filter(pl.col("date") < first + timedelta(days=100))

    result = evaluated({**frames, "predictions": scores})

    assert "events_without_scores" in codes(result)
    assert result.estimate("event_sensitivity").value is not None


def test_no_events_leave_the_burden_and_reasons() -> None:
    frames = simulated(60)
    # One event of a patient before follow-up: the table may not be empty.
    outside = frames["events"].head(1).with_columns(date=dates([-10]))

    result = evaluated({**frames, "events": outside})

    assert {"no_events", "events_outside_followup", "curves"} <= codes(result)
    assert result.population["events"] == 0
    assert result.estimate("alert_rate").value is not None
    assert result.estimate("alert_ppv").value == 0
    for name in ("event_sensitivity", "event_rate", "lead_time_median"):
        assert result.estimate(name).unavailable is not None


def test_no_alerts_leave_a_sensitivity_of_0() -> None:
    result = evaluated(simulated(), threshold=1000)

    assert "no_alerts" in codes(result)
    assert result.estimate("event_sensitivity").value == 0
    assert result.estimate("unexplained_alert_rate").value == 0
    assert result.estimate("time_in_alert").value == 0
    assert result.estimate("alert_ppv").unavailable is not None


def test_one_score_for_all_is_told() -> None:
    frames = simulated()
    same = frames["predictions"].with_columns(score=pl.lit(9.0))

    result = evaluated({**frames, "predictions": same})

    assert "one_score" in codes(result)
    assert result.estimate("time_in_alert").value == 1


def test_one_patient_has_reasons_and_no_estimates() -> None:
    result = evaluated(simulated(1))

    for estimate in result.estimates:
        assert estimate.value is None
        assert estimate.unavailable == "There are fewer than 10 patients."
    assert result.curves == {}


def test_small_counts_do_not_leave() -> None:
    frames = simulated(40)
    few = frames["events"].filter(pl.col("type") != "Death").head(6)

    result = evaluated({**frames, "events": few})

    assert result.population["events"] is None
    assert result.population["detected"] is None
    assert result.curves == {}
    assert result.estimate("event_sensitivity").value is None
    assert {"counts", "curves"} <= codes(result)


def test_counts_in_curves_are_of_enough_events() -> None:
    result = evaluated(simulated(300))

    lead = result.curves["lead_time"].columns["events"]
    assert all(count == 0 or count >= 10 for count in lead)
    assert sum(lead) == result.population["detected"]
    events = result.population["events"]
    for row in result.curves["free_response"].rows:
        found = round(row["event_sensitivity"] * events)
        assert found == 0 or found >= 10
        assert found == events or events - found >= 10
    assert min(result.curves["mean_cumulative_events"].columns["at_risk"]) >= 10


def test_clustered_events_are_told_with_the_poisson_interval() -> None:
    result = evaluated(simulated(200))

    note = next(note for note in result.warnings if note.code == "clustered_events")
    rate = result.estimate("event_rate").value
    assert rate is not None
    assert note.values["poisson_lower"] < rate < note.values["poisson_upper"]
    assert "too narrow" in note.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": None}, "need the protocol's threshold"),
        ({"subgroups": ("age",)}, "no column for subgroups called age"),
    ],
)
def test_a_protocol_that_does_not_fit_the_tables_is_refused(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        evaluated(simulated(20), **change)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"threshold": 3, "recovery_threshold": 4}, "at most the threshold, 3"),
        ({"recovery_threshold": 4}, "needs a threshold"),
        ({"window": 10, "blanking": 10}, "shorter than the window of 10 days"),
        ({"threshold": float("inf")}, "finite"),
        ({"horizon": 5}, "Extra inputs"),
    ],
)
def test_a_protocol_that_makes_no_sense_is_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AlertsProtocol.model_validate(given)


def test_tables_that_make_no_sense_are_refused() -> None:
    frames = simulated(30)
    backwards = frames["followup"].with_columns(end=pl.col("start") - timedelta(days=1))
    with pytest.raises(Refused, match="must not end before it starts"):
        evaluated({**frames, "followup": backwards})

    dead = pl.DataFrame(
        {"patient_id": ["p0001"] * 2, "date": dates([5, 9]), "type": ["death", "DEATH"]}
    )
    with pytest.raises(Refused, match="die only once"):
        evaluated({**frames, "events": dead})

    strangers = frames["predictions"].with_columns(patient_id=pl.lit("unknown"))
    with pytest.raises(Refused, match="No patient of followup has a score"):
        evaluated({**frames, "predictions": strangers})

    late = frames["predictions"].with_columns(pl.col("date") + timedelta(days=9000))
    with pytest.raises(Refused, match="No score of predictions lies within"):
        evaluated({**frames, "predictions": late})


@pytest.mark.parametrize("alerts", [True, False])
def test_a_result_validates_against_its_schema_and_holds_no_rows(alerts: bool) -> None:
    frames = simulated(200, sites=("north", "south"))
    result = evaluated(with_alerts(frames) if alerts else frames)

    stored = json.loads(result.to_json())
    jsonschema.validate(stored, Result.model_json_schema(by_alias=True))
    assert Result.model_validate(stored) == result
    assert "p0001" not in result.to_json().decode()
    assert all(len(curve.rows) <= 1000 for curve in result.curves.values())


def test_progress_never_goes_back() -> None:
    from portal.tables import LoadedTable
    from usecases.heart_failure.evaluation import evaluate_alerts

    seen: list[float] = []
    tables = {
        name: LoadedTable(frame, "a" * 64)
        for name, frame in simulated(60, sites=("north", "south")).items()
    }
    evaluate_alerts(
        tables,
        AlertsProtocol(threshold=7, bootstrap_replicates=300),
        lambda _stage, done: seen.append(done),
    )

    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
