"""Do the predicted risks agree with what happened, on average and in their spread?"""

from __future__ import annotations

import math

import numpy as np

from usecases.statistics.quantity import Z95, Quantity, normal_quantity
from usecases.statistics.regression import glm_logistic
from usecases.statistics.risks import RiskTable

OBSERVED_EXPECTED = "Observed / expected; interval on the log scale"
GLM = "Logistic regression on logit(risk); Wald"
GLM_OFFSET = "Logistic regression with offset logit(risk); Wald"
BRIER = "Mean squared error; normal"
SCALED_BRIER = "1 - Brier / Brier of the mean outcome; delta method"
ONE_CLASS = "All people have the same outcome."


def observed_expected_ratio(table: RiskTable) -> Quantity:
    """Observed events over the sum of risks, with an interval on the log scale.

    The standard error of log(O/E) is ``sqrt((1 - o) / (n o))`` with o the observed share, the
    expected number being taken as known: Debray et al., BMJ 2017;356:i6460, appendix.
    """
    observed = table.total_events
    expected = float(np.sum(table.people * table.risk))
    if expected == 0:
        return Quantity(OBSERVED_EXPECTED, unavailable="The risks add up to 0.")
    value = observed / expected
    if observed == 0:
        return Quantity(OBSERVED_EXPECTED, unavailable="There is no event.")
    error = math.sqrt((1 - observed / table.total) / observed)
    if error == 0:
        return normal_quantity(value, 0.0, OBSERVED_EXPECTED)
    return Quantity(
        OBSERVED_EXPECTED,
        value,
        value * math.exp(-Z95 * error),
        value * math.exp(Z95 * error),
        value * error,
    )


def calibration_in_the_large(table: RiskTable) -> Quantity:
    """Intercept of a logistic regression with the logit of the risk as offset.

    As ``glm(y ~ 1, binomial, offset = qlogis(p))`` of R, with its Wald interval.
    """
    if not table.total_events or not table.total_non_events:
        return Quantity(GLM_OFFSET, unavailable=ONE_CLASS)
    design = np.ones((table.risk.size, 1))
    fit = glm_logistic(design, table.events, table.non_events, offset=table.linear_predictor)
    if fit is None:
        return Quantity(GLM_OFFSET, unavailable="The regression did not converge.")
    return normal_quantity(float(fit[0][0]), float(fit[1][0]), GLM_OFFSET)


def calibration_line(table: RiskTable) -> tuple[Quantity, Quantity]:
    """Calibration intercept and slope: logistic regression on the logit of the risk.

    As ``glm(y ~ qlogis(p), binomial)`` of R, with its Wald intervals. Perfect separation of
    people with and without the event has no finite slope, and gives a reason.
    """
    reason = None
    if not table.total_events or not table.total_non_events:
        reason = ONE_CLASS
    elif table.risk.size < 2 or np.ptp(table.linear_predictor) == 0:
        reason = "All risks are equal."
    elif separated(table):
        reason = "A risk separates the people with the event from those without it."
    if reason is None:
        design = np.column_stack((np.ones(table.risk.size), table.linear_predictor))
        fit = glm_logistic(design, table.events, table.non_events)
        if fit is not None:
            beta, errors = fit
            return (
                normal_quantity(float(beta[0]), float(errors[0]), GLM),
                normal_quantity(float(beta[1]), float(errors[1]), GLM),
            )
        reason = "The regression did not converge."
    return Quantity(GLM, unavailable=reason), Quantity(GLM, unavailable=reason)


def separated(table: RiskTable) -> bool:
    """Whether no person with the event lies strictly among those without it, or the reverse."""
    with_event, without = table.risk[table.events > 0], table.risk[table.non_events > 0]
    return bool(with_event[0] >= without[-1] or without[0] >= with_event[-1])


def brier(table: RiskTable) -> Quantity:
    """Brier score: the mean squared difference between risk and outcome."""
    mean, deviations = _squared_errors(table)
    variance = sum(float(np.sum(count * part**2)) for count, part in deviations)
    return normal_quantity(mean, _standard_error(variance, table.total), BRIER, low=0.0, high=1.0)


def scaled_brier(table: RiskTable) -> Quantity:
    """1 - Brier / (o (1 - o)), o the share with the event: 1 is perfect, 0 is no gain.

    Its standard error is that of the mean of the influence function (delta method).
    """
    share = table.total_events / table.total
    worst = share * (1 - share)
    if worst == 0:
        return Quantity(SCALED_BRIER, unavailable=ONE_CLASS)
    mean, deviations = _squared_errors(table)
    tilt = mean / worst**2 * (1 - 2 * share)
    variance = 0.0
    for outcome, (count, part) in zip((1, 0), deviations, strict=True):
        variance += float(np.sum(count * (tilt * (outcome - share) - part / worst) ** 2))
    error = _standard_error(variance, table.total)
    return normal_quantity(1 - mean / worst, error, SCALED_BRIER, high=1.0)


def brier_of_counts(risk: np.ndarray, events: np.ndarray, non_events: np.ndarray) -> np.ndarray:
    """Brier score of each row of counts, shape (rows, risks)."""
    total = (events + non_events).sum(axis=-1)
    # einsum and not a matrix product: BLAS may sum in another order on more processors.
    squared = np.einsum("rg,g->r", events, (1 - risk) ** 2) + np.einsum(
        "rg,g->r", non_events, risk**2
    )
    return squared / total


def observed_expected_of_counts(
    risk: np.ndarray, events: np.ndarray, non_events: np.ndarray
) -> np.ndarray:
    """Observed / expected of each row of counts, shape (rows, risks)."""
    expected = np.einsum("rg,g->r", events + non_events, risk)
    observed = events.sum(axis=-1)
    return np.divide(observed, expected, out=np.full(expected.shape, np.nan), where=expected > 0)


def _squared_errors(
    table: RiskTable,
) -> tuple[float, tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]]:
    """The mean squared error, and for each outcome (counts, deviations from that mean)."""
    with_event, without = (1 - table.risk) ** 2, table.risk**2
    # np.sum adds in pairs, on one processor: the same bytes everywhere.
    total = float(np.sum(table.events * with_event) + np.sum(table.non_events * without))
    mean = total / table.total
    return mean, ((table.events, with_event - mean), (table.non_events, without - mean))


def _standard_error(sum_of_squares: float, people: int) -> float:
    return math.sqrt(sum_of_squares / people / (people - 1)) if people > 1 else math.nan
