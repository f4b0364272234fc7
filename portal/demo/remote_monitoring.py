"""Synthetic remote monitoring of heart failure: follow-up, events, and daily scores.

No patient, device or score is real. What is borrowed from the literature is orders of magnitude
only:

- an index of several sensors with an alert at 16 that ends below 6: it came before 70% of the
  events, half of the time 34 days ahead or more, at 1.47 unexplained alerts per patient-year, in
  patients with 50 events in 320 patient-years (Boehmer et al., JACC: Heart Failure 2017;5:216);
- in practice 0.7 to 1.0 alerts per patient-year (Capucci et al., ESC Heart Failure 2019;6:308; de
  Juan Bagudá et al., Revista Española de Cardiología 2022;75:709).

A patient's score is a level of their own and noise that lasts for days. Before most events it
rises for some weeks, and it falls after them; some events come suddenly. It rises as well for
reasons that are no event (an infection, atrial fibrillation, a lead). The second version sees the
first kind of rise a little better, and less of the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.signal import lfilter

from portal.demo.cohorts import SEED

THRESHOLD, RECOVERY = 16.0, 10.0
"""Where the algorithm's developer starts and ends an alert."""
DEATH = "death"
"""The type of an event that ends follow-up."""

FIRST_DAY = date(2022, 1, 10)
_YEAR = 365.25
_LONGEST = 540
"""Days of follow-up."""
_BETWEEN_EVENTS = 21
"""Days after an event before the next."""


@dataclass(frozen=True)
class SiteSettings:
    """What makes a site's patients and their devices."""

    country: str
    """Two letters; the start of every patient_id."""
    patients: int
    events: float
    """Per patient-year."""
    deaths: float
    """Per patient-year."""
    devices: tuple[tuple[str, float], ...]
    """Device families, and their share of the patients."""
    offset: float
    """Added to every score: how much higher the sensors of this site read."""
    daily: float
    """Share of the days on which a working monitor transmits."""
    working: float
    """Days, on average, until a monitor stops to transmit."""
    silent: float
    """Days, on average, until it transmits again."""
    story: str
    """Why its results look as they do, in a sentence."""


@dataclass(frozen=True)
class Algorithm:
    """A version of the simulated algorithm, in points of the score."""

    gain: float
    """Of the rise before an event."""
    distraction: float
    """Of a rise that has another reason."""
    noise: float
    """Standard deviation, from day to day."""


ALGORITHMS: Mapping[str, Algorithm] = {
    "1.0.0": Algorithm(gain=1.0, distraction=1.0, noise=2.6),
    "2.0.0": Algorithm(gain=1.35, distraction=0.75, noise=2.0),
}
_MIXED = (("CRT-D", 0.45), ("ICD", 0.35), ("Pacemaker", 0.20))

SITES: Mapping[str, SiteSettings] = {
    "FR": SiteSettings(
        country="FR",
        patients=700,
        events=0.45,
        deaths=0.06,
        devices=_MIXED,
        offset=0.0,
        daily=0.95,
        working=400.0,
        silent=10.0,
        story="Devices that transmit nearly every day: the algorithm performs as expected.",
    ),
    "SE": SiteSettings(
        country="SE",
        patients=700,
        events=0.95,
        deaths=0.11,
        devices=(("CRT-D", 0.70), ("ICD", 0.25), ("Pacemaker", 0.05)),
        offset=0.0,
        daily=0.94,
        working=400.0,
        silent=10.0,
        story=(
            "Sicker patients with twice the events: more of the alerts are right, though the "
            "algorithm is no better."
        ),
    ),
    "PL": SiteSettings(
        country="PL",
        patients=800,
        events=0.55,
        deaths=0.07,
        devices=_MIXED,
        offset=0.0,
        daily=0.5,
        working=30.0,
        silent=50.0,
        story=(
            "Sparse transmissions: monitors are silent for weeks, and what happens meanwhile "
            "comes without a warning."
        ),
    ),
    "IT": SiteSettings(
        country="IT",
        patients=700,
        events=0.45,
        deaths=0.06,
        devices=(("ICD", 0.60), ("CRT-D", 0.25), ("Pacemaker", 0.15)),
        offset=8.0,
        daily=0.95,
        working=400.0,
        silent=10.0,
        story=(
            "The sensors read higher here, so that the usual threshold is too low: twice the "
            "alerts and more, most of them for nothing. A threshold of its own would repair it."
        ),
    ),
    "PT": SiteSettings(
        country="PT",
        patients=800,
        events=0.55,
        deaths=0.06,
        devices=(("Pacemaker", 0.60), ("CRT-D", 0.25), ("ICD", 0.15)),
        offset=1.5,
        daily=0.90,
        working=200.0,
        silent=15.0,
        story="Mostly pacemakers, whose sensors read a little higher.",
    ),
}


@dataclass(frozen=True)
class Monitored:
    """The tables that a site holds, and what the devices measured day by day."""

    followup: pl.DataFrame
    """``patient_id``, ``start``, ``end`` (dates), and as text ``device_family``, ``sex`` and
    ``age`` (a decade)."""
    events: pl.DataFrame
    """``patient_id``, ``date`` and ``type`` (hospitalisation, urgent visit, death)."""
    worsening: NDArray[np.float64]
    """Rise of the score before and after events, shape (patients, days)."""
    distraction: NDArray[np.float64]
    """Rise of the score for other reasons, shape (patients, days)."""
    transmitted: NDArray[np.bool_]
    """Shape (patients, days)."""


def generate(site: SiteSettings, seed: int = SEED) -> Monitored:
    """Simulate the patients of a site and their devices.

    Parameters
    ----------
    site : SiteSettings
    seed : int
        The same site and seed give the same rows.
    """
    random = np.random.default_rng([seed, *b"monitoring", *site.country.encode()])
    size = site.patients
    start = random.integers(0, 365, size)
    days = random.integers(300, _LONGEST, size)
    death = np.ceil(random.exponential(_YEAR / site.deaths, size)).astype(np.int64)
    died = death < days
    days = np.where(died, death, days)
    patient, day = _events(site, days, random)
    worsening = np.zeros((size, _LONGEST + 1))
    for who, when in zip(patient, day, strict=True):
        sudden = random.random() < 0.12
        height = 4.0 if sudden else 32.0 * random.gamma(6.0, 1 / 6.0)
        worsening[who] += _rise(when, height, 30.0 * np.exp(random.normal(0, 0.4)), 6.0)
    distraction = np.zeros_like(worsening)
    for who in np.repeat(np.arange(size), random.poisson(2.2 * days / _YEAR)):
        peak = random.uniform(0, days[who])
        distraction[who] += _rise(peak, 16.0 * random.gamma(3.0, 1 / 3.0), 12.0, 6.0)
    width = len(str(size))
    ids = np.array([f"{site.country}-{n:0{width}d}" for n in range(1, size + 1)])
    family = random.choice(len(site.devices), size, p=[share for _, share in site.devices])
    age = random.normal(69, 10, size).clip(40, 89)
    followup = pl.DataFrame(
        {
            "patient_id": ids,
            "start": _dates(start),
            "end": _dates(start + days),
            "device_family": [site.devices[number][0] for number in family],
            "sex": np.where(random.random(size) < 0.3, "female", "male"),
            "age": [f"{decade}0 to {decade}9" for decade in (age // 10).astype(int)],
        }
    )
    kind = np.where(random.random(patient.size) < 0.75, "hospitalisation", "urgent visit")
    events = pl.DataFrame(
        {
            "patient_id": np.r_[ids[patient], ids[died]],
            "date": _dates(np.r_[start[patient] + day, (start + days)[died]]),
            "type": np.r_[kind, np.full(int(died.sum()), DEATH)],
        }
    ).sort("patient_id", "date", "type")
    transmitted = _transmitted(site, random) & (np.arange(_LONGEST + 1) <= days[:, None])
    return Monitored(followup, events, worsening, distraction, transmitted)


def score(site: SiteSettings, monitored: Monitored, version: str, seed: int = SEED) -> pl.DataFrame:
    """What a version of the algorithm says each day that was transmitted.

    Parameters
    ----------
    site : SiteSettings
    monitored : Monitored
        Of the site.
    version : {"1.0.0", "2.0.0"}
    seed : int

    Returns
    -------
    polars.DataFrame
        ``patient_id``, ``date`` and ``score`` (0 or more, one decimal).
    """
    algorithm = ALGORITHMS[version]
    random = np.random.default_rng([seed, *version.encode(), *site.country.encode()])
    shape = monitored.worsening.shape
    own = random.normal(2.0, 1.2, (shape[0], 1))
    # Noise that keeps nine tenths of itself from one day to the next.
    steps = random.normal(0, algorithm.noise * np.sqrt(1 - 0.9**2), shape)
    level = (
        own
        + site.offset
        + lfilter([1.0], [1.0, -0.9], steps, axis=1)
        + algorithm.gain * monitored.worsening
        + algorithm.distraction * monitored.distraction
    )
    patient, day = np.nonzero(monitored.transmitted)
    followup = monitored.followup
    return pl.DataFrame(
        {
            "patient_id": followup["patient_id"][patient],
            "date": followup["start"][patient]
            + pl.Series(day).cast(pl.Duration("ms")) * 86_400_000,
            "score": level[patient, day].clip(0, 100).round(1),
        }
    )


def _events(
    site: SiteSettings, days: NDArray[np.int64], random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Patient and day of each event; some patients have several, most have none."""
    proneness = random.gamma(3.0, 1 / 3.0, site.patients)
    number = random.poisson(site.events * proneness * days / _YEAR)
    patient = np.repeat(np.arange(site.patients), number)
    day = random.integers(15, np.maximum(days[patient], 16))
    order = np.lexsort((day, patient))
    patient, day = patient[order], day[order]
    kept: list[int] = []
    for row in range(patient.size):
        before = kept[-1] if kept else None
        is_close = (
            before is not None
            and patient[before] == patient[row]
            and day[row] - day[before] < _BETWEEN_EVENTS
        )
        if day[row] < days[patient[row]] and not is_close:
            kept.append(row)
    return patient[kept], day[kept]


def _rise(peak: float, height: float, rising: float, falling: float) -> NDArray[np.float64]:
    """A rise that is steepest at its peak and dies away after it, for each day."""
    after = np.arange(_LONGEST + 1) - peak
    before = np.clip(1 + after / rising, 0, 1)
    shape: NDArray[np.float64] = np.where(after < 0, before**1.2, np.exp(-after / falling))
    return height * shape


def _transmitted(site: SiteSettings, random: np.random.Generator) -> NDArray[np.bool_]:
    """On which days a monitor transmits: it works, falls silent, and works again."""
    size, days = site.patients, _LONGEST + 1
    chance = random.random((days, size))
    works = np.ones((days, size), dtype=bool)
    for today in range(1, days):
        before = works[today - 1]
        works[today] = np.where(
            before, chance[today] >= 1 / site.working, chance[today] < 1 / site.silent
        )
    transmitted: NDArray[np.bool_] = (works & (random.random((days, size)) < site.daily)).T
    return transmitted


def _dates(days: NDArray[np.int64]) -> list[date]:
    return [FIRST_DAY + timedelta(days=int(day)) for day in days]
