"""Means with their uncertainty."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A sample's mean and how sure it is, in the sample's unit."""

    n: int
    mean: float
    deviation: float | None
    """Sample standard deviation (divisor n - 1); None for one value."""
    low: float | None
    """Lower end of the 95% confidence interval of the mean; None for one value."""
    high: float | None
    """Upper end."""


def summarise(values: ArrayLike) -> Summary:
    """Mean, sample standard deviation and Student's t interval of n >= 1 values.

    Raises:
        ValueError: There is no value, or one is not a number.
    """
    # Half a second to import, which launching and following a job should not wait for.
    from scipy import stats  # noqa: PLC0415

    sample = np.asarray(values, dtype=np.float64)
    n = sample.size
    if n == 0 or not np.isfinite(sample).all():
        raise ValueError(f"expected finite values, got {sample}")
    mean = float(sample.mean())
    if n == 1:
        return Summary(n=1, mean=mean, deviation=None, low=None, high=None)
    deviation = float(sample.std(ddof=1))
    half_width = float(stats.t.ppf((1 + CONFIDENCE) / 2, df=n - 1)) * deviation / n**0.5
    return Summary(
        n=n, mean=mean, deviation=deviation, low=mean - half_width, high=mean + half_width
    )
