"""The exact bootstrap of the area under the ROC curve."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from usecases.statistics.auroc_bootstrap import auroc_bootstrap, auroc_replicates
from usecases.statistics.discrimination import auroc
from usecases.statistics.resampling import PEOPLE, generator
from usecases.statistics.risks import RiskTable


def with_ties(people: int = 300) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    risk = random.integers(1, 40, people) / 40
    return (random.random(people) < risk).astype(np.int64), risk


def test_each_replicate_is_the_area_of_the_people_drawn() -> None:
    outcome, risk = with_ties()
    # In the order in which the replicates number people: by risk, with the event first.
    order = np.lexsort((1 - outcome, risk))
    outcome, risk = outcome[order], risk[order]
    found = auroc_replicates(RiskTable.of(outcome, risk), replicates=20, seed=3)
    random = generator(3, PEOPLE, 0)
    for area in found:
        drawn = random.integers(outcome.size, size=outcome.size, dtype=np.int32)
        assert area == pytest.approx(roc_auc_score(outcome[drawn], risk[drawn]), abs=1e-12)


def test_its_interval_is_near_delongs() -> None:
    outcome, risk = with_ties(2000)
    exact = auroc(outcome, risk)
    found = auroc_bootstrap(RiskTable.of(outcome, risk), replicates=1000, seed=1)
    assert found.value == pytest.approx(exact.value, abs=1e-14)
    assert (found.lower, found.upper) == pytest.approx((exact.lower, exact.upper), abs=0.003)
    assert found.standard_error == pytest.approx(exact.standard_error, rel=0.1)


def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_rows() -> None:
    outcome, risk = with_ties()
    turned = RiskTable.of(outcome[::-1], risk[::-1])
    first = auroc_replicates(RiskTable.of(outcome, risk), replicates=150, seed=9)
    assert first.tobytes() == auroc_replicates(turned, replicates=150, seed=9).tobytes()
    assert first.tobytes() != auroc_replicates(turned, replicates=150, seed=8).tobytes()
    # More replicates begin with the same ones.
    assert (auroc_replicates(turned, replicates=40, seed=9) == first[:40]).all()


def test_one_outcome_gives_a_reason() -> None:
    table = RiskTable.of(np.zeros(5), np.linspace(0.1, 0.5, 5))
    assert auroc_bootstrap(table, seed=1).unavailable == "All people have the same outcome."


def test_samples_of_one_outcome_are_not_numbers() -> None:
    table = RiskTable.of(np.array([1, 0]), np.array([0.4, 0.2]))
    found = auroc_replicates(table, replicates=200, seed=2)
    assert set(found[~np.isnan(found)]) == {1.0}
    assert 0.3 < np.isnan(found).mean() < 0.7
