"""The simulated mammograms, reader and model: reproducible, and different as the stories say."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from portal.demo import mammograms
from portal.result import Result
from tests.demo_sites import evaluated, value, without_interval

TASK = "metastasis/mammography"
VERSIONS = list(mammograms.MODELS)


def found(folder: Path, country: str, version: str, seed: int = mammograms.SEED) -> Result:
    site = mammograms.SITES[country]
    simulated = mammograms.generate(site, seed)
    scores = mammograms.score(site, simulated, version, seed)
    tables = {"exams": simulated.exams, "predictions": scores}
    return evaluated(folder, TASK, tables, f"thresholds={mammograms.RECALL_AT}")


def recalls(result: Result) -> float:
    return value(result, "recall_rate", threshold=mammograms.RECALL_AT)


def test_the_same_seed_gives_the_same_rows_and_another_does_not() -> None:
    site = mammograms.SITES["SE"]
    first, again, other = (mammograms.generate(site, seed) for seed in (5, 5, 6))
    assert_frame_equal(first.exams, again.exams)
    assert not first.exams.equals(other.exams)
    scores = [mammograms.score(site, first, "1.0.0", seed) for seed in (5, 5, 6)]
    assert_frame_equal(scores[0], scores[1])
    assert not scores[0].equals(scores[2])


@pytest.mark.parametrize("country", list(mammograms.SITES))
def test_each_woman_has_two_breasts_and_cancer_in_one_at_most(country: str) -> None:
    site = mammograms.SITES[country]
    exams = mammograms.generate(site).exams
    women = exams.group_by("patient_id").agg(pl.len(), pl.col("outcome").sum())
    assert women.height == site.women
    assert set(women["len"]) == {2}
    assert set(women["outcome"]) == {0, 1}
    assert women["outcome"].mean() == pytest.approx(site.prevalence, rel=0.25)
    sides = exams.filter(pl.col("outcome") == 1)["breast"].value_counts()["count"]
    assert sides.min() / sides.sum() > 0.25  # type: ignore[operator]


@pytest.mark.parametrize("country", list(mammograms.SITES))
@pytest.mark.parametrize("version", VERSIONS)
def test_every_headline_of_every_version_has_an_interval(
    tmp_path: Path, country: str, version: str
) -> None:
    assert without_interval(found(tmp_path, country, version), TASK) == []


@pytest.mark.parametrize("seed", [mammograms.SEED, 1])
def test_the_sites_differ_as_their_stories_say(tmp_path: Path, seed: int) -> None:
    first = {country: found(tmp_path, country, "1.0.0", seed) for country in mammograms.SITES}
    auroc = {country: value(result, "auroc") for country, result in first.items()}
    ppv = {country: value(r, "ppv", threshold=mammograms.RECALL_AT) for country, r in first.items()}
    assert auroc["ES"] < auroc["SE"]
    assert auroc["FI"] < auroc["SE"]
    assert ppv["FR"] > 1.8 * ppv["SE"]
    assert recalls(first["FI"]) > 2 * recalls(first["SE"])
    reader = {country: value(r, "reader_sensitivity") for country, r in first.items()}
    assert reader["FR"] > reader["ES"]


def test_the_second_version_repairs_the_vendor_that_the_first_never_saw(tmp_path: Path) -> None:
    first, second = (found(tmp_path, "FI", version) for version in VERSIONS)
    assert value(second, "auroc") > value(first, "auroc") + 0.05
    assert recalls(second) < recalls(first) / 2


def test_cancers_hide_in_dense_breasts() -> None:
    site = mammograms.SITES["FR"]
    simulated = mammograms.generate(site)
    cancers = simulated.exams.join(mammograms.score(site, simulated, "1.0.0"), on="exam_id").filter(
        pl.col("outcome") == 1
    )
    dense = pl.col("density").is_in(["c", "d"])
    for column in ("reader_recall", "score"):
        assert (
            cancers.filter(dense)[column].mean() < cancers.filter(~dense)[column].mean()  # type: ignore[operator]
        )
