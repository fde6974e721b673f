"""Means with their uncertainty, and differences between them. docs/statistics.md has the formulas.

SciPy is imported where it is used: it takes half a second, which launching and following a job
should not wait for.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

CONFIDENCE = 0.95
"""Of every interval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A sample's mean and how sure it is, in the sample's unit."""

    n: int
    mean: float
    deviation: float | None
    """Sample standard deviation (divisor n - 1); None for one value."""
    low: float | None
    """Lower end of the confidence interval of the mean; None for one value."""
    high: float | None
    """Upper end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference(Summary):
    """Differences, one for each pair or each seed: their mean, how sure it is, and a test of 0."""

    p: float | None
    """Of Student's t test that the mean difference is 0, two-sided. None where there is no test:
    for one difference, and where all are equal."""

    @property
    def is_clear(self) -> bool:
        """Whether there is an interval, and 0 is not in it."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def summarise(values: ArrayLike) -> Summary:
    """Mean, sample standard deviation and Student's t interval of n >= 1 finite values."""
    from scipy import stats  # noqa: PLC0415 - see above

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


def mean_difference(differences: ArrayLike) -> Difference:
    """Mean of n >= 1 finite differences, with Student's interval and one-sample t test."""
    from scipy import stats  # noqa: PLC0415 - see above

    sample = np.asarray(differences, dtype=np.float64)
    summary = summarise(sample)
    # Rounding makes a spread of equal differences of accuracies, which is none.
    spread = sample.size > 1 and not np.allclose(sample, sample[0], rtol=0, atol=1e-9)
    p = float(stats.ttest_1samp(sample, 0.0).pvalue) if spread else None
    return Difference(**asdict(summary), p=p)


def paired_difference(values: ArrayLike, references: ArrayLike) -> Difference:
    """The first less the second values, which belong together pair by pair: n >= 1 pairs.

    The test is the paired t test, which is the one-sample test of the differences.
    """
    first, second = np.asarray(values, np.float64), np.asarray(references, np.float64)
    if first.shape != second.shape:
        raise ValueError(f"expected as many values as references: {first.size}, {second.size}")
    return mean_difference(first - second)


def adjust_p_values(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down correction of the p values of several tests, in their order.

    Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    order = np.argsort(p_values, kind="stable")
    multiplied = np.asarray(p_values, np.float64)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(multiplied), 1)
    return tuple(adjusted.tolist())


def two_by_two(
    *, neither: ArrayLike, second: ArrayLike, first: ArrayLike, both: ArrayLike
) -> tuple[Difference, Difference, Difference]:
    """The effects of two factors, from one value of each of the four cells per seed.

    Each effect is a contrast of the four values of a seed, so what the seed does to all four, as
    harder pairs do, drops out.

    Returns:
        The first factor's main effect (with it less without it, mean of both levels of the other),
        the second's, and their interaction: what the second adds where the first is there, less
        what it adds where it is not.
    """
    cells = [np.asarray(cell, np.float64) for cell in (neither, second, first, both)]
    if len({cell.shape for cell in cells}) > 1:
        raise ValueError(f"expected as many values in each cell: {[c.size for c in cells]}")
    none_, of_second, of_first, of_both = cells
    return (
        mean_difference((of_first + of_both - none_ - of_second) / 2),
        mean_difference((of_second + of_both - none_ - of_first) / 2),
        mean_difference((of_both - of_first) - (of_second - none_)),
    )


def exact_mcnemar(only_first: int, only_second: int) -> float:
    """The p of McNemar's exact binomial test: where one alone is right, each is as often.

    1 where the two never disagree. McNemar, Psychometrika 12 (1947).
    """
    from scipy import stats  # noqa: PLC0415 - see above

    discordant = only_first + only_second
    return float(stats.binomtest(only_first, discordant).pvalue) if discordant else 1.0


def pooled_mcnemar(only_first: int, only_second: int) -> tuple[float, float] | None:
    """McNemar's chi-square over counts summed over strata, and its p; None without disagreement.

    For pairs matched one to one that is the Cochran-Mantel-Haenszel statistic over the strata
    (Agresti, Categorical Data Analysis, 3rd edition, 11.2.5).
    """
    from scipy import stats  # noqa: PLC0415 - see above

    if only_first + only_second == 0:
        return None
    chi_square = (only_first - only_second) ** 2 / (only_first + only_second)
    return chi_square, float(stats.chi2.sf(chi_square, df=1))
