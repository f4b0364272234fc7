"""What an attacker works out of an alerts Result: all when unprotected, else nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.result import Result, Subgroup
from portal.tables import LoadedTable
from tests.usecases.heart_failure.attack import AlertsAttack, small_counts
from tests.usecases.heart_failure.simulation import Frames, evaluated, simulated, with_alerts
from usecases.heart_failure.cohort import Cohort
from usecases.heart_failure.protocol import AlertsProtocol
from usecases.statistics.alert_cuts import lead_is_told, patients_with
from usecases.statistics.alert_measures import NAMES


def tables(patients: int, seed: int, *, sites: int = 3, decimals: int = 0) -> Frames:
    """Sites of very unequal size; scores with more decimals have no ties."""
    frames = simulated(patients, seed, days=150)
    random = np.random.default_rng(seed)
    shares = np.arange(1, sites + 1) ** 2.0
    site = random.choice([f"s{n}" for n in range(sites)], patients, p=shares / shares.sum())
    frames["followup"] = frames["followup"].with_columns(site=pl.Series(site))
    if decimals:
        scores = frames["predictions"]
        more = np.round(random.uniform(-0.5, 0.5, scores.height), decimals)
        frames["predictions"] = scores.with_columns(score=pl.col("score") + more)
    return frames


def sent(result: Result) -> dict[str, Any]:
    return json.loads(result.to_json())


def totals_at(frames: Frames, threshold: float) -> Any:
    loaded = {name: LoadedTable(frame, name[0] * 64) for name, frame in frames.items()}
    protocol = AlertsProtocol(threshold=threshold)
    return Cohort.of(loaded, protocol.window).totals(protocol)[1]


@pytest.fixture(scope="module")
def leaking() -> dict[str, Any]:
    frames = tables(80, 3, decimals=2)
    return sent(evaluated(frames, smallest_count=1, minimum_events=1, threshold=7))


def test_the_attacker_is_right(leaking: dict[str, Any]) -> None:
    frames = tables(80, 3, decimals=2)
    attack = AlertsAttack(leaking)

    checked = 0
    cuts = sorted(attack.counts[None, "detected"])
    for threshold in cuts[:: max(1, len(cuts) // 12)]:
        totals = totals_at(frames, threshold)
        expected = {
            "detected": totals.detected.sum(),
            "alerts": totals.alerts.sum(),
            "unexplained": totals.unexplained.sum(),
        }
        for kind, count in expected.items():
            assert attack.counts[None, kind][threshold] == count
            checked += 1
    assert checked >= 30


@pytest.mark.parametrize("kept", ["free_response", "burden", "lead_time", "mean_cumulative_events"])
def test_each_unprotected_curve_alone_gives_small_counts_away(
    leaking: dict[str, Any], kept: str
) -> None:
    only = {**leaking, "estimates": [], "curves": {kept: leaking["curves"][kept]}}
    only["population"] = {**leaking["population"], "subgroups": {}, "sites": []}

    assert len(small_counts(only)) > len(small_counts({**only, "curves": {}}))


def test_estimates_give_counts_away_that_are_hidden() -> None:
    changed = sent(evaluated(tables(200, 3), smallest_count=1))
    known = {name: changed["population"][name] for name in ("events", "detected", "alerts")}
    changed["population"].update(dict.fromkeys(known))
    changed["curves"] = {}

    attack = AlertsAttack(changed)

    for name, count in known.items():
        assert attack.counts[None, name][9] == count


@settings(max_examples=20, deadline=None)
@given(
    patients=st.integers(12, 260),
    seed=st.integers(0, 10**6),
    sites=st.integers(1, 4),
    decimals=st.sampled_from([0, 2]),
    smallest=st.sampled_from([5, 10]),
    threshold=st.sampled_from([5.0, 7.0, 9.0, 10.5]),
    recovery=st.sampled_from([None, 4.0]),
    alerts=st.booleans(),
)
def test_no_small_count_follows_from_a_result(
    patients: int,
    seed: int,
    sites: int,
    decimals: int,
    smallest: int,
    threshold: float,
    recovery: float | None,
    alerts: bool,
) -> None:
    frames = tables(patients, seed, sites=sites, decimals=decimals)
    check(frames, smallest, threshold, recovery, alerts=alerts)


def check(
    frames: Frames, smallest: int, threshold: float, recovery: float | None, *, alerts: bool
) -> None:
    asked: dict[str, Any] = {"smallest_count": smallest, "minimum_events": 1, "subgroups": ("sex",)}
    if alerts:
        result = evaluated(with_alerts(frames, threshold), threshold=None, **asked)
    else:
        asked |= {"threshold": threshold, "recovery_threshold": recovery}
        result = evaluated(frames, **asked)

    assert small_counts(sent(result), smallest) == []
    if not alerts and recovery is None:
        check_patients(result, frames, smallest)


def check_patients(result: Result, frames: Frames, smallest: int) -> None:
    """Whatever is told of at a threshold is of nobody or of enough patients."""
    curve = result.curves.get("free_response")
    told = [] if curve is None else [row["threshold"] for row in curve.rows]
    for threshold in told[:: max(1, len(told) // 4)]:
        who = patients_with(totals_at(frames, threshold))
        for kind in ("detected", "missed", "unexplained", "explained"):
            count = int(np.count_nonzero(who[kind]))
            assert count == 0 or count >= smallest, (threshold, kind)


@pytest.mark.parametrize("patients", [200, 600])
def test_what_stays_is_worth_having(patients: int) -> None:
    result = evaluated(tables(patients, 4, decimals=2), threshold=8)

    assert small_counts(sent(result)) == []
    for name in NAMES:
        assert result.estimate(name).value is not None, name
    assert len(result.curves["free_response"].rows) >= {200: 8, 600: 25}[patients]
    assert len(result.curves["burden"].rows) >= {200: 4, 600: 8}[patients]
    assert len(result.curves["lead_time"].rows) >= {200: 4, 600: 10}[patients]
    assert len(result.curves["mean_cumulative_events"].rows) >= {200: 5, 600: 15}[patients]


def test_thinning_moves_no_estimate() -> None:
    frames = tables(200, 5, sites=1)
    protected, open_ = evaluated(frames), evaluated(frames, smallest_count=1)

    for estimate in protected.estimates:
        if estimate.value is not None:
            assert estimate == open_.estimate(estimate.measure, subgroup=estimate.subgroup)


def test_no_threshold_of_a_curve_is_a_score_but_the_protocols() -> None:
    frames = tables(200, 4, decimals=3)
    result = evaluated(frames, threshold=8)

    scores = set(frames["predictions"]["score"].to_list()) - {8.0}
    for name in ("free_response", "burden"):
        assert not scores & set(result.curves[name].columns["threshold"])


def test_events_of_few_patients_are_few_however_many_they_are() -> None:
    frames = simulated(60, 2)
    ids = frames["followup"]["patient_id"][:4].to_list()
    first = frames["followup"]["start"][0]
    rows = [(name, first + timedelta(days=5 * day)) for name in ids for day in range(1, 9)]
    many = pl.DataFrame(
        {
            "patient_id": [name for name, _day in rows],
            "date": [day for _name, day in rows],
            "type": ["heart-failure hospitalisation"] * len(rows),
        }
    )

    result = evaluated({**frames, "events": many})

    assert result.population["events"] is None
    for name in ("event_sensitivity", "event_rate", "lead_time_median"):
        assert "fewer than 10 patients" in str(result.estimate(name).unavailable)
    assert result.curves == {}


def test_few_missed_events_are_not_told_by_the_sensitivity() -> None:
    result = evaluated(tables(120, 2, sites=1), threshold=8, minimum_events=1)
    few = sent(evaluated(tables(120, 2, sites=1), threshold=8, smallest_count=1))
    missed = few["population"]["events"] - few["population"]["detected"]
    assert 0 < missed < 10

    assert result.population["detected"] is None
    assert result.estimate("event_sensitivity").value is None
    assert "lead_time" not in result.curves


def test_a_hidden_site_has_no_estimates() -> None:
    result = evaluated(tables(150, 6, sites=4))

    groups = result.population["subgroups"]["site"]
    hidden = [name for name, counts in groups.items() if None in counts.values()]
    assert len(hidden) >= 2
    for name in hidden:
        group = Subgroup(column="site", value=name)
        assert all(found.value is None for found in result.estimates if found.subgroup == group)
        mix = next(entry for entry in result.population["sites"] if entry["site"] == name)
        assert mix["event_rate"] is None


def test_a_quantile_of_the_lead_has_enough_patients_on_both_sides() -> None:
    lead, patient = np.arange(40), np.arange(40)

    assert lead_is_told(lead, patient, 0.25, 10)
    assert not lead_is_told(lead, patient, 0.25, 12)
    assert not lead_is_told(lead, np.minimum(patient, 10), 0.75, 10)


def test_counts_in_warnings_are_of_enough_patients() -> None:
    frames = tables(100, 1, sites=1)
    ids = frames["followup"]["patient_id"][:3].to_list()
    late = frames["followup"]["end"].max() + timedelta(days=5)
    strays = pl.DataFrame(
        {
            "patient_id": [name for name in ids for _ in range(6)],
            "date": [late + timedelta(days=day) for _ in ids for day in range(6)],
            "type": ["late"] * 18,
        }
    )

    result = evaluated({**frames, "events": pl.concat([frames["events"], strays])})

    note = next(note for note in result.warnings if note.code == "events_outside_followup")
    assert note.values == {"count": None}
    assert note.message.startswith("Some events lie outside")
