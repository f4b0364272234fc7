"""The kidney use case of the demonstration: cohorts of five countries and a published equation."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from portal.catalogue.vocabulary import CodingSystem, HealthCategory, HealthTheme
from portal.demo import cohorts, kidney_follow_up
from portal.demo import kidney_failure_risk_equation as equation
from portal.demo.entries import Content, DatasetEntry, ModelEntry, Showing, VersionEntry

DICTIONARY = {
    "age": ("Age", "years", "LOINC 30525-0"),
    "sex_male": ("Male sex (1 for men, 0 for women)", "", "LOINC 46098-0"),
    "egfr": ("Estimated glomerular filtration rate", "mL/min/1.73 m²", "LOINC 98979-8"),
    "uacr": ("Urine albumin-creatinine ratio", "mg/g", "LOINC 9318-7"),
    "sex": ("Sex", "", "LOINC 46098-0"),
    "diabetes": ("Diabetes", "", "SNOMED CT 73211009"),
    "stage": ("KDIGO category of eGFR", "", ""),
    "site": ("Centre", "", ""),
}

# country: holder, title, description
_HELD = {
    "DK": (
        "aarhus-university-hospital",
        "Kidney clinic cohort, Denmark (synthetic)",
        "Adults referred to a kidney clinic with an eGFR below 60, followed for up to nine years.",
    ),
    "FR": (
        "health-data-hub",
        "Older patients with kidney disease, France (synthetic)",
        "Older adults with chronic kidney disease in three centres.",
    ),
    "NL": (
        "erasmus-mc",
        "Early kidney disease cohort, Netherlands (synthetic)",
        "Adults with mild chronic kidney disease.",
    ),
    "ES": (
        "demonstration-site-spain",
        "Kidney disease in primary care, Spain (synthetic)",
        "Adults whose general practitioners follow their kidney disease.",
    ),
    "DE": (
        "berlin-institute-of-health",
        "Kidney outpatients, Germany (synthetic)",
        "Adults seen in an outpatient kidney clinic.",
    ),
}
_WAITING = "DE"


def content(country: str, seed: int) -> Content:
    """The two tables of a site, about the same patients."""
    site = cohorts.SITES[country]
    cohort = cohorts.generate(site, seed)
    followed = kidney_follow_up.generate(site, seed)
    return Content(
        tables={"binary": {"cohort": cohort}, "survival": {"cohort": followed}},
        profile={
            "egfr": (cohort["egfr"].min(), cohort["egfr"].max()),
            "albuminuria": True,
            "dialysis_follow_up": True,
            "death_follow_up": True,
            "median_follow_up": round(float(followed["time"].median()), 1),  # type: ignore[arg-type]
        },
        individuals=cohort.height,
        records=cohort.height,
    )


def _dataset(country: str) -> DatasetEntry:
    holder, title, description = _HELD[country]
    return DatasetEntry(
        use_case="ckd",
        tasks=("binary", "survival"),
        holder=holder,
        country=country,
        title=title,
        description=description,
        story=cohorts.SITES[country].story,
        keywords=("chronic kidney disease", "kidney failure", "albuminuria", "synthetic"),
        category=HealthCategory.EHR,
        period=(date(2015, 1, 1), date(2024, 12, 31)),
        generator="portal/demo/cohorts.py and kidney_follow_up.py",
        dictionary=DICTIONARY,
        make=partial(content, country),
        about={
            "health_theme": [HealthTheme.NONCOMMUNICABLE_DISEASES],
            "coding_systems": [CodingSystem.ICD_10, CodingSystem.LOINC],
            "code_values": ["N18.3", "N18.4", "N18.5"],
            "min_typical_age": 18,
            "max_typical_age": 95,
            "population_coverage": (
                "Simulated adults with chronic kidney disease of stages 3 to 5, as one hospital "
                "region follows them."
            ),
        },
        waits=country == _WAITING,
    )


def _write(region: equation.Region, path: Path) -> None:
    equation.export(path, horizon=cohorts.HORIZON, region=region)


def _version(
    version: str, region: equation.Region, baseline: str, calibrated_for: str, deaths: str
) -> VersionEntry:
    return VersionEntry(
        version=version,
        write=partial(_write, region),
        card={
            "intended_purpose": (
                "Estimates the risk that a person with chronic kidney disease needs dialysis or a "
                "transplant within five years, to plan follow-up and referral."
            ),
            "population": "Adults with chronic kidney disease, eGFR below 60 mL/min/1.73 m².",
            "inputs": [
                {"name": name, "label": DICTIONARY[name][0], "unit": equation.UNITS[name]}
                for name in equation.INPUTS
            ],
            "output": "Risk of kidney failure within five years, from 0 to 1",
            "horizon": cohorts.HORIZON,
            "out_of_scope": "Children; people after a kidney transplant; eGFR of 60 or more.",
            "training_data": (
                "Two Canadian cohorts (8,391 people referred to nephrologists), 2001 to 2008; "
                f"{baseline} Tangri et al., JAMA 2011;305:1553 and JAMA 2016;315:164."
            ),
            "limitations": (
                "Death before kidney failure is treated as censoring, so risks run high where "
                "many die first. Four inputs only: causes of kidney disease are not seen."
            ),
            "licence": "Published equation, free to use",
        },
        section={
            "approach": "equation" if region == "north-american" else "recalibrated",
            "predicted_event": "replacement",
            "deaths": deaths,
            "egfr_equation": "ckd-epi-2009",
            "albuminuria": "albumin-creatinine",
            "laboratory": "Creatinine traceable to IDMS.",
            "calibrated_for": calibrated_for,
        },
    )


def _model(task: str, name: str, description: str) -> ModelEntry:
    return ModelEntry(
        use_case="ckd",
        task=task,
        developer="aarhus-university-hospital",
        name=name,
        description=(
            f"{description} Published equation of Tangri and colleagues (2011, 2016): age, sex, "
            "eGFR and albuminuria."
        ),
        versions=(
            _version(
                "1.0.0",
                "north-american",
                "North American baseline survival (0.9240 at five years).",
                "North America",
                "censored",
            ),
            _version(
                "1.1.0",
                "other",
                "Baseline survival of other regions (0.9365 at five years), recalibrated in 2016.",
                "Regions other than North America",
                "censored",
            ),
        ),
    )


SHOWING = Showing(
    lead="aarhus-university-hospital",
    datasets=tuple(_dataset(country) for country in _HELD),
    models=(
        _model(
            "binary",
            "Kidney Failure Risk Equation, four variables",
            "The risk of kidney failure within five years, as a yes or a no at their end.",
        ),
        _model(
            "survival",
            "Kidney Failure Risk Equation, four variables, over time",
            "The risk of kidney failure within five years, where some die first and some are lost.",
        ),
    ),
    protocols={
        "binary": {"subgroups": ("sex",)},
        "survival": {},
    },
)


def example_files(folder: Path) -> None:
    """A cohort, its follow-up, and predictions that fit both."""
    held = content(_WAITING, cohorts.SEED + 1).tables
    cohort = held["binary"]["cohort"]
    cohort.write_csv(folder / "cohort.csv")
    held["survival"]["cohort"].write_csv(folder / "survival-cohort.csv")
    inputs = [cohort[name].to_numpy() for name in equation.INPUTS]
    risk = pl.Series("risk", equation.risk(*inputs, region="other"))
    cohort.select("patient_id").with_columns(risk).write_csv(folder / "predictions.csv")
