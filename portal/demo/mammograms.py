"""Synthetic mammograms of screening and diagnosis: exams, their outcome, a reader, and scores.

No exam comes from a woman; there are no images. What is borrowed from the literature is orders of
magnitude only:

- screening in Denmark: 6 to 9 cancers per 1,000 exams, interval cancers included; a first reader
  recalls 3% and finds 64% of them at a specificity of 97.8%, two readers 74% (Elhakim et al.,
  Cancer Imaging 2023;23:127);
- algorithms on a Swedish sample for evaluation, 739 women with cancer and 8,066 without: AUROC 0.92
  to 0.96 (Salim et al., JAMA Oncology 2020;6:1581);
- the denser the breast, the more is missed: sensitivity 86, 78, 70 and 61% in the four categories,
  which hold 22, 42, 29 and 8% of the exams (Wanders et al., Breast Cancer Research and Treatment
  2017;162:95).

As in such a sample, all cancers of several years stand beside some of the other women. One row is
one breast; each woman has two. How conspicuous a cancer is, and how much a healthy breast looks
like one, is partly the same for the reader and for both versions of the model. On the exams of a
vendor that a version has not seen, its scores run high and tell less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special, stats

from portal.demo.cohorts import SEED

DENSITIES = ("a", "b", "c", "d")
"""The categories of BI-RADS, from almost entirely fatty to extremely dense."""
_NEITHER = -1
_MASKING = np.array([0.25, 0.0, -0.25, -0.5])
"""How much further a cancer stands out in each, in standard deviations."""

RECALL_AT = 0.5
"""The score at or above which the model's developer advises recall."""


@dataclass(frozen=True)
class SiteSettings:
    """What makes a site's exams."""

    country: str
    """Two letters; the start of every patient_id."""
    women: int
    prevalence: float
    """Of cancer, among the women of the sample."""
    densities: tuple[float, float, float, float]
    """Share of each category."""
    vendors: tuple[tuple[str, float], ...]
    """Vendors of the machines, and their share of the women."""
    conspicuity: float
    """How much further cancers stand out than in screening; those with symptoms do."""
    reader_recalls: float
    """Share of the healthy breasts that the reader recalls."""
    story: str
    """Why its results look as they do, in a sentence."""


@dataclass(frozen=True)
class Model:
    """A version of the simulated model."""

    distance: float
    """Between the means of cancers and of healthy breasts, in standard deviations."""
    vendors: tuple[str, ...]
    """Whose exams it was trained on."""


MODELS: Mapping[str, Model] = {
    "1.0.0": Model(distance=2.0, vendors=("Vendor A", "Vendor B")),
    "2.0.0": Model(distance=2.35, vendors=("Vendor A", "Vendor B", "Vendor C")),
}
READER_DISTANCE = 2.5

# On a vendor that a version was not trained on.
_UNSEEN_LOSS = 0.6
_UNSEEN_SHIFT = 0.6

SITES: Mapping[str, SiteSettings] = {
    "SE": SiteSettings(
        country="SE",
        women=5000,
        prevalence=0.050,
        densities=(0.22, 0.42, 0.28, 0.08),
        vendors=(("Vendor A", 0.6), ("Vendor B", 0.4)),
        conspicuity=0.0,
        reader_recalls=0.02,
        story="Screening on the machines that the model was trained on: it performs as expected.",
    ),
    "FR": SiteSettings(
        country="FR",
        women=2500,
        prevalence=0.140,
        densities=(0.15, 0.38, 0.35, 0.12),
        vendors=(("Vendor A", 0.7), ("Vendor B", 0.3)),
        conspicuity=0.35,
        reader_recalls=0.07,
        story=(
            "A cancer centre: many women come with symptoms, cancer is three times as common as in "
            "the samples of screening and easier to see, so that more of the recalls are right."
        ),
    ),
    "ES": SiteSettings(
        country="ES",
        women=4500,
        prevalence=0.055,
        densities=(0.05, 0.25, 0.45, 0.25),
        vendors=(("Vendor A", 0.5), ("Vendor B", 0.5)),
        conspicuity=-0.1,
        reader_recalls=0.035,
        story=(
            "Younger women with denser breasts, in which cancers hide: the model, and the reader, "
            "miss more of them."
        ),
    ),
    "FI": SiteSettings(
        country="FI",
        women=5000,
        prevalence=0.050,
        densities=(0.24, 0.42, 0.27, 0.07),
        vendors=(("Vendor C", 0.85), ("Vendor A", 0.15)),
        conspicuity=0.0,
        reader_recalls=0.02,
        story=(
            "Machines of a vendor that the first version never saw: it ranks less well and "
            "recalls several times as many women; the second version was trained on them."
        ),
    ),
    "PL": SiteSettings(
        country="PL",
        women=4000,
        prevalence=0.055,
        densities=(0.20, 0.40, 0.30, 0.10),
        vendors=(("Vendor B", 0.6), ("Vendor C", 0.4)),
        conspicuity=0.0,
        reader_recalls=0.03,
        story="Machines of two vendors, one of which the first version of the model never saw.",
    ),
}


@dataclass(frozen=True)
class Mammograms:
    """The table that a site holds, and what nobody there knows."""

    exams: pl.DataFrame
    """``exam_id``, ``patient_id``, ``outcome`` (1: cancer), ``reader_recall`` (0 or 1), and as
    text ``breast`` (left, right), ``density`` (a to d), ``vendor`` and ``age`` (a decade)."""
    appearance: NDArray[np.float64]
    """How much each exam looks like cancer to anyone, beyond its outcome, shape (exams,)."""


def generate(site: SiteSettings, seed: int = SEED) -> Mammograms:
    """Simulate the exams of a site.

    Parameters
    ----------
    site : SiteSettings
    seed : int
        The same site and seed give the same rows.
    """
    random = np.random.default_rng([seed, *b"mammograms", *site.country.encode()])
    density = random.choice(4, site.women, p=site.densities)
    vendor = random.choice(len(site.vendors), site.women, p=[share for _, share in site.vendors])
    # Density goes down with age.
    age = random.normal(61.0 - 2.0 * density, 6.5, site.women).clip(50, 74)
    side = random.integers(0, 2, site.women)
    side[random.random(site.women) >= site.prevalence] = _NEITHER
    woman = np.repeat(np.arange(site.women), 2)
    breast = np.tile([0, 1], site.women)
    outcome = (side[woman] == breast).astype(np.int64)
    # Both breasts of a woman look alike, and cancer is harder to see in dense ones.
    appearance = np.sqrt(0.4) * (
        np.sqrt(0.5) * random.normal(0, 1, site.women)[woman]
        + np.sqrt(0.5) * random.normal(0, 1, woman.size)
    ) + outcome * (site.conspicuity + _MASKING[density[woman]])
    reading = READER_DISTANCE * outcome + appearance + _own(random, woman.size)
    recall = reading >= stats.norm.isf(site.reader_recalls)
    width = len(str(site.women))
    women = np.array([f"{site.country}-{n:0{width}d}" for n in range(1, site.women + 1)])
    exams = pl.DataFrame(
        {
            "exam_id": [f"{women[w]}-{'LR'[b]}" for w, b in zip(woman, breast, strict=True)],
            "patient_id": women[woman],
            "outcome": outcome,
            "reader_recall": recall.astype(np.int64),
            "breast": np.where(breast == 0, "left", "right"),
            "density": [DENSITIES[number] for number in density[woman]],
            "vendor": [site.vendors[number][0] for number in vendor[woman]],
            "age": [f"{decade}0 to {decade}9" for decade in (age[woman] // 10).astype(int)],
        }
    )
    return Mammograms(exams, appearance)


def score(
    site: SiteSettings, mammograms: Mammograms, version: str, seed: int = SEED
) -> pl.DataFrame:
    """What a version of the model says about a site's exams.

    Parameters
    ----------
    site : SiteSettings
    mammograms : Mammograms
        Of the site.
    version : {"1.0.0", "2.0.0"}
    seed : int

    Returns
    -------
    polars.DataFrame
        ``exam_id`` and ``score`` (0 to 1, at least :data:`RECALL_AT` where recall is advised).
    """
    model = MODELS[version]
    random = np.random.default_rng([seed, *version.encode(), *site.country.encode()])
    exams = mammograms.exams
    unseen = ~exams["vendor"].is_in(model.vendors).to_numpy()
    distance = model.distance - _UNSEEN_LOSS * unseen
    level = (
        distance * exams["outcome"].to_numpy()
        + mammograms.appearance
        + _own(random, exams.height)
        + _UNSEEN_SHIFT * unseen
    )
    # Four in a hundred healthy breasts reach the score of recall, on machines it knows.
    odds = 1.6 * (level - stats.norm.isf(0.04)) + special.logit(RECALL_AT)
    return exams.select("exam_id").with_columns(pl.Series("score", special.expit(odds).round(5)))


def _own(random: np.random.Generator, size: int) -> NDArray[np.float64]:
    """What only one reader or version sees in an exam."""
    return np.sqrt(0.6) * random.normal(0, 1, size)
