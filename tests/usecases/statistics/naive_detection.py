"""Detection measures the slow way: loops that follow the published definitions line by line."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_curve

MISSED = -1e9


def luna16(
    cases: list[str],
    lesions: list[dict[str, Any]],
    marks: list[dict[str, Any]],
    most: int = 100,
    tolerance: float | None = None,
) -> dict[str, Any]:
    """The loop of LUNA16's script: included lesions first, then excluded findings."""
    truth: list[float] = []
    score: list[float] = []
    skipped: list[bool] = []
    owner: list[str] = []
    counts = {"hits": 0, "misses": 0, "ignored": 0, "duplicates": 0, "candidates_used": 0}
    best: dict[str, list[float]] = {}
    false: dict[str, list[float]] = {}
    for case in cases:
        own = {i: mark for i, mark in enumerate(marks) if mark["case_id"] == case}
        if len(own) > most:
            limit = sorted((mark["score"] for mark in own.values()), reverse=True)[most]
            own = {i: mark for i, mark in own.items() if mark["score"] > limit}
        counts["candidates_used"] += len(own)
        left = dict(own)
        here = [lesion for lesion in lesions if lesion["case_id"] == case]
        best[case], false[case] = [], []
        for lesion in sorted(here, key=lambda lesion: lesion["excluded"]):
            diameter = lesion["diameter_mm"]
            if diameter < 0:
                diameter = 10.0
            reach = diameter / 2 if tolerance is None else tolerance
            found = []
            for i, mark in own.items():
                distance = sum((lesion[axis] - mark[axis]) ** 2 for axis in "xyz")
                if distance < reach**2:
                    if not lesion["excluded"]:
                        found.append(mark["score"])
                        left.pop(i, None)
                    elif i in left:
                        counts["ignored"] += 1
                        del left[i]
            if lesion["excluded"]:
                continue
            counts["duplicates"] += max(0, len(found) - 1)
            counts["hits" if found else "misses"] += 1
            truth.append(1.0)
            score.append(max(found) if found else MISSED)
            skipped.append(not found)
            owner.append(case)
            best[case].append(max(found) if found else MISSED)
        for mark in left.values():
            truth.append(0.0)
            score.append(mark["score"])
            skipped.append(False)
            owner.append(case)
            false[case].append(mark["score"])
    counts["false_positives"] = sum(len(scores) for scores in false.values())
    return {
        **counts,
        "truth": truth,
        "score": score,
        "skipped": skipped,
        "owner": owner,
        "best": best,
        "false": false,
        "cases": len(cases),
    }


def sensitivities(found: dict[str, Any], points: list[float]) -> list[float]:
    """``computeFROC`` of the script, through scikit-learn's ``roc_curve`` and ``numpy.interp``."""
    kept = [i for i, skip in enumerate(found["skipped"]) if not skip]
    truth = np.asarray([found["truth"][i] for i in kept])
    score = np.asarray([found["score"][i] for i in kept])
    detected, total = truth.sum(), sum(found["truth"])
    if not len(truth) or not detected:
        return [0.0] * len(points)
    if detected == len(truth):
        return [float(detected / total)] * len(points)
    rate, hit, _ = roc_curve(truth, score, drop_intermediate=False)
    # Rounded to whole marks: the script's own product misses them by a unit in the last place.
    marks = np.round(rate * (len(truth) - detected))
    limits = [round(point * found["cases"], 9) for point in points]
    return [float(value) for value in np.interp(limits, marks, hit * detected / total)]


def average_precision(found: dict[str, Any]) -> float:
    """scikit-learn's average precision of the marks, times the share of lesions found."""
    kept = [i for i, skip in enumerate(found["skipped"]) if not skip]
    truth = [found["truth"][i] for i in kept]
    if not sum(truth):
        return 0.0
    share = sum(truth) / sum(found["truth"])
    return share * float(average_precision_score(truth, [found["score"][i] for i in kept]))


def afroc(found: dict[str, Any], *, weighted: bool) -> float:
    """Chakraborty's figure of merit: a double sum over cases without and lesions of cases with."""
    healthy = [case for case, lesions in found["best"].items() if not lesions]
    ill = [case for case, lesions in found["best"].items() if lesions]
    total = weights = 0.0
    for case in ill:
        lesions = found["best"][case]
        for lesion in lesions:
            weight = 1 / len(lesions) if weighted else 1.0
            weights += weight
            for other in healthy:
                highest = max(found["false"][other], default=MISSED)
                total += weight * (1.0 if lesion > highest else 0.5 if lesion == highest else 0.0)
    return total / (weights * len(healthy))
