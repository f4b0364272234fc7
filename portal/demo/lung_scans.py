"""Synthetic chest CT scans, the lesions in them, and what a simulated detector marks.

No scan, lesion or mark comes from a person; there are no images, only places and sizes. What is
borrowed from the literature is orders of magnitude only:

- LUNA16: 888 scans with slices of at most 2.5 mm, 601 of them with one of the 1,186 lesions of 3
  mm or more; smaller findings are excluded; the best detectors together find more than 95% of the
  lesions at one false positive per scan (Setio et al., Medical Image Analysis 2017;42:1);
- a detector finds as much on slices of 2.5 mm as on 1.25 mm, and much less on thicker ones
  (Narayanan et al., Journal of Medical Imaging 2018;5:014504);
- small lesions are the ones that are missed (Zheng et al., Medical Physics 2021;48:733).

A lesion is the more visible the larger it is, less so where slices are thicker than the lesion
allows; the detector marks it with a score that follows what is visible. Its false marks are a
Poisson number a scan. The second version sees small lesions better and raises fewer false alarms,
and was trained on thick slices too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from portal.demo.cohorts import SEED

OPERATING_POINTS = (0.125, 0.25, 0.5, 1.0, 2.0)
"""False positives per scan at which the demonstration reads the sensitivity: beyond them so few
more lesions are found that their number would not be shown."""
SMALLEST_MM = 3.0
"""Diameter below which a finding is excluded."""

_LOWEST_SCORE = 0.05
# Centre and half-axes of each lung in mm, in the scanner's coordinates: right, left.
_CENTRES = np.array([[-75.0, 0.0, -150.0], [75.0, 0.0, -150.0]])
_HALF_AXES = np.array([[50.0, 70.0, 105.0], [45.0, 70.0, 105.0]])


@dataclass(frozen=True)
class SiteSettings:
    """What makes a site's scans."""

    country: str
    """Two letters; the start of every case_id."""
    scans: int
    with_lesion: float
    """Share of the scans, 0 to 1."""
    lesions_per_scan: float
    """Mean, of the scans with a lesion."""
    median_mm: float
    """Of the diameters."""
    slices: tuple[tuple[str, float, float], ...]
    """Scanners: vendor, slice thickness in mm, and share of the scans."""
    lookalikes: float
    """False marks per scan, against a usual site; scars and old infections raise it."""
    story: str
    """Why its results look as they do, in a sentence."""
    unmeasured: float = 0.0
    """Share of the lesions whose diameter nobody wrote down."""


@dataclass(frozen=True)
class Detector:
    """A version of the simulated detector, on the scale of a standard normal deviate."""

    skill: float
    """How far a lesion of 6 mm on thin slices stands out."""
    per_doubling: float
    """How much further with each doubling of the diameter."""
    per_thickness: float
    """How much less with each doubling of the slice thickness beyond 2.5 mm, at 6 mm."""
    false_marks: float
    """Per scan, with any score."""
    false_level: float
    """Mean of their scores."""


DETECTORS: Mapping[str, Detector] = {
    "1.0.0": Detector(
        skill=1.2, per_doubling=1.2, per_thickness=2.0, false_marks=7.0, false_level=-1.0
    ),
    "2.0.0": Detector(
        skill=1.4, per_doubling=1.0, per_thickness=0.9, false_marks=5.5, false_level=-1.1
    ),
}

SITES: Mapping[str, SiteSettings] = {
    "FR": SiteSettings(
        country="FR",
        scans=1014,
        with_lesion=0.62,
        lesions_per_scan=2.4,
        median_mm=7.5,
        slices=(("Vendor A", 1.0, 0.6), ("Vendor B", 1.25, 0.4)),
        lookalikes=1.0,
        story="Thin slices and lesions of all sizes, as the detector was trained on.",
    ),
    "DE": SiteSettings(
        country="DE",
        scans=1200,
        with_lesion=0.50,
        lesions_per_scan=1.8,
        median_mm=7.5,
        slices=(("Vendor B", 1.0, 0.5), ("Vendor C", 2.0, 0.5)),
        lookalikes=2.2,
        story=(
            "Many patients have scars and old infections that look like lesions: the detector "
            "finds as many lesions, and raises twice as many false alarms."
        ),
    ),
    "BE": SiteSettings(
        country="BE",
        scans=936,
        with_lesion=0.70,
        lesions_per_scan=3.2,
        median_mm=5.2,
        slices=(("Vendor A", 1.0, 0.7), ("Vendor C", 1.5, 0.3)),
        lookalikes=1.0,
        story="Scanned early and often, so that most lesions are small: more of them are missed.",
    ),
    "IT": SiteSettings(
        country="IT",
        scans=900,
        with_lesion=0.60,
        lesions_per_scan=2.4,
        median_mm=7.5,
        slices=(("Vendor D", 5.0, 0.75), ("Vendor B", 1.25, 0.25)),
        lookalikes=1.0,
        story=(
            "Most scans are from another scanner with slices of 5 mm, on which small lesions are "
            "missed; the second version, trained on such slices too, misses fewer."
        ),
    ),
    "NL": SiteSettings(
        country="NL",
        scans=792,
        with_lesion=0.55,
        lesions_per_scan=2.0,
        median_mm=8.0,
        slices=(("Vendor A", 1.0, 0.5), ("Vendor C", 3.0, 0.5)),
        lookalikes=1.2,
        story="Half of the scans have slices of 3 mm, a little thicker than the detector likes.",
    ),
    "FI": SiteSettings(
        country="FI",
        scans=600,
        with_lesion=0.60,
        lesions_per_scan=2.2,
        median_mm=7.5,
        slices=(("Vendor A", 1.0, 0.8), ("Vendor B", 1.25, 0.2)),
        lookalikes=1.0,
        story=(
            "Readers marked the centre of each lesion and measured two in three: the rule that "
            "needs the radius cannot be applied, matching by distance can."
        ),
        unmeasured=0.35,
    ),
}


@dataclass(frozen=True)
class Scans:
    """The tables that a site holds."""

    cases: pl.DataFrame
    """``case_id``, ``vendor``, ``slice_thickness_mm`` (text, to make subgroups of) and ``sex``."""
    lesions: pl.DataFrame
    """``case_id``, ``lesion_id``, ``x``, ``y``, ``z``, ``diameter_mm`` (mm) and ``excluded``."""
    diameter: NDArray[np.float64]
    """Of each lesion in mm, those included that nobody measured."""


def generate(site: SiteSettings, seed: int = SEED) -> Scans:
    """Simulate the scans of a site.

    Parameters
    ----------
    site : SiteSettings
    seed : int
        The same site and seed give the same rows.
    """
    random = np.random.default_rng([seed, *b"scans", *site.country.encode()])
    width = len(str(site.scans))
    ids = np.array([f"{site.country}-{n:0{width}d}" for n in range(1, site.scans + 1)])
    scanner = random.choice(len(site.slices), site.scans, p=[share for *_, share in site.slices])
    cases = pl.DataFrame(
        {
            "case_id": ids,
            "vendor": [site.slices[number][0] for number in scanner],
            "slice_thickness_mm": [f"{site.slices[number][1]:g}" for number in scanner],
            "sex": np.where(random.random(site.scans) < 0.5, "female", "male"),
        }
    )
    # One lesion, and a geometric number of further ones.
    has_lesion = random.random(site.scans) < site.with_lesion
    number = np.where(has_lesion, random.geometric(1 / site.lesions_per_scan, site.scans), 0)
    case = np.repeat(np.arange(site.scans), np.minimum(number, 12))
    diameter = (site.median_mm * np.exp(random.normal(0, 0.5, case.size))).clip(1.5, 45.0).round(1)
    position = _places(case.size, random)
    lesions = pl.DataFrame(
        {
            "case_id": ids[case],
            "lesion_id": [f"L{n}" for n in _counted(case)],
            **{axis: position[:, index].round(1) for index, axis in enumerate("xyz")},
            "diameter_mm": diameter,
            "excluded": diameter < SMALLEST_MM,
        }
    )
    if site.unmeasured:
        measured = pl.Series(random.random(case.size) >= site.unmeasured)
        lesions = lesions.with_columns(pl.when(measured).then("diameter_mm").alias("diameter_mm"))
    return Scans(cases, lesions, diameter)


def detect(site: SiteSettings, scans: Scans, version: str, seed: int = SEED) -> pl.DataFrame:
    """What a version of the detector marks on a site's scans.

    Parameters
    ----------
    site : SiteSettings
    scans : Scans
        Of the site.
    version : {"1.0.0", "2.0.0"}
    seed : int
        Both versions see the same scans: what makes a lesion hard for one does for the other.

    Returns
    -------
    polars.DataFrame
        ``case_id``, ``x``, ``y``, ``z`` (mm) and ``score`` (0 to 1).
    """
    detector = DETECTORS[version]
    shared = np.random.default_rng([seed, *b"shared", *site.country.encode()])
    own = np.random.default_rng([seed, *version.encode(), *site.country.encode()])
    hits = _hits(scans, detector, shared, own)
    false = _false_marks(site, scans, detector, own)
    marks = pl.concat([hits, false])
    # A detector keeps to itself what it hardly believes.
    return marks.filter(pl.col("score") >= _LOWEST_SCORE).sort(
        "case_id", "score", descending=[False, True]
    )


def _hits(
    scans: Scans, detector: Detector, shared: np.random.Generator, own: np.random.Generator
) -> pl.DataFrame:
    """Marks on lesions, within their radius, the excluded ones too."""
    found = scans.lesions.join(scans.cases, on="case_id", how="left", maintain_order="left")
    diameter = scans.diameter
    thickness = found["slice_thickness_mm"].cast(pl.Float64).to_numpy()
    blur = np.log2(np.maximum(thickness / 2.5, 1.0)) * np.minimum(6.0 / diameter, 1.5)
    level = (
        detector.skill
        + detector.per_doubling * np.log2(diameter / 6.0)
        - detector.per_thickness * blur
        + shared.normal(0, 0.8, found.height)
        + own.normal(0, 0.6, found.height)
    )
    away = own.normal(0, 1, (found.height, 3)) * diameter[:, None] / 12
    return _marks(found["case_id"], found.select("x", "y", "z").to_numpy() + away, level)


def _false_marks(
    site: SiteSettings, scans: Scans, detector: Detector, own: np.random.Generator
) -> pl.DataFrame:
    """Marks on nothing, anywhere in the lungs."""
    number = own.poisson(detector.false_marks * site.lookalikes, scans.cases.height)
    case = np.repeat(np.arange(scans.cases.height), number)
    level = detector.false_level + own.normal(0, 1, case.size)
    return _marks(scans.cases["case_id"][case], _places(case.size, own), level)


def _marks(
    case_id: pl.Series, position: NDArray[np.float64], level: NDArray[np.float64]
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "case_id": case_id,
            **{axis: position[:, index].round(2) for index, axis in enumerate("xyz")},
            "score": (1 / (1 + np.exp(-1.7 * level))).round(4),
        }
    )


def _places(size: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Points within the lungs, evenly, shape (size, 3)."""
    lung = random.integers(0, 2, size)
    direction = random.normal(0, 1, (size, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    radius = np.cbrt(random.random((size, 1)))
    places: NDArray[np.float64] = _CENTRES[lung] + _HALF_AXES[lung] * direction * radius
    return places


def _counted(case: NDArray[np.int64]) -> NDArray[np.int64]:
    """1, 2, 3 within each run of the same case."""
    first = np.flatnonzero(np.r_[True, case[1:] != case[:-1]])
    numbers: NDArray[np.int64] = np.arange(case.size) - np.repeat(
        first, np.diff(np.r_[first, case.size])
    )
    return numbers + 1
