"""The simulated cohorts: reproducible, plausible, and different for the stated reasons."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from portal.demo import cohorts
from portal.demo import kidney_failure_risk_equation as equation

# prevalence, observed / expected, AUROC; several standard errors wide, so that another seed passes
BANDS = {
    "DK": ((0.11, 0.17), (0.88, 1.12), (0.82, 0.89)),
    "FR": ((0.06, 0.11), (0.46, 0.68), (0.75, 0.83)),
    "NL": ((0.02, 0.05), (0.75, 1.25), (0.75, 0.86)),
    "DE": ((0.17, 0.24), (1.25, 1.60), (0.84, 0.91)),
    "ES": ((0.08, 0.14), (0.88, 1.20), (0.79, 0.87)),
}
SEEDS = (cohorts.SEED, 1)


def risks(frame: pl.DataFrame) -> np.ndarray:
    return equation.risk(*(frame[name].to_numpy() for name in equation.INPUTS))


def written(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    site = cohorts.SITES["NL"]
    assert written(cohorts.generate(site, 5)) == written(cohorts.generate(site, 5))
    assert written(cohorts.generate(site, 5)) != written(cohorts.generate(site, 6))


@pytest.mark.parametrize("country", list(cohorts.SITES))
def test_a_cohort_has_the_columns_of_the_task_and_of_the_model(country: str) -> None:
    site = cohorts.SITES[country]
    frame = cohorts.generate(site)
    assert frame.schema == {
        "patient_id": pl.String,
        "outcome": pl.Int64,
        "age": pl.Float64,
        "sex_male": pl.Int64,
        "egfr": pl.Float64,
        "uacr": pl.Float64,
        "sex": pl.String,
        "diabetes": pl.String,
        "stage": pl.String,
        **({"site": pl.String} if site.centres else {}),
    }
    assert 2_000 <= frame.height == site.patients <= 6_000
    assert frame["patient_id"].n_unique() == frame.height
    assert frame["patient_id"].str.starts_with(f"{country}-").all()
    assert sum(frame.null_count().row(0)) == 0
    assert set(frame["outcome"]) == {0, 1}


@pytest.mark.parametrize("country", list(cohorts.SITES))
def test_values_are_those_of_adults_with_kidney_disease(country: str) -> None:
    site = cohorts.SITES[country]
    frame = cohorts.generate(site)
    assert frame["age"].is_between(18, 98).all()
    assert frame["egfr"].is_between(8, 59.9).all()
    assert frame["uacr"].is_between(2, 8000).all()
    assert frame["age"].mean() == pytest.approx(site.mean_age, abs=1.0)
    assert frame["egfr"].mean() == pytest.approx(site.mean_egfr, abs=1.2)
    assert frame["uacr"].median() == pytest.approx(site.median_uacr, rel=0.15)
    assert frame["sex_male"].mean() == pytest.approx(site.men, abs=0.04)
    assert (frame["diabetes"] == "yes").mean() == pytest.approx(site.diabetes, abs=0.04)


def test_the_subgroups_say_what_the_numbers_say() -> None:
    frame = cohorts.generate(cohorts.SITES["DK"])
    assert frame.filter(sex_male=1)["sex"].unique().to_list() == ["male"]
    assert frame.filter(sex_male=0)["sex"].unique().to_list() == ["female"]
    bounds = {"G3a": (45.0, 60.0), "G3b": (30.0, 45.0), "G4": (15.0, 30.0), "G5": (0.0, 15.0)}
    for stage, (low, high) in bounds.items():
        egfr = frame.filter(stage=stage)["egfr"]
        assert len(egfr) > 0
        assert egfr.is_between(low, high, closed="left").all()


def test_variables_are_correlated_as_stated() -> None:
    frame = cohorts.generate(cohorts.SITES["FR"]).with_columns(pl.col("diabetes") == "yes")

    def rank_correlation(first: str, second: str) -> float:
        found = frame.select(pl.corr(first, second, method="spearman")).item()
        return float(found)

    assert rank_correlation("egfr", "uacr") == pytest.approx(-0.29, abs=0.05)
    assert rank_correlation("age", "egfr") == pytest.approx(-0.19, abs=0.05)
    assert rank_correlation("diabetes", "uacr") > 0.08


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("country", list(cohorts.SITES))
def test_prevalence_calibration_and_discrimination_lie_in_their_bands(
    country: str, seed: int
) -> None:
    frame = cohorts.generate(cohorts.SITES[country], seed)
    risk, outcome = risks(frame), frame["outcome"].to_numpy()
    prevalence, ratio, auroc = BANDS[country]
    assert prevalence[0] < outcome.mean() < prevalence[1]
    assert ratio[0] < outcome.mean() / risk.mean() < ratio[1]
    assert auroc[0] < roc_auc_score(outcome, risk) < auroc[1]


@pytest.mark.parametrize("country", list(cohorts.SITES))
def test_women_men_and_people_with_and_without_diabetes_have_enough_events(country: str) -> None:
    frame = cohorts.generate(cohorts.SITES[country])
    for column in ("sex", "diabetes"):
        events = frame.group_by(column).agg(pl.col("outcome").sum())
        assert min(events["outcome"].to_list()) >= 10


def test_cohorts_of_different_sites_share_no_patient_and_no_random_numbers() -> None:
    frames = [cohorts.generate(site) for site in cohorts.SITES.values()]
    together = pl.concat(frames, how="diagonal")
    assert together["patient_id"].n_unique() == together.height
    ages = [frame["age"].head(50).to_list() for frame in frames]
    assert all(
        np.corrcoef(first, second)[0, 1] < 0.6
        for index, first in enumerate(ages)
        for second in ages[index + 1 :]
    )


def test_the_data_say_that_they_are_synthetic() -> None:
    assert "Synthetic" in cohorts.SYNTHETIC
    assert all(site.story for site in cohorts.SITES.values())


def test_centres_are_equally_large_and_the_last_sees_later_disease() -> None:
    site = cohorts.SITES["FR"]
    frame = cohorts.generate(site)
    centres = frame.group_by("site").agg(pl.len(), pl.col("egfr").mean()).sort("site")
    assert centres["site"].to_list() == list(site.centres)
    assert centres["len"].max() - centres["len"].min() <= 1
    assert centres["egfr"].to_list() == sorted(centres["egfr"], reverse=True)


def test_albuminuria_off_dipsticks_is_as_spread_as_it_was_and_tells_less() -> None:
    site = cohorts.SITES["ES"]
    recorded = cohorts.generate(site)
    measured = cohorts.generate(dataclasses.replace(site, dipstick_error=0.0))
    logs = [np.log(frame["uacr"].to_numpy()) for frame in (recorded, measured)]
    assert logs[0].std() == pytest.approx(logs[1].std(), rel=0.05)
    assert np.corrcoef(*logs)[0, 1] == pytest.approx(0.55, abs=0.05)
    assert recorded["outcome"].equals(measured["outcome"])
    outcome = recorded["outcome"].to_numpy()
    assert roc_auc_score(outcome, risks(recorded)) < roc_auc_score(outcome, risks(measured))
