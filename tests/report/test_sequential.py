"""Intervals that hold however often one looks."""

import numpy as np
import pytest
from scipy import stats

from mnistcmp.report.sequential import SPENT, interval, levels

LOOKS = (5, 10, 15, 20, 25, 30, 35, 40)


def test_all_looks_together_spend_the_error() -> None:
    """By SciPy's multivariate normal, which says how often none of three bounds is crossed."""
    looks = (5, 15, 40)
    shares = np.array(looks) / 40
    bounds = stats.norm.isf(np.array(levels(looks)) / 2) * shares**0.5
    # The sums at two looks have the variance of the earlier one in common.
    together = stats.multivariate_normal(np.zeros(3), np.minimum.outer(shares, shares))
    stayed = together.cdf(bounds, lower_limit=-bounds)
    assert 1 - stayed == pytest.approx(SPENT, abs=1e-5)
    first = 2 * stats.norm.sf(bounds[0] / shares[0] ** 0.5)
    assert first == pytest.approx(SPENT * shares[0] ** 3)


def test_a_single_look_spends_it_all() -> None:
    """And later looks spend more than earlier ones."""
    assert levels((10,)) == pytest.approx((SPENT,))
    assert list(levels(LOOKS)) == sorted(levels(LOOKS))


def test_without_skewness_the_interval_is_student_s() -> None:
    """A symmetric sample's, at the level of the look."""
    sample = np.array([-3.0, -1.0, 0.0, 1.0, 3.0]) + 2
    expected = stats.ttest_1samp(sample, 0).confidence_interval(0.99)
    low, high = interval(sample, 0.01)
    assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-4)


def test_with_skewness_it_is_hall_s_transformation_undone() -> None:
    """T + aT²/3 + a²T³/27 + a/6 of either end is the quantile of t, a the skewness by root n."""
    sample = np.random.default_rng(6).exponential(1, 20)
    error = sample.std(ddof=1) / 20**0.5
    a = stats.skew(sample) / 20**0.5
    for end, sign in zip(interval(sample, 0.05), (1, -1), strict=True):
        t = (sample.mean() - end) / error
        transformed = t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6
        assert transformed == pytest.approx(sign * stats.t.isf(0.025, 19))


def test_many_samples_are_done_as_one_is() -> None:
    """Along the last axis; what has no spread has both ends at its value."""
    samples = np.random.default_rng(7).normal(0, 1, (3, 10))
    samples[1] = 0.3
    low, high = interval(samples, 0.02)
    for row, sample in enumerate(samples):
        assert (low[row], high[row]) == pytest.approx(interval(sample, 0.02))
    assert (low[1], high[1]) == pytest.approx((0.3, 0.3))


def test_intervals_cover_the_mean_at_whatever_look_one_stops() -> None:
    """Stopped as soon as 0 is excluded: at least 95% of 4,000, though the mean is 0."""
    samples = np.random.default_rng(8).normal(0, 1, (4000, 40))
    excluded = np.zeros(4000, bool)
    for n, level in zip(LOOKS, levels(LOOKS), strict=True):
        low, high = interval(samples[:, :n], level)
        excluded |= (low > 0) | (high < 0)
    assert 0.02 < excluded.mean() < 0.05
