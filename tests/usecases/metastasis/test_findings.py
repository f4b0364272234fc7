"""What the results say: never more than their intervals."""

from __future__ import annotations

from typing import Any

import pytest

from portal.result import Estimate, Result
from tests.usecases.metastasis.simulation import exams, lung, mammography, scans
from usecases.metastasis import lung_findings, mammography_findings
from usecases.metastasis.lung_findings import AT
from usecases.rules import Rule, above, below, reason, word


def estimate(
    measure: str, lower: float | None, upper: float | None, at: dict[str, float] | None = None
) -> Estimate:
    value = None if lower is None or upper is None else (lower + upper) / 2
    return Estimate(
        measure=measure,
        at=at,
        value=value,
        lower=lower,
        upper=upper,
        method="any",
        unavailable="Too few." if value is None else None,
    )


def result_of(estimates: list[Estimate], population: dict[str, Any] | None = None) -> Result:
    return Result(
        use_case="metastasis",
        task="any",
        engine="any/1",
        protocol={"margin": 0.05, "operating_points": [0.5, 1.0, 4.0]},
        inputs={},
        population=population or {},
        estimates=estimates,
    )


def lung_title(sensitivity: tuple[float, float], auroc: tuple[float, float] | None = None) -> str:
    found = [
        estimate("sensitivity", 0.1, 0.2, {AT: 0.5}),
        estimate("sensitivity", *sensitivity, {AT: 1.0}),
        estimate("sensitivity", 0.98, 0.99, {AT: 4.0}),
    ]
    if auroc is not None:
        found.append(estimate("case_auroc", *auroc))
    return lung_findings.find(result_of(found), str).title


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.90, 0.95), "Finds nearly all lesions"),
        ((0.89, 0.95), "Finds most lesions"),
        ((0.74, 0.95), "Finds more than half of the lesions"),
        ((0.50, 0.95), "Not shown to find more than half of the lesions"),
        ((0.30, 0.50), "Not shown to find more than half of the lesions"),
        ((0.30, 0.49), "Misses more than half of the lesions"),
    ],
)
def test_the_title_of_a_detector_follows_the_interval_at_one_false_positive(
    interval: tuple[float, float], words: str
) -> None:
    assert lung_title(interval) == f"{words} at 1 false positive per scan"


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.8, 0.9), "tells scans with a lesion from those without well"),
        ((0.7, 0.9), "tells scans with a lesion from those without fairly well"),
        ((0.51, 0.9), "tells scans with a lesion from those without better than chance"),
        ((0.5, 0.9), "not shown to tell scans with a lesion from those without"),
        ((0.1, 0.49), "scans without a lesion score higher than those with one"),
    ],
)
def test_the_second_half_follows_the_interval_of_the_scans(
    interval: tuple[float, float], words: str
) -> None:
    assert lung_title((0.8, 0.85), interval).endswith(f"; {words}")


def test_a_detector_without_an_interval_gets_a_reason() -> None:
    none = [estimate("sensitivity", None, None, {AT: 1.0}), estimate("cpm", None, None)]
    for population, words in (
        ({"lesions": 0}, "No scan has a lesion: nothing to say about finding them"),
        ({"lesions": 9, "candidates_used": 0}, "The detector marked nothing"),
        ({"lesions": None}, "Too few scans with a lesion to say"),
    ):
        found = lung_findings.find(result_of(none, population), str)
        assert found.title == words
        assert found.sentences["cpm"] == "Too few."


def verdict(sensitivity: tuple[float, float], specificity: tuple[float, float]) -> str:
    found = [
        estimate("auroc", 0.85, 0.9),
        estimate("sensitivity_difference", *sensitivity, {"specificity": 0.9}),
        estimate("specificity_difference", *specificity, {"specificity": 0.9}),
    ]
    title = mammography_findings.find(result_of(found), str).title
    return title.removeprefix("Ranks exams with cancer well; ")


FINE, BAD, UNSURE = (-0.04, 0.02), (-0.2, -0.06), (-0.05, 0.1)


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "words"),
    [
        (FINE, FINE, "no worse than the reader in sensitivity and specificity"),
        (FINE, BAD, "no worse than the reader in sensitivity, worse in specificity"),
        (BAD, FINE, "no worse than the reader in specificity, worse in sensitivity"),
        (FINE, UNSURE, "no worse than the reader in sensitivity; not shown for specificity"),
        (UNSURE, FINE, "no worse than the reader in specificity; not shown for sensitivity"),
        (BAD, BAD, "worse than the reader in sensitivity and specificity"),
        (BAD, UNSURE, "worse than the reader in sensitivity"),
        (UNSURE, BAD, "worse than the reader in specificity"),
        (UNSURE, UNSURE, "not shown to be no worse than the reader"),
    ],
)
def test_the_verdict_needs_the_whole_interval_above_minus_the_margin(
    sensitivity: tuple[float, float], specificity: tuple[float, float], words: str
) -> None:
    assert verdict(sensitivity, specificity) == words


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.80, 0.90), "Ranks exams with cancer well"),
        ((0.79, 0.90), "Ranks exams with cancer fairly well"),
        ((0.60, 0.65), "Ranks exams with cancer poorly, though better than chance"),
        ((0.60, 0.90), "Ranks exams with cancer better than chance, how well is uncertain"),
        ((0.50, 0.90), "Not shown to rank exams better than chance"),
        ((0.30, 0.49), "Ranks exams the wrong way round"),
    ],
)
def test_the_title_of_a_score_follows_the_interval_of_its_area(
    interval: tuple[float, float], words: str
) -> None:
    found = mammography_findings.find(result_of([estimate("auroc", *interval)]), str)
    assert found.title == words
    assert found.sentences["sensitivity_difference"] == (
        "The table of exams holds no recalls of a reader."
    )


def test_results_of_the_engine_get_sentences_with_their_numbers() -> None:
    result = lung(scans(300))
    found = lung_findings.find(result, str)
    share = f"{100 * result.estimate('sensitivity', at={AT: 1.0}).value:.0f}"
    assert found.sentences["sensitivity"] == (
        f"Of 100 lesions {share} are found at 1 false positive per scan."
    )
    result = mammography(exams(2_000), thresholds=(0.3,))
    found = mammography_findings.find(result, str)
    share = f"{100 * result.estimate('sensitivity', at={'threshold': 0.3}).value:.0f}"
    assert found.sentences["sensitivity"] == (
        f"At a score of 0.3 or more, {share} of 100 exams with cancer are recalled."
    )
    assert found.title.startswith("Ranks exams with cancer well; ")


def test_the_first_rule_that_fits_speaks_and_one_must() -> None:
    rules = (Rule("high", lower_from=above(0.5)), Rule("low", upper_to=below(0.5)))
    assert word(rules, estimate("any", 0.6, 0.9)) == "high"
    assert word(rules, estimate("any", 0.1, 0.2)) == "low"
    assert word(rules, None) is None
    with pytest.raises(LookupError, match=r"interval 0\.5 to 0\.9"):
        word(rules, estimate("any", 0.5, 0.9))
    assert reason(None, str) == "Not estimated."
