"""McNemar's test, against numbers that can be checked by hand or were published."""

import pytest

from mnistcmp.report.mcnemar import Agreement, pool


def _agreement(only_first: int, only_second: int) -> Agreement:
    return Agreement(both_right=50, only_first=only_first, only_second=only_second, both_wrong=0)


def test_the_exact_test_is_a_fair_coin_s() -> None:
    """Five disagreements, all one way: 2 of the 32 outcomes are as extreme."""
    assert _agreement(5, 0).exact_p == pytest.approx(2 / 32)
    assert _agreement(0, 5).exact_p == pytest.approx(2 / 32)
    assert _agreement(3, 3).exact_p == 1.0


def test_without_disagreement_nothing_is_shown() -> None:
    """Two classifiers that never disagree: p is 1, and there is no chi-square."""
    assert _agreement(0, 0).exact_p == 1.0
    assert pool([_agreement(0, 0)]).p is None


def test_pooling_sums_the_strata() -> None:
    """Agresti's approval ratings (Categorical Data Analysis, table 11.1): 150 and 86, z = -4.17."""
    pooled = pool([_agreement(100, 50), _agreement(50, 36)])
    assert (pooled.only_first, pooled.only_second) == (150, 86)
    assert pooled.chi_square == pytest.approx(4.17**2, rel=0.002)
    assert pooled.p == pytest.approx(3.1e-5, rel=0.02)
