"""Synthetic follow-up of the kidney cohorts: when kidney failure came, and who died first.

The patients are those of ``cohorts``, with the same covariates, so that the same equation scores
them; and the outcome of a patient is the same in both tables, as far as the follow-up tells. What
is borrowed from the literature is orders of magnitude only:

- older people with an eGFR below 60 die at 6.8 per 100 patient-years and reach kidney failure at
  0.5, so that counting deaths as losses overstates who needs a kidney (Dalrymple et al., Journal
  of General Internal Medicine 2011;26:379);
- where deaths are taken for losses, as in the equation, risks at five years come out higher, by 1
  to 27 points in advanced disease (Ravani et al., Journal of the American Society of Nephrology
  2019;30:2219).

Within five years the cohort's own outcome decides who reaches kidney failure, at a constant hazard
for each patient: the site's settings are about the risk where deaths come first. Everyone else may
die before it; the hazard of death rises with age (doubling in about eight years) and with lower
eGFR. Patients entered one after the other and were followed to one day, on which the study ended;
a few moved away before.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from portal.demo import cohorts
from portal.demo.cohorts import SEED, SiteSettings

CENSORED, KIDNEY_FAILURE, DEATH = 0, 1, 2
"""Values of ``event``."""
LOSS = 0.01
"""Patients lost per year."""

_AGE, _EGFR = 70.0, 35.0
"""Where the site's mortality is given at."""
_PER_YEAR_OF_AGE = 0.085
_PER_ML_OF_EGFR = -0.02
"""Of the log hazard of death."""
_DAY = 1 / 365.25


def generate(site: SiteSettings, seed: int = SEED) -> pl.DataFrame:
    """Simulate the follow-up of a site's cohort.

    Parameters
    ----------
    site : SiteSettings
    seed : int
        The same site and seed give the same rows, about the patients of ``cohorts.generate``.

    Returns
    -------
    polars.DataFrame
        ``patient_id``, ``time`` (years, above 0, three decimals) and ``event`` (0: follow-up
        ended, 1: kidney failure, 2: death before it), then the columns of the cohort but its
        ``outcome``.
    """
    simulated = cohorts.simulate(site, seed)
    cohort, failure = simulated.cohort, simulated.failure
    random = np.random.default_rng([seed, *b"follow-up", *site.country.encode()])
    death = _deaths(site, cohort, random)
    # The site's risk by five years is a risk where deaths come first: nobody who reached kidney
    # failure by then died before it.
    death = np.where((failure <= cohorts.HORIZON) & (death < failure), np.inf, death)
    end = np.minimum(
        random.uniform(*site.follow_up, cohort.height), random.exponential(1 / LOSS, cohort.height)
    )
    times = np.stack([end, failure, death])
    event = times.argmin(axis=0)  # the order of the rows is that of the values of `event`
    return cohort.select(
        "patient_id",
        pl.Series("time", times.min(axis=0).clip(_DAY).round(3)),
        pl.Series("event", event.astype(np.int64)),
        pl.all().exclude("patient_id", "outcome"),
    )


def _deaths(
    site: SiteSettings, cohort: pl.DataFrame, random: np.random.Generator
) -> NDArray[np.float64]:
    """Years to death: Gompertz, the hazard rising while the patient ages."""
    age, egfr = cohort["age"].to_numpy(), cohort["egfr"].to_numpy()
    at_entry = site.mortality * np.exp(
        _PER_YEAR_OF_AGE * (age - _AGE) + _PER_ML_OF_EGFR * (egfr - _EGFR)
    )
    drawn = random.exponential(1.0, cohort.height)
    years: NDArray[np.float64] = np.log1p(_PER_YEAR_OF_AGE * drawn / at_entry) / _PER_YEAR_OF_AGE
    return years
