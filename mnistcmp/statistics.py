"""Means with their uncertainty, and differences between them. docs/statistics.md has the formulas.

SciPy is imported where it is used: it takes half a second, which launching and following a job
should not wait for.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnistcmp.errors import UserError

CONFIDENCE = 0.95
"""Of every interval."""
RESAMPLES = 9999
"""Of a bootstrap; and sign flips drawn where all of them would be more: of 14 values or more."""
MOST_RESAMPLED = 10_000
"""Values of a sample that is drawn from again; of more, Student's t is as good."""
LEAST_BOOTSTRAPPED = 6
"""Values that a bootstrap interval needs: of fewer it is far too narrow."""
_VALUES_AT_A_TIME = 10_000_000

Intervals: TypeAlias = Literal["student", "bca"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Inference:
    """How is inferred from a sample, beside its tests that the mean is 0."""

    intervals: Intervals = "student"
    """Student's t; or the bootstrap, bias-corrected and accelerated."""
    within: float | None = None
    """The margin, above 0 and in the sample's unit, of tests that the mean is closer to 0."""


DEFAULT = Inference()


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
    flip_p: float | None = None
    """Of the sign-flip test that the differences are symmetric about 0, two-sided; where p is."""
    within: float | None = None
    """A margin, where it was asked whether the mean is closer to 0 than that."""
    within_p: float | None = None
    """Of two one-sided t tests that it is not; where p is."""

    @property
    def is_equivalent(self) -> bool:
        """Whether the mean is shown to be closer to 0 than the margin."""
        if self.within is None or self.low is None:
            return False
        if self.within_p is None:
            return self.high is not None and -self.within < self.low and self.high < self.within
        return self.within_p < 1 - CONFIDENCE

    @property
    def is_clear(self) -> bool:
        """Whether there is an interval, and 0 is not in it."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def summarise(values: ArrayLike, inference: Inference = DEFAULT) -> Summary:
    """Mean, sample standard deviation and confidence interval of n >= 1 finite values."""
    sample = np.asarray(values, dtype=np.float64)
    n = sample.size
    if n == 0 or not np.isfinite(sample).all():
        raise ValueError(f"expected finite values, got {sample}")
    mean = float(sample.mean())
    if n == 1:
        return Summary(n=1, mean=mean, deviation=None, low=None, high=None)
    interval = _student if inference.intervals == "student" else _bootstrap
    low, high = interval(sample)
    return Summary(n=n, mean=mean, deviation=float(sample.std(ddof=1)), low=low, high=high)


def _student(sample: NDArray[np.float64]) -> tuple[float, float]:
    # What `stats.t` calls: all of `stats` takes a second more, which a launch's end would wait for.
    from scipy.special import stdtrit  # noqa: PLC0415

    n, mean = sample.size, float(sample.mean())
    quantile = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    half_width = quantile * float(sample.std(ddof=1)) / n**0.5
    return mean - half_width, mean + half_width


def _bootstrap(sample: NDArray[np.float64]) -> tuple[float, float]:
    """The BCa interval of the mean, from the same draws each time.

    Efron, Journal of the American Statistical Association 82 (1987).
    """
    from scipy import stats  # noqa: PLC0415 - see above

    if not LEAST_BOOTSTRAPPED <= sample.size <= MOST_RESAMPLED:
        raise UserError(
            f"bootstrap intervals need {LEAST_BOOTSTRAPPED} to {MOST_RESAMPLED:,} seeds, and here "
            f"a mean is of {sample.size:,}. Leave out --intervals bca."
        )
    if not _is_spread(sample):
        return float(sample.mean()), float(sample.mean())
    found = stats.bootstrap(
        (sample,),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        batch=_VALUES_AT_A_TIME // sample.size,
        method="BCa",
        rng=0,
    ).confidence_interval
    return float(found.low), float(found.high)


def _is_spread(sample: NDArray[np.float64]) -> bool:
    # Rounding makes a spread of equal differences of accuracies, which is none.
    return sample.size > 1 and not np.allclose(sample, sample[0], rtol=0, atol=1e-9)


def mean_difference(differences: ArrayLike, inference: Inference = DEFAULT) -> Difference:
    """Mean of n >= 1 finite differences, with its interval, a t test and a sign-flip test."""
    from scipy import stats  # noqa: PLC0415 - see above

    sample = np.asarray(differences, dtype=np.float64)
    summary = summarise(sample, inference)
    spread = _is_spread(sample)
    return Difference(
        **asdict(summary),
        p=float(stats.ttest_1samp(sample, 0.0).pvalue) if spread else None,
        flip_p=sign_flip(sample) if spread and sample.size <= MOST_RESAMPLED else None,
        within=inference.within,
        within_p=equivalence(sample, inference.within) if spread and inference.within else None,
    )


def sign_flip(differences: ArrayLike, *, resamples: int = RESAMPLES) -> float:
    """The p of the sign-flip test of a mean of 0, two-sided; of n >= 1 differences.

    All 2^n flips are counted where they are no more than `resamples`, as with 13 differences, and
    the p is exact; else so many are drawn, the same each time. Fisher, The Design of Experiments
    (1935), section 21.
    """
    from scipy import stats  # noqa: PLC0415 - see above

    sample = np.asarray(differences, np.float64)

    def total(flipped: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        # Sums that are equal but for rounding are as extreme as each other.
        sums: NDArray[np.float64] = np.round(flipped.sum(axis=axis), 9)
        return sums

    found = stats.permutation_test(
        (sample,),
        total,
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=_VALUES_AT_A_TIME // sample.size,
        rng=0,
    )
    return float(found.pvalue)


def equivalence(differences: ArrayLike, margin: float) -> float:
    """The p of two one-sided t tests that the mean is further from 0 than a margin above 0.

    Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987).
    """
    from scipy import stats  # noqa: PLC0415 - see above

    sample = np.asarray(differences, np.float64)
    above = stats.ttest_1samp(sample, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(sample, margin, alternative="less").pvalue
    return float(max(above, below))


def paired_difference(
    values: ArrayLike, references: ArrayLike, inference: Inference = DEFAULT
) -> Difference:
    """The first less the second values, which belong together pair by pair: n >= 1 pairs.

    The t test is the paired one, which is the one-sample test of the differences.
    """
    first, second = np.asarray(values, np.float64), np.asarray(references, np.float64)
    if first.shape != second.shape:
        raise ValueError(f"expected as many values as references: {first.size}, {second.size}")
    return mean_difference(first - second, inference)


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
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The effects of two factors at each seed, from its values in the four cells.

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
        (of_first + of_both - none_ - of_second) / 2,
        (of_second + of_both - none_ - of_first) / 2,
        (of_both - of_first) - (of_second - none_),
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
