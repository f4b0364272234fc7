"""Speed of ckd/survival, beside lifelines and scikit-survival on the same people."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl

from tests.bench.rows import Row, fastest, ratio_row, whole_result_rows
from usecases.statistics.concordance import concordance
from usecases.statistics.survival import FollowUp
from usecases.statistics.time_dependent import auc_at_horizon, brier_at_horizon

HARRELL_TARGET, MEASURES_TARGET = 0.1, 0.1
RESULT_TARGET, MEMORY_TARGET = 30.0, 3.0
HORIZON = 5.0


def simulated(people: int, *, deaths: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, events (two in five people, or one in four beside deaths) and risks."""
    random = np.random.default_rng(people)
    line = random.normal(-1, 1.2, people)
    risk = -np.expm1(-np.exp(line))
    time = random.exponential(HORIZON / np.exp(line))
    censored = random.uniform(0, 20, people)
    death = random.exponential(20, people) if deaths else np.full(people, np.inf)
    event = np.select([(time <= death) & (time <= censored), death <= censored], [1, 2], 0)
    return np.minimum.reduce([time, censored, death]), event, risk


def harrell_row(people: int, *, with_target: bool) -> Row:
    """Harrell's C with its standard error, over all of the follow-up."""
    from lifelines.utils import concordance_index

    time, event, risk = simulated(people)
    last = float(time.max())

    def ours() -> float | None:
        return concordance(FollowUp.of(time, event, risk, last), uno=False).harrell.value

    found, theirs = ours(), concordance_index(time, -risk, event)
    _same(found, theirs)
    return ratio_row(
        f"Harrell's C with standard error, {_power(people)} patients",
        fastest(ours, 5),
        "lifelines, no error",
        fastest(lambda: concordance_index(time, -risk, event), 2),
        HARRELL_TARGET if with_target else None,
    )


def measures_row(people: int, *, with_target: bool) -> Row:
    """Uno's C, AUC(t) and Brier(t) with their standard errors."""
    from sksurv.metrics import brier_score, concordance_index_ipcw, cumulative_dynamic_auc
    from sksurv.util import Surv

    time, event, risk = simulated(people)
    outcome = Surv.from_arrays(event == 1, time)

    def ours() -> list[float | None]:
        follow = FollowUp.of(time, event, risk, HORIZON)
        found = concordance(follow).uno, auc_at_horizon(follow), brier_at_horizon(follow)[0]
        return [quantity.value for quantity in found]

    def theirs() -> list[float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [
                concordance_index_ipcw(outcome, outcome, risk, tau=HORIZON)[0],
                cumulative_dynamic_auc(outcome, outcome, risk, [HORIZON])[0][0],
                brier_score(outcome, outcome, 1 - risk[:, np.newaxis], [HORIZON])[1][0],
            ]

    for found, other in zip(ours(), theirs(), strict=True):
        _same(found, other)
    return ratio_row(
        f"Uno's C, AUC(t), Brier(t) with standard errors, {_power(people)} patients",
        fastest(ours, 5),
        "scikit-survival, no errors",
        fastest(theirs, 1),
        MEASURES_TARGET if with_target else None,
    )


def alone_row(people: int) -> Row:
    """The same measures where the peers take too long."""
    time, event, risk = simulated(people)

    def ours() -> None:
        follow = FollowUp.of(time, event, risk, HORIZON)
        concordance(follow)
        auc_at_horizon(follow)
        brier_at_horizon(follow)

    what = f"Harrell's and Uno's C, AUC(t), Brier(t) with errors, {_power(people)} patients"
    return Row(what, f"{fastest(ours, 1):.3f} s", "", "", "", None)


def survival_rows(*, quick: bool) -> list[Row]:
    """The lines of ckd/survival."""
    rows = [
        harrell_row(10**4, with_target=False),
        harrell_row(10**5, with_target=True),
        measures_row(10**4, with_target=False),
        measures_row(10**5, with_target=True),
        alone_row(10**6),
    ]
    if not quick:
        rows.append(alone_row(10**7))
    time, event, risk = simulated(10**6, deaths=True)
    ids = pl.Series("patient_id", np.arange(10**6)).cast(pl.String)
    tables = {
        "cohort": pl.DataFrame({"patient_id": ids, "time": time, "event": event}),
        "predictions": pl.DataFrame({"patient_id": ids, "risk": risk}),
    }
    what = "Whole ckd/survival result, 1e6 patients, reading included"
    return rows + whole_result_rows(what, "ckd/survival", tables, RESULT_TARGET, MEMORY_TARGET)


def _power(people: int) -> str:
    return f"{people:.0e}".replace("e+0", "e")


def _same(found: float | None, other: float) -> None:
    """Check two values, but for times so close that R, and so this engine, counts them as one."""
    if found is None or abs(found - other) > 1e-6:
        raise RuntimeError(
            f"{found} and {other} differ; a benchmark of wrong numbers says nothing."
        )
