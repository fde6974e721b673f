"""Means and their uncertainty, against values worked by hand."""

import pytest

from mnistcmp.statistics import summarise


def test_summary_of_a_hand_worked_sample() -> None:
    """2, 4, 6: mean 4, squares 4 + 0 + 4 over 2, so deviation 2; t(0.975, 2) is 4.302653."""
    summary = summarise([2, 4, 6])
    assert (summary.n, summary.mean, summary.deviation) == (3, 4, 2)
    half_width = 4.302653 * 2 / 3**0.5
    assert summary.low == pytest.approx(4 - half_width, rel=1e-6)
    assert summary.high == pytest.approx(4 + half_width, rel=1e-6)


def test_one_value_has_no_deviation() -> None:
    """Nothing is known of the spread, so nothing is said."""
    summary = summarise([5.0])
    assert (summary.n, summary.mean) == (1, 5)
    assert summary.deviation is None
    assert summary.low is None
    assert summary.high is None


@pytest.mark.parametrize("values", [[], [1.0, float("nan")]])
def test_no_mean_of_nothing_or_of_nan(values: list[float]) -> None:
    """A mean that would be wrong is refused."""
    with pytest.raises(ValueError, match="expected finite values"):
        summarise(values)
