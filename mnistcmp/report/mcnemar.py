"""McNemar's test: which of two classifiers is right where they disagree about the same pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

EXACT = "exact binomial McNemar test, two-sided"
POOLED = (
    "Cochran-Mantel-Haenszel test for matched pairs, one stratum per seed: McNemar's chi-square "
    "over the summed counts, 1 degree of freedom, no continuity correction"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How two classifiers did on the same test pairs."""

    both_right: int
    only_first: int
    """The first right, the second wrong."""
    only_second: int
    both_wrong: int

    @property
    def exact_p(self) -> float:
        """Of the hypothesis that where one alone is right, each is as often: 1 where none is.

        McNemar, Psychometrika 12 (1947), in its exact binomial form.
        """
        from scipy import stats  # noqa: PLC0415 - half a second, which `--help` should not take

        discordant = self.only_first + self.only_second
        if discordant == 0:
            return 1.0
        return float(stats.binomtest(self.only_first, discordant, 0.5).pvalue)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pooled:
    """Several agreements, each of a stratum, taken together."""

    only_first: int
    only_second: int
    chi_square: float | None
    """None where the two never disagree."""
    p: float | None


def pool(strata: Sequence[Agreement]) -> Pooled:
    """Sums the disagreements of strata.

    For pairs matched one to one the Cochran-Mantel-Haenszel statistic over strata is McNemar's
    over the summed counts (Agresti, Categorical Data Analysis, 3rd edition, 11.2.5).
    """
    from scipy import stats  # noqa: PLC0415 - as above

    first = sum(stratum.only_first for stratum in strata)
    second = sum(stratum.only_second for stratum in strata)
    if first + second == 0:
        return Pooled(only_first=0, only_second=0, chi_square=None, p=None)
    chi_square = (first - second) ** 2 / (first + second)
    p = float(stats.chi2.sf(chi_square, df=1))
    return Pooled(only_first=first, only_second=second, chi_square=chi_square, p=p)
