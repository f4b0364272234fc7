"""The title of a study: each rule, and never more than the intervals allow."""

from __future__ import annotations

import math

import pytest

from portal.result import Estimate, Pooled
from portal.studies import findings
from portal.studies.differences import differences
from portal.studies.findings import find
from portal.studies.presentation import chosen
from portal.studies.report import (
    CellEntry,
    Choice,
    Invited,
    MeasureEntry,
    ModelEntry,
    PooledEntry,
    ProtocolEntry,
    Report,
    SiteEntry,
)

AUROC = MeasureEntry(key="auroc", label="AUROC", explanation="", low=0.5, high=1, reference=0.5)


def estimate(value: float | None) -> Estimate:
    if value is None:
        return Estimate(measure="auroc", method="DeLong", unavailable="Too few events.")
    return Estimate(
        measure="auroc", method="DeLong", value=value, lower=value - 0.05, upper=value + 0.05
    )


def pooled(value: float, half: float, sites: int) -> Pooled:
    return Pooled(
        measure="auroc", scale="logit", value=value, lower=value - half, upper=value + half,
        prediction_lower=value - 2 * half, prediction_upper=value + 2 * half, sites=sites,
        method="REML",
    )  # fmt: skip


def report(
    values: dict[str, list[float | None]],
    over: dict[str, Pooled] | None = None,
    names: dict[str, str] | None = None,
) -> Report:
    """Models by key, with their value at each site; None: not estimated; NaN: failed."""
    sites = max(len(found) for found in values.values())
    cells = []
    for model, found in values.items():
        for number, value in enumerate(found):
            if value is not None and math.isnan(value):
                cells.append(
                    CellEntry(model=model, site=f"s{number}", status="failed", reasons=["No."])
                )
                continue
            cells.append(
                CellEntry(
                    model=model,
                    site=f"s{number}",
                    status="succeeded",
                    estimates=[estimate(value)],
                )
            )
    return Report(
        use_case="ckd", task="binary", task_title="Risk", counted="Patients", title="T",
        question="Q", coordinated_by="O", started_at=None, finished_at=None,
        protocol=ProtocolEntry(values={}, lines=[], sha256=""),
        invited=Invited(datasets=sites, model_versions=len(values)), partners=[],
        models=[
            ModelEntry(key=key, name=(names or {}).get(key, key), version="1.0.0", developer="D")
            for key in values
        ],
        sites=[
            SiteEntry(key=f"s{n}", title=f"S{n}", holder="H", country="DK", is_synthetic=True)
            for n in range(sites)
        ],
        cells=cells,
        pooled=[
            PooledEntry(model=key, estimates=[entry]) for key, entry in (over or {}).items()
        ],
        measures=[AUROC],
        choices=[Choice(measure="auroc", label="AUROC")],
    )  # fmt: skip


NAN = float("nan")


def test_nothing_came_out() -> None:
    assert find(report({"A": [NAN, NAN]})).title == "No cell of the study gave a result"
    title = find(report({"A": [None, NAN]})).title
    assert title == "AUROC could not be estimated at any site"


def test_one_site_says_nothing_about_others() -> None:
    found = find(report({"A": [0.8], "B": [0.7]}))
    assert found.title == "AUROC is known from one site only"


def test_one_model_has_its_average_with_the_interval() -> None:
    found = find(report({"A": [0.8, 0.84, 0.79]}, {"A": pooled(0.81, 0.03, 3)}))
    assert found.title == "AUROC averages 0.810 over 3 sites (95% CI 0.780 to 0.840)"
    assert found.sentences == [
        "A: 0.810 on average (95% CI 0.780 to 0.840); at a further site like these expect 0.750 "
        "to 0.870."
    ]


def test_where_nothing_is_pooled_the_range_is_said() -> None:
    found = find(report({"A": [0.8, 0.84]}))
    assert found.title == "AUROC ranges from 0.800 to 0.840 over 2 sites"
    assert found.sentences == []


def test_models_differ_where_their_intervals_do_not_meet() -> None:
    values: dict[str, list[float | None]] = {"A": [0.8, 0.84], "B": [0.7, 0.72]}
    apart = {"A": pooled(0.82, 0.02, 2), "B": pooled(0.71, 0.02, 2)}
    title = "AUROC: higher for A than for B over 2 sites"
    assert find(report(values, apart)).title == title
    touching = apart | {"B": pooled(0.71, 0.1, 2)}
    title = "The two models are not shown to differ in AUROC over 2 sites"
    assert find(report(values, touching)).title == title


def test_of_three_models_the_ends_are_compared() -> None:
    values: dict[str, list[float | None]] = {"A": [0.8, 0.8], "B": [0.7, 0.7], "C": [0.75, 0.75]}
    over = {"A": pooled(0.8, 0.06, 2), "B": pooled(0.7, 0.06, 2), "C": pooled(0.75, 0.06, 2)}
    title = "The 3 models are not shown to differ in AUROC over 2 sites"
    assert find(report(values, over)).title == title
    over |= {"A": pooled(0.8, 0.02, 2), "B": pooled(0.7, 0.02, 2)}
    assert find(report(values, over)).title == "AUROC: higher for A than for B over 2 sites"


def test_models_over_other_sites_are_not_compared() -> None:
    values: dict[str, list[float | None]] = {"A": [0.8, 0.84, 0.9], "B": [0.7, 0.72, NAN]}
    over = {"A": pooled(0.85, 0.02, 3), "B": pooled(0.71, 0.02, 2)}
    found = find(report(values, over))
    assert found.title == "AUROC ranges from 0.700 to 0.900 over 3 sites"
    assert found.sentences[-1] == "1 of 6 cells gives no such number."


def test_two_versions_of_a_model_are_told_apart() -> None:
    values: dict[str, list[float | None]] = {"A": [0.8, 0.84], "B": [0.7, 0.72]}
    over = {"A": pooled(0.82, 0.02, 2), "B": pooled(0.71, 0.02, 2)}
    found = find(report(values, over, names={"A": "KFRE", "B": "KFRE"}))
    assert found.title == "AUROC: higher for KFRE 1.0.0 than for 1.0.0 over 2 sites"


@pytest.mark.parametrize(
    ("label", "inside"),
    [("Discrimination, AUC", "discrimination, AUC"), ("AUROC", "AUROC"), ("O/E", "O/E")],
)
def test_a_measure_is_written_small_inside_a_sentence(label: str, inside: str) -> None:
    assert findings._inside(label) == inside


def test_models_differ_where_the_sites_agree_although_their_averages_are_uncertain() -> None:
    values: dict[str, list[float | None]] = {
        "A": [0.9, 0.8, 0.7, 0.65],
        "B": [0.86, 0.75, 0.63, 0.6],
    }
    wide = {"A": pooled(0.78, 0.12, 4), "B": pooled(0.72, 0.12, 4)}
    found = find(report(values, wide))
    assert found.title == "AUROC: higher for A than for B over 4 sites"
    assert found.sentences[0] == (
        "AUROC, site by site: higher for A at 4 of 4 sites; the differences range from 0.040 to "
        "0.070."
    )
    values["B"] = [0.86, 0.82, 0.6, 0.66]  # better at some, worse at others
    title = "The two models are not shown to differ in AUROC over 4 sites"
    assert find(report(values, wide)).title == title


def test_a_difference_that_the_digits_do_not_show_is_not_told() -> None:
    values: dict[str, list[float | None]] = {
        "A": [0.9, 0.8, 0.7, 0.65],
        "B": [value - 1e-9 for value in (0.9, 0.8, 0.7, 0.65)],
    }
    over = {"A": pooled(0.78, 0.12, 4), "B": pooled(0.78 - 1e-9, 0.12, 4)}
    title = "The two models are not shown to differ in AUROC over 4 sites"
    assert find(report(values, over)).title == title


def test_another_measure_of_the_cards_is_told_where_the_leading_one_shows_nothing() -> None:
    same: list[float | None] = [0.9, 0.8, 0.7, 0.65]
    found = report({"A": same, "B": same}, {key: pooled(0.78, 0.12, 4) for key in "AB"})
    ratios = {"A": [0.9, 0.5, 0.8, 0.88], "B": [1.03, 0.57, 0.92, 1.0]}

    def ratio(value: float) -> Estimate:
        return Estimate(measure="oe", method="Given", value=value, lower=0.3, upper=1.9)

    def average(value: float) -> Pooled:
        return Pooled(
            measure="oe", scale="log", value=value, lower=0.4, upper=1.6, sites=4, method="REML"
        )

    found = found.model_copy(
        update={
            "cells": [
                cell.model_copy(
                    update={
                        "estimates": [
                            *cell.estimates,
                            ratio(ratios[cell.model][int(cell.site[1:])]),
                        ]
                    }
                )
                for cell in found.cells
            ],
            "pooled": [
                entry.model_copy(
                    update={
                        "estimates": [
                            *entry.estimates,
                            average({"A": 0.75, "B": 0.86}[entry.model]),
                        ]
                    }
                )
                for entry in found.pooled
            ],
            "measures": [*found.measures, MeasureEntry(key="oe", label="O/E", explanation="")],
            "choices": [*found.choices, Choice(measure="oe", label="O/E")],
        }
    )
    told = find(found)
    assert told.title == (
        "O/E: higher for B than for A over 4 sites; no difference is shown in AUROC"
    )
    # The page first shows the measure that its title speaks of.
    shown = chosen(found.model_copy(update={"finding": told}), None)
    assert shown is not None
    assert shown.slug == "oe"
    asked = chosen(found.model_copy(update={"finding": told}), "auroc")
    assert asked is not None
    assert asked.slug == "auroc"


def test_differences_within_sites_are_those_of_a_paired_t_test() -> None:
    # R: t.test(log(c(2, 4, 9)), log(c(1, 3, 5)), paired = TRUE)
    found = differences([2, 4, 9], [1, 3, 5], "log")
    assert found is not None
    assert (found.lower, found.upper) == pytest.approx((0.000252102, 1.045491843), abs=1e-8)
    assert found.found == (1, 1, 4)
    assert found.shown
    wider = differences([2, 4, 9], [1, 3, 5], "log", looks=3)
    assert wider is not None
    assert not wider.shown
    assert differences([2, 4], [1, 3], "log") is None
    assert differences([0.5, 1, 0.6], [0.4, 0.9, 0.5], "logit") is None
