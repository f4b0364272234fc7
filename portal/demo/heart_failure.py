"""The heart failure use case of the demonstration: remote monitoring in five countries."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

import numpy as np

from portal.catalogue.vocabulary import CodingSystem, HealthCategory, HealthTheme
from portal.demo import remote_monitoring
from portal.demo.entries import Content, DatasetEntry, ModelEntry, Showing, VersionEntry
from portal.demo.remote_monitoring import DEATH, RECOVERY, THRESHOLD

_COLUMNS = {
    "device_family": ("Kind of implanted device", "", ""),
    "sex": ("Sex", "", "LOINC 46098-0"),
    "age": ("Age at the start, in decades", "", "LOINC 30525-0"),
}
_FAMILIES = {"Pacemaker": "pacemaker", "ICD": "icd", "CRT-D": "crt"}
_SENSORS = ["activity", "heart-rate", "hrv", "impedance", "af-burden"]

# country: holder, title, description
_HELD = {
    "FR": (
        "implicity",
        "Remote monitoring of heart failure, France (synthetic)",
        "People with heart failure whose implanted devices report every day.",
    ),
    "SE": (
        "demonstration-site-sweden",
        "Advanced heart failure, Sweden (synthetic)",
        "People with advanced heart failure, most of them with resynchronisation.",
    ),
    "PL": (
        "demonstration-site-poland",
        "Remote monitoring with gaps, Poland (synthetic)",
        "People with heart failure whose monitors are often out of reach.",
    ),
    "IT": (
        "demonstration-site-italy",
        "Defibrillator clinic, Italy (synthetic)",
        "People with heart failure who are followed by a defibrillator clinic.",
    ),
    "PT": (
        "demonstration-site-portugal",
        "Pacemaker clinic, Portugal (synthetic)",
        "People with heart failure and, most of them, a pacemaker.",
    ),
}
_WAITING = "PT"


def content(country: str, seed: int) -> Content:
    """Follow-up, events, and the daily scores of both versions of the algorithm."""
    site = remote_monitoring.SITES[country]
    monitored = remote_monitoring.generate(site, seed)
    days = int((monitored.followup["end"] - monitored.followup["start"]).dt.total_days().sum())
    return Content(
        tables={"alerts": {"followup": monitored.followup, "events": monitored.events}},
        predictions={
            "alerts": {
                version: remote_monitoring.score(site, monitored, version, seed)
                for version in remote_monitoring.ALGORITHMS
            }
        },
        profile={
            "device_family": sorted({_FAMILIES[name] for name, _ in site.devices}),
            "manufacturer": ["Maker A", "Maker B"],
            "sensors": _SENSORS,
            "transmissions_a_day": round(int(np.count_nonzero(monitored.transmitted)) / days, 2),
            "adjudicated_events": monitored.events.filter(monitored.events["type"] != DEATH).height,
        },
        individuals=site.patients,
        records=int(np.count_nonzero(monitored.transmitted)),
    )


def _dataset(country: str) -> DatasetEntry:
    holder, title, description = _HELD[country]
    first = remote_monitoring.FIRST_DAY
    return DatasetEntry(
        use_case="heart-failure",
        tasks=("alerts",),
        holder=holder,
        country=country,
        title=title,
        description=description,
        story=remote_monitoring.SITES[country].story,
        keywords=("heart failure", "remote monitoring", "pacemaker", "synthetic"),
        category=HealthCategory.DEVICE_GENERATED,
        period=(date(first.year, 1, 1), first + timedelta(days=2 * 365)),
        generator="portal/demo/remote_monitoring.py",
        dictionary=_COLUMNS,
        make=partial(content, country),
        about={
            "health_theme": [HealthTheme.NONCOMMUNICABLE_DISEASES, HealthTheme.HEALTH_PRODUCTS],
            "coding_systems": [CodingSystem.ICD_10, CodingSystem.EMDN],
            "code_values": ["I50"],
            "min_typical_age": 40,
            "max_typical_age": 95,
            "population_coverage": (
                "Simulated adults with heart failure and an implanted device that reports daily."
            ),
        },
        waits=country == _WAITING,
    )


def _version(
    version: str, limitations: str, claimed_sensitivity: float, claimed_burden: float
) -> VersionEntry:
    return VersionEntry(
        version=version,
        card={
            "intended_purpose": (
                "Warns the team that follows a person with heart failure that it may be getting "
                "worse, so that they call the person before a hospital stay is needed."
            ),
            "population": "Adults with heart failure and an implanted device that reports daily.",
            "output": (
                f"Score of a day, 0 or more; an alert starts at {THRESHOLD:g} and ends below "
                f"{RECOVERY:g}"
            ),
            "out_of_scope": "Emergencies; people without home monitoring.",
            "training_data": "None: the algorithm is simulated.",
            "limitations": limitations,
            "licence": "Simulated; free to use",
        },
        section={
            "device_family": ["pacemaker", "icd", "crt"],
            "manufacturer": ["Maker A", "Maker B"],
            "sensors_needed": _SENSORS,
            "warm_up": 14,
            "alert_threshold": THRESHOLD,
            "recovery_threshold": RECOVERY,
            "claimed_sensitivity": claimed_sensitivity,
            "claimed_burden": claimed_burden,
        },
    )


SHOWING = Showing(
    lead="implicity",
    datasets=tuple(_dataset(country) for country in _HELD),
    models=(
        ModelEntry(
            use_case="heart-failure",
            task="alerts",
            developer="implicity",
            name="Heart failure alert (simulated)",
            description=(
                "Warns of worsening heart failure from what implanted devices measure. A "
                "simulation, made to show how alerts are evaluated: there is no such product."
            ),
            versions=(
                _version("1.0.0", "Infections and atrial fibrillation raise alerts.", 75.0, 1.2),
                _version(
                    "2.0.0",
                    "Infections and atrial fibrillation raise alerts, fewer than before.",
                    75.0,
                    0.8,
                ),
            ),
        ),
    ),
    protocols={
        "alerts": {
            "threshold": THRESHOLD,
            "recovery_threshold": RECOVERY,
            "subgroups": ("device_family",),
        }
    },
)
