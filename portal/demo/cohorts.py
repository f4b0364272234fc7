"""Synthetic kidney cohorts for the demonstration. No row comes from, or resembles, a person.

Every value is drawn from a seeded random generator. What is borrowed from the literature is
orders of magnitude only, so that the demonstration looks like nephrology:

- patients referred to nephrologists: mean age about 70 years, 56% men, mean eGFR about
  36 mL/min/1.73 m², typical albumin-to-creatinine ratio about 170 mg/g, 38% with diabetes, and
  11 to 24% with kidney failure within a few years (the cohorts and centring values of Tangri et
  al., JAMA 2011;305:1553);
- milder disease followed in primary care: median eGFR 51, median ratio 3.2 mg/mmol or 28 mg/g,
  about 1% with kidney failure within five years (Major et al., PLoS Medicine 2019;16:e1002955);
- baselines that differ between regions: hazards lower by a third at two years and a sixth at
  five outside North America, with wide variation between cohorts (Tangri et al., JAMA
  2016;315:164, which is why the equation has two baselines);
- albuminuria read off dipsticks and converted: right on average, and far off for many
  (Sumida et al., Annals of Internal Medicine 2020;173:426).

Age, sex, eGFR, albuminuria and diabetes are correlated through a Gaussian copula. The outcome,
kidney failure within five years, follows the Kidney Failure Risk Equation's linear predictor with
a baseline, a slope and an unmeasured part that belong to the site. The sites are made to differ
for reasons that the charts show: see ``SITES``. When it happened, who died first and who was lost
is added by ``kidney_follow_up``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from portal.demo import kidney_failure_risk_equation as equation

HORIZON = 5
SEED = 20_250_301
"""Of the demonstration."""
SYNTHETIC = "Synthetic: simulated by a program; no row comes from a person."

_VARIABLES = ("age", "sex_male", "egfr", "uacr", "diabetes")
# Older patients have lower eGFR and less albuminuria; albuminuria rises as eGFR falls and with
# diabetes. Signs and sizes as commonly seen, not estimated from anybody's data.
_CORRELATION = np.array(
    [
        #  age   male   egfr   uacr   diabetes
        [+1.00, +0.00, -0.20, -0.20, +0.05],
        [+0.00, +1.00, +0.00, +0.10, +0.05],
        [-0.20, +0.00, +1.00, -0.30, -0.05],
        [-0.20, +0.10, -0.30, +1.00, +0.20],
        [+0.05, +0.05, -0.05, +0.20, +1.00],
    ]
)
_UACR = (2.0, 8000.0)
"""mg/g."""
# KDIGO's categories of eGFR: the lower bound of each, in mL/min/1.73 m².
_STAGES = (("G3a", 45.0), ("G3b", 30.0), ("G4", 15.0), ("G5", 0.0))


@dataclass(frozen=True)
class SiteSettings:
    """What makes a site's patients, and how they fare."""

    country: str
    """Two letters; the start of every patient_id."""
    patients: int
    mean_age: float
    sd_age: float
    men: float
    """Share, 0 to 1."""
    mean_egfr: float
    sd_egfr: float
    median_uacr: float
    """mg/g."""
    sd_log_uacr: float
    diabetes: float
    """Share, 0 to 1."""
    hazard_ratio: float
    """Of the site's baseline against the equation's own; below 1 the equation overstates."""
    slope: float
    """Of the equation's linear predictor; below 1 its risks are too extreme."""
    unmeasured: float
    """Standard deviation of what the equation does not see, on the log hazard; lowers AUROC."""
    mortality: float
    """Deaths per patient-year before kidney failure, at an age of 70 and an eGFR of 35."""
    follow_up: tuple[float, float]
    """Years from entry to the end of the study, for the last and the first who entered."""
    story: str
    """Why its results look as they do, in a sentence."""
    centres: tuple[str, ...] = ()
    """Where there are several, the cohort has a column ``site``; the last see later disease."""
    dipstick_error: float = 0.0
    """Standard deviation, on the log scale, of albuminuria as recorded around what it was."""


@dataclass(frozen=True)
class Simulated:
    """A site's cohort, and what nobody there knows."""

    cohort: pl.DataFrame
    """As from :func:`generate`."""
    failure: NDArray[np.float64]
    """Years to kidney failure if the patient lives to see it, shape (patients,)."""


SITES: Mapping[str, SiteSettings] = {
    "DK": SiteSettings(
        country="DK",
        patients=4200,
        mean_age=68.0,
        sd_age=13.0,
        men=0.57,
        mean_egfr=36.0,
        sd_egfr=11.0,
        median_uacr=130.0,
        sd_log_uacr=1.6,
        diabetes=0.34,
        hazard_ratio=1.0,
        slope=1.0,
        unmeasured=0.3,
        mortality=0.05,
        follow_up=(3.0, 9.0),
        story="Patients and outcomes as the equation expects: it is well calibrated here.",
    ),
    "FR": SiteSettings(
        country="FR",
        patients=5600,
        mean_age=74.0,
        sd_age=10.0,
        men=0.60,
        mean_egfr=33.0,
        sd_egfr=10.0,
        median_uacr=150.0,
        sd_log_uacr=1.5,
        diabetes=0.42,
        hazard_ratio=0.65,
        slope=0.85,
        unmeasured=0.6,
        mortality=0.05,
        follow_up=(4.0, 8.0),
        story=(
            "Older patients, many of whom die first: fewer reach kidney failure than the equation "
            "says at the same values, and it overstates the risk."
        ),
        centres=("Centre A", "Centre B", "Centre C"),
    ),
    "NL": SiteSettings(
        country="NL",
        patients=4400,
        mean_age=66.0,
        sd_age=12.0,
        men=0.54,
        mean_egfr=44.0,
        sd_egfr=8.0,
        median_uacr=55.0,
        sd_log_uacr=1.3,
        diabetes=0.29,
        hazard_ratio=1.0,
        slope=1.0,
        unmeasured=0.3,
        mortality=0.04,
        follow_up=(3.5, 9.0),
        story=(
            "Milder and more alike patients: fewer events, lower AUROC, though the equation is "
            "as right about each of them."
        ),
    ),
    "DE": SiteSettings(
        country="DE",
        patients=3400,
        mean_age=70.0,
        sd_age=12.0,
        men=0.58,
        mean_egfr=35.0,
        sd_egfr=11.0,
        median_uacr=140.0,
        sd_log_uacr=1.6,
        diabetes=0.39,
        hazard_ratio=1.45,
        slope=1.1,
        unmeasured=0.4,
        mortality=0.06,
        follow_up=(3.0, 8.0),
        story="Kidney failure is more frequent than the equation says: it understates the risk.",
    ),
    "ES": SiteSettings(
        country="ES",
        patients=3800,
        mean_age=69.0,
        sd_age=12.0,
        men=0.55,
        mean_egfr=37.0,
        sd_egfr=11.0,
        median_uacr=110.0,
        sd_log_uacr=1.5,
        diabetes=0.36,
        hazard_ratio=1.0,
        slope=1.0,
        unmeasured=0.3,
        mortality=0.045,
        follow_up=(2.0, 8.0),
        story=(
            "Albuminuria was converted from dipsticks: the risks rank less well and are too "
            "extreme, though about right on average."
        ),
        dipstick_error=2.2,
    ),
}


def generate(site: SiteSettings, seed: int = SEED) -> pl.DataFrame:
    """Simulate the cohort of a site.

    Parameters
    ----------
    site : SiteSettings
    seed : int
        The same site and seed give the same rows.

    Returns
    -------
    polars.DataFrame
        ``patient_id`` (text), ``outcome`` (1: kidney failure within five years), ``age``
        (years, one decimal), ``sex_male`` (0 or 1), ``egfr`` (mL/min/1.73 m², one decimal),
        ``uacr`` (mg/g, one decimal), and as text ``sex`` (female, male), ``diabetes`` (yes, no)
        and ``stage`` (G3a, G3b, G4, G5), with ``site`` where the site has several centres.
    """
    return simulate(site, seed).cohort


def simulate(site: SiteSettings, seed: int = SEED) -> Simulated:
    """Simulate the cohort of a site and the years to each patient's kidney failure."""
    random = np.random.default_rng([seed, *site.country.encode()])
    values = _patients(site, random)
    predictor = equation.linear_predictor(
        values["age"], values["sex_male"], values["egfr"], values["uacr"]
    )
    # A mean of 1 over the unmeasured part would still lower the average risk a little, because
    # risk is concave in the hazard; at these sizes by less than its confidence interval.
    frailty = random.normal(-(site.unmeasured**2) / 2, site.unmeasured, site.patients)
    log_hazard = np.log(-np.log(equation.BASELINE_SURVIVAL["other", HORIZON]))
    log_hazard = log_hazard + np.log(site.hazard_ratio) + site.slope * predictor + frailty
    chance = random.random(site.patients)
    outcome = chance < -np.expm1(-np.exp(log_hazard))
    # A constant hazard that adds up to the risk at the horizon: the same draw says when.
    failure = -np.log1p(-chance) / np.exp(log_hazard) * HORIZON
    if site.dipstick_error:
        values["uacr"] = _off_the_dipstick(values["uacr"], site.dipstick_error, random)
    width = len(str(site.patients))
    frame = pl.DataFrame(
        {
            "patient_id": [f"{site.country}-{n:0{width}d}" for n in range(1, site.patients + 1)],
            "outcome": outcome.astype(np.int64),
            "age": values["age"],
            "sex_male": values["sex_male"].astype(np.int64),
            "egfr": values["egfr"],
            "uacr": values["uacr"],
            "sex": np.where(values["sex_male"] == 1, "male", "female").tolist(),
            "diabetes": np.where(values["diabetes"] == 1, "yes", "no").tolist(),
            "stage": [_stage(value) for value in values["egfr"]],
        }
    )
    if site.centres:
        frame = frame.with_columns(pl.Series("site", _centres(site, values["egfr"], random)))
    return Simulated(frame, failure)


def _off_the_dipstick(
    uacr: NDArray[np.float64], error: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """Albuminuria as recorded: with the spread of what it was, and only partly following it."""
    log = np.log(uacr)
    kept = np.var(log) / (np.var(log) + error**2)  # of the spread, what is not error
    noisy = log.mean() + np.sqrt(kept) * (log - log.mean() + random.normal(0, error, log.size))
    return np.exp(noisy).clip(*_UACR).round(1)


def _centres(
    site: SiteSettings, egfr: NDArray[np.float64], random: np.random.Generator
) -> list[str]:
    """Equally many patients for each centre, those with lower eGFR rather in the last."""
    order = np.argsort(np.argsort(random.normal(0, 2 * site.sd_egfr, len(egfr)) - egfr))
    return [site.centres[rank * len(site.centres) // len(egfr)] for rank in order]


def _patients(site: SiteSettings, random: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Correlated uniforms, each bent to its own distribution: a Gaussian copula."""
    normal = random.standard_normal((site.patients, len(_VARIABLES)))
    uniform = stats.norm.cdf(normal @ np.linalg.cholesky(_CORRELATION).T)
    rank = dict(zip(_VARIABLES, uniform.T, strict=True))
    return {
        "age": _truncated(rank["age"], site.mean_age, site.sd_age, 18.0, 98.0),
        "sex_male": (rank["sex_male"] > 1 - site.men).astype(np.float64),
        "egfr": _truncated(rank["egfr"], site.mean_egfr, site.sd_egfr, 8.0, 59.9),
        "uacr": np.exp(
            _truncated(
                rank["uacr"],
                float(np.log(site.median_uacr)),
                site.sd_log_uacr,
                float(np.log(_UACR[0])),
                float(np.log(_UACR[1])),
                digits=12,
            )
        ).round(1),
        # From the upper end, so that a positive correlation makes diabetes likelier.
        "diabetes": (rank["diabetes"] > 1 - site.diabetes).astype(np.float64),
    }


def _truncated(
    rank: NDArray[np.float64], mean: float, sd: float, low: float, high: float, *, digits: int = 1
) -> NDArray[np.float64]:
    """Quantiles of a normal distribution cut off at ``low`` and ``high``."""
    between = stats.truncnorm((low - mean) / sd, (high - mean) / sd, loc=mean, scale=sd)
    return np.asarray(between.ppf(rank), dtype=np.float64).round(digits)


def _stage(egfr: float) -> str:
    return next(name for name, bound in _STAGES if egfr >= bound)
