"""The simulated CT scans and detector: reproducible, valid, and different as the stories say."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from portal.demo import lung_scans
from portal.result import Result
from tests.demo_sites import evaluated, value, without_interval

TASK = "metastasis/lung-ct"
VERSIONS = list(lung_scans.DETECTORS)
MEASURED = [country for country, site in lung_scans.SITES.items() if not site.unmeasured]


def found(
    folder: Path, country: str, version: str, seed: int = lung_scans.SEED, *sets: str
) -> Result:
    site = lung_scans.SITES[country]
    scans = lung_scans.generate(site, seed)
    marks = lung_scans.detect(site, scans, version, seed)
    tables = {"cases": scans.cases, "lesions": scans.lesions, "predictions": marks}
    points = ",".join(map(str, lung_scans.OPERATING_POINTS))
    return evaluated(folder, TASK, tables, f"operating_points={points}", *sets)


def false_marks(country: str, seed: int) -> float:
    """Marks of the first version on a scan without a lesion."""
    site = lung_scans.SITES[country]
    scans = lung_scans.generate(site, seed)
    healthy = scans.cases.join(scans.lesions, on="case_id", how="anti")
    marks = lung_scans.detect(site, scans, "1.0.0", seed)
    return marks.join(healthy, on="case_id", how="semi").height / healthy.height


def sensitivity(result: Result) -> float:
    return value(result, "sensitivity", false_positives_per_scan=1.0)


def test_the_same_seed_gives_the_same_rows_and_another_does_not() -> None:
    site = lung_scans.SITES["IT"]
    first, again, other = (lung_scans.generate(site, seed) for seed in (5, 5, 6))
    assert_frame_equal(first.cases, again.cases)
    assert_frame_equal(first.lesions, again.lesions)
    assert not first.lesions.equals(other.lesions)
    marks = [lung_scans.detect(site, first, "1.0.0", seed) for seed in (5, 5, 6)]
    assert_frame_equal(marks[0], marks[1])
    assert not marks[0].equals(marks[2])


@pytest.mark.parametrize("country", MEASURED)
def test_small_findings_are_excluded_and_no_others(country: str) -> None:
    scans = lung_scans.generate(lung_scans.SITES[country])
    small = scans.lesions["diameter_mm"] < lung_scans.SMALLEST_MM
    assert_frame_equal(scans.lesions.select("excluded"), small.rename("excluded").to_frame())
    assert small.any()
    assert scans.cases["case_id"].n_unique() == lung_scans.SITES[country].scans
    without = scans.cases.join(scans.lesions, on="case_id", how="anti")
    assert without.height >= 50


@pytest.mark.parametrize("country", MEASURED)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_headline_of_every_version_has_an_interval(
    tmp_path: Path, country: str, version: str
) -> None:
    assert without_interval(found(tmp_path, country, version), TASK) == []


@pytest.mark.parametrize("seed", [lung_scans.SEED, 1])
def test_the_sites_differ_as_their_stories_say(tmp_path: Path, seed: int) -> None:
    first = {country: found(tmp_path, country, "1.0.0", seed) for country in MEASURED}
    cpm = {country: value(result, "cpm") for country, result in first.items()}
    assert cpm["IT"] < min(cpm[country] for country in cpm if country != "IT") - 0.05
    assert cpm["BE"] < cpm["FR"] - 0.03
    # Where scars look like lesions, healthy lungs are marked twice as often.
    assert false_marks("DE", seed) > 1.7 * false_marks("FR", seed)
    assert sensitivity(first["DE"]) < sensitivity(first["FR"])


def test_the_second_version_repairs_the_thick_slices(tmp_path: Path) -> None:
    gain = {
        country: value(found(tmp_path, country, "2.0.0"), "cpm")
        - value(found(tmp_path, country, "1.0.0"), "cpm")
        for country in ("FR", "IT")
    }
    assert gain["IT"] > gain["FR"] > 0


def test_small_lesions_are_missed_on_thick_slices(tmp_path: Path) -> None:
    site = lung_scans.SITES["IT"]
    scans = lung_scans.generate(site)
    marks = lung_scans.detect(site, scans, "1.0.0")
    near = scans.lesions.filter(~pl.col("excluded")).join(
        marks.filter(pl.col("score") >= 0.5), on="case_id", how="left", suffix="_mark"
    )
    distance = sum((pl.col(axis) - pl.col(f"{axis}_mark")) ** 2 for axis in "xyz").sqrt()  # type: ignore[union-attr]
    hit = (
        near.with_columns(hit=(distance <= pl.col("diameter_mm") / 2).fill_null(False))
        .group_by("case_id", "lesion_id")
        .agg(pl.col("hit").any(), pl.col("diameter_mm").first())
        .join(scans.cases, on="case_id")
    )
    share = {
        (thick, small): frame["hit"].mean()
        for thick in (True, False)
        for small in (True, False)
        for frame in [
            hit.filter(
                (pl.col("slice_thickness_mm") == "5") == thick,
                (pl.col("diameter_mm") < 6) == small,
            )
        ]
    }
    assert share[True, True] < 0.4 < share[False, True]  # type: ignore[operator]
    assert share[True, False] > 2 * share[True, True]  # type: ignore[operator]


def test_lesions_that_nobody_measured_can_be_matched_by_distance_only(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        found(tmp_path, "FI", "1.0.0")
    by_distance = found(tmp_path, "FI", "1.0.0", lung_scans.SEED, "matching=distance")
    assert without_interval(by_distance, TASK) == []
