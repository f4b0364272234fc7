"""The simulated follow-up of the kidney cohorts: the same patients, and deaths that come first."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from portal.demo import cohorts, kidney_follow_up
from portal.demo import kidney_failure_risk_equation as equation
from portal.demo.kidney_follow_up import CENSORED, DEATH, KIDNEY_FAILURE
from portal.result import Result
from tests.demo_sites import evaluated, value, without_interval

TASK = "ckd/survival"


def found(folder: Path, country: str, region: equation.Region = "other") -> Result:
    followed = kidney_follow_up.generate(cohorts.SITES[country])
    inputs = [followed[name].to_numpy() for name in equation.INPUTS]
    risk = pl.Series("risk", equation.risk(*inputs, region=region))
    predictions = followed.select("patient_id").with_columns(risk)
    return evaluated(folder, TASK, {"cohort": followed, "predictions": predictions})


def test_the_same_seed_gives_the_same_rows_and_another_does_not() -> None:
    site = cohorts.SITES["NL"]
    assert_frame_equal(kidney_follow_up.generate(site, 5), kidney_follow_up.generate(site, 5))
    assert not kidney_follow_up.generate(site, 5).equals(kidney_follow_up.generate(site, 6))


@pytest.mark.parametrize("country", list(cohorts.SITES))
def test_the_patients_are_those_of_the_cohort(country: str) -> None:
    site = cohorts.SITES[country]
    cohort, followed = cohorts.generate(site), kidney_follow_up.generate(site)
    assert followed.columns == ["patient_id", "time", "event", *cohort.columns[2:]]
    assert_frame_equal(followed.drop("time", "event"), cohort.drop("outcome"))


@pytest.mark.parametrize("country", list(cohorts.SITES))
def test_both_tables_tell_the_same_of_each_patient(country: str) -> None:
    site = cohorts.SITES[country]
    both = kidney_follow_up.generate(site).join(
        cohorts.generate(site).select("patient_id", "outcome"), on="patient_id"
    )
    failed = pl.col("event") == KIDNEY_FAILURE
    by_then = pl.col("time") <= cohorts.HORIZON
    assert both.filter(failed & by_then)["outcome"].min() == 1
    assert both.filter(~by_then)["outcome"].max() == 0
    assert both.filter((pl.col("event") == DEATH) & by_then)["outcome"].max() == 0


@pytest.mark.parametrize("country", list(cohorts.SITES))
def test_some_fail_some_die_some_are_lost_and_some_are_followed_to_the_horizon(
    country: str,
) -> None:
    followed = kidney_follow_up.generate(cohorts.SITES[country])
    early = followed.filter(pl.col("time") < cohorts.HORIZON)
    counts = dict(early["event"].value_counts().iter_rows())
    assert min(counts[event] for event in (CENSORED, KIDNEY_FAILURE, DEATH)) >= 100
    assert followed.height - early.height >= 1000
    assert followed["time"].min() > 0  # type: ignore[operator]


def test_the_aged_die_more_often() -> None:
    followed = kidney_follow_up.generate(cohorts.SITES["DK"])
    died = followed.group_by(pl.col("age") >= 70).agg((pl.col("event") == DEATH).mean())
    shares = dict(died.iter_rows())
    assert shares[True] > 2 * shares[False]


@pytest.mark.parametrize("country", list(cohorts.SITES))
@pytest.mark.parametrize("region", ["north-american", "other"])
def test_every_headline_of_every_version_has_an_interval(
    tmp_path: Path, country: str, region: equation.Region
) -> None:
    assert without_interval(found(tmp_path, country, region), TASK) == []


def test_the_sites_differ_as_their_stories_say(tmp_path: Path) -> None:
    sites = {country: found(tmp_path, country) for country in cohorts.SITES}
    ratio = {country: value(each, "observed_expected_ratio") for country, each in sites.items()}
    slope = {country: value(each, "calibration_slope") for country, each in sites.items()}
    auc = {country: value(each, "auc") for country, each in sites.items()}
    assert ratio["FR"] < 0.75
    assert 0.85 < ratio["DK"] < 1.15
    assert 0.80 < ratio["NL"] < 1.20
    assert 0.85 < ratio["ES"] < 1.15
    assert ratio["DE"] > 1.25
    assert auc["NL"] < auc["DK"]
    assert auc["ES"] < auc["DK"]
    assert slope["ES"] < slope["DK"] - 0.05


def test_counting_deaths_as_losses_makes_kidney_failure_look_more_frequent(
    tmp_path: Path,
) -> None:
    result = found(tmp_path, "FR")
    competing = value(result, "observed_expected_ratio")
    censored = value(result, "observed_expected_ratio_deaths_censored")
    assert censored > 1.15 * competing
