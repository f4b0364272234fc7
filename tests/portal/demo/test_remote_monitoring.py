"""The simulated remote monitoring: reproducible, valid, and different as the stories say."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from portal.demo import remote_monitoring
from portal.demo.remote_monitoring import DEATH, RECOVERY, THRESHOLD
from portal.result import Result
from tests.demo_sites import evaluated, value, without_interval

TASK = "heart-failure/alerts"
VERSIONS = list(remote_monitoring.ALGORITHMS)


def found(
    folder: Path,
    country: str,
    version: str,
    seed: int = remote_monitoring.SEED,
    threshold: float = THRESHOLD,
) -> Result:
    site = remote_monitoring.SITES[country]
    monitored = remote_monitoring.generate(site, seed)
    scores = remote_monitoring.score(site, monitored, version, seed)
    return evaluated(
        folder,
        TASK,
        {"followup": monitored.followup, "events": monitored.events, "predictions": scores},
        f"threshold={threshold}",
        f"recovery_threshold={threshold + RECOVERY - THRESHOLD}",
    )


def test_the_same_seed_gives_the_same_rows_and_another_does_not() -> None:
    site = remote_monitoring.SITES["FR"]
    first, again, other = (remote_monitoring.generate(site, seed) for seed in (5, 5, 6))
    assert_frame_equal(first.followup, again.followup)
    assert_frame_equal(first.events, again.events)
    assert not first.events.equals(other.events)
    scores = [remote_monitoring.score(site, first, "1.0.0", seed) for seed in (5, 5, 6)]
    assert_frame_equal(scores[0], scores[1])
    assert not scores[0].equals(scores[2])


@pytest.mark.parametrize("country", list(remote_monitoring.SITES))
def test_everything_happens_within_follow_up_and_death_ends_it(country: str) -> None:
    site = remote_monitoring.SITES[country]
    monitored = remote_monitoring.generate(site)
    for table in (monitored.events, remote_monitoring.score(site, monitored, "1.0.0")):
        dated = table.join(monitored.followup, on="patient_id")
        assert dated.height == table.height
        assert dated.select(pl.col("date").is_between("start", "end").all()).item()
    deaths = monitored.events.filter(pl.col("type") == DEATH).join(
        monitored.followup, on="patient_id"
    )
    assert deaths.height >= 10
    assert deaths["patient_id"].n_unique() == deaths.height
    assert (deaths["date"] == deaths["end"]).all()


@pytest.mark.parametrize("country", list(remote_monitoring.SITES))
@pytest.mark.parametrize("version", VERSIONS)
def test_every_headline_of_every_version_has_an_interval(
    tmp_path: Path, country: str, version: str
) -> None:
    assert without_interval(found(tmp_path, country, version), TASK) == []


@pytest.mark.parametrize("seed", [remote_monitoring.SEED, 1])
def test_the_sites_differ_as_their_stories_say(tmp_path: Path, seed: int) -> None:
    first = {
        country: found(tmp_path, country, "1.0.0", seed) for country in remote_monitoring.SITES
    }
    warned = {country: value(result, "event_sensitivity") for country, result in first.items()}
    vain = {country: value(result, "unexplained_alert_rate") for country, result in first.items()}
    right = {country: value(result, "alert_ppv") for country, result in first.items()}
    monitored = {
        country: result.population["monitored_patient_years"] / result.population["patient_years"]
        for country, result in first.items()
    }
    assert warned["PL"] < warned["FR"] - 0.1
    assert monitored["PL"] < 0.6 < 0.9 < monitored["FR"]
    assert vain["IT"] > 2 * vain["FR"]
    assert right["IT"] < right["FR"]
    assert value(first["SE"], "event_rate") > 1.6 * value(first["FR"], "event_rate")
    assert right["SE"] > right["FR"]
    assert abs(warned["SE"] - warned["FR"]) < 0.15


def test_a_threshold_of_its_own_repairs_the_site_whose_sensors_read_higher(
    tmp_path: Path,
) -> None:
    usual = found(tmp_path, "IT", "1.0.0")
    own = found(tmp_path, "IT", "1.0.0", threshold=THRESHOLD + remote_monitoring.SITES["IT"].offset)
    rate = "unexplained_alert_rate"
    assert value(own, rate) < value(usual, rate) / 1.7
    assert value(own, "event_sensitivity") >= value(usual, "event_sensitivity") - 0.05


def test_the_second_version_raises_fewer_alerts_for_nothing_and_misses_no_more(
    tmp_path: Path,
) -> None:
    first, second = (found(tmp_path, "FR", version) for version in VERSIONS)
    rate = "unexplained_alert_rate"
    assert value(second, rate) < 0.8 * value(first, rate)
    assert value(second, "event_sensitivity") >= value(first, "event_sensitivity") - 0.05
