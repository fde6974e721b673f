"""Intervals that hold however often one looks, as long as one looks where it was planned.

A group-sequential design: at each look an interval is made at a level of its own, such that all of
them together miss the mean with no more than the error that is spent up to then. They are repeated
confidence intervals (Jennison & Turnbull, JRSS B 51, 1989): whatever makes one stop, the interval
of that look holds. docs/decisions/seeds.md has why, and what was passed over.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mnistcmp.statistics import CONFIDENCE

SPENT = 0.7 * (1 - CONFIDENCE)
"""The error that all looks share. The rest is kept for what a few seeds do not tell of a
distribution's shape; a simulation says what is left of it."""
POWER = 3
"""The error is spent as the share of the seeds to this power (Kim & DeMets, Biometrika 74, 1987):
little at first, where a t of few seeds is least to be trusted, and most at the end."""
_NODES = 300
_FURTHEST = 12.0
"""Standard deviations, further than any bound."""


@cache
def levels(looks: tuple[int, ...]) -> tuple[float, ...]:
    """The two-sided level of the test at each look, after so many seeds; the last look is the end.

    Found for a mean of normal values of known deviation, by integrating over what goes on from look
    to look (Armitage, McPherson & Rowe, JRSS A 132, 1969), and used with Student's t.
    """
    from scipy import optimize, stats  # noqa: PLC0415 - half a second

    shares = np.array(looks) / looks[-1]
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    # The sum's place and mass where nothing was crossed so far; at first it is 0.
    places, masses, before = np.zeros(1), np.ones(1), 0.0
    found = []
    for share, more in zip(shares, np.diff(SPENT * shares**POWER, prepend=0), strict=True):
        step = (share - before) ** 0.5

        def crossed(
            bound: float,
            *,
            step: float = step,
            places: NDArray[np.float64] = places,
            masses: NDArray[np.float64] = masses,
            more: float = more,
        ) -> float:
            beyond = stats.norm.sf((bound - places) / step) + stats.norm.sf((bound + places) / step)
            return float(masses @ beyond) - more

        bound = optimize.brentq(crossed, 0, _FURTHEST * share**0.5, xtol=1e-12)
        found.append(2 * float(stats.norm.sf(bound / share**0.5)))
        inside = bound * points
        density = stats.norm.pdf((inside[:, None] - places) / step) @ masses / step
        places, masses, before = inside, bound * weights * density, share
    return tuple(found)


def interval(
    samples: NDArray[np.float64], level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ends of the interval of each mean of two or more values along the last axis.

    Student's t with its skewness taken out by Hall's transformation (JRSS B 54, 1992), which
    undoes what the skewness of the sample does to t. Where all values are equal, both ends are.
    """
    from scipy import stats  # noqa: PLC0415 - as above

    n = samples.shape[-1]
    mean, error = samples.mean(axis=-1), samples.std(axis=-1, ddof=1) / n**0.5
    # Rounding makes a spread of equal differences of accuracies, which is none.
    centred = samples - mean[..., None]
    spread = np.abs(centred).max(axis=-1) > 1e-9  # noqa: PLR2004 - of points
    second, third = (centred**2).mean(axis=-1), (centred**3).mean(axis=-1)
    skewness = third / np.where(spread, second, 1) ** 1.5
    # Near 0 the transformation is the identity, and its formula 0 / 0.
    bend = np.where(np.abs(skewness) < 1e-6, 1e-6, skewness) / n**0.5  # noqa: PLR2004 - as said
    quantile = stats.t.isf(level / 2, n - 1)
    low, high = (
        mean - np.where(spread, 3 / bend * (np.cbrt(1 + bend * (q - bend / 6)) - 1) * error, 0)
        for q in (quantile, -quantile)
    )
    return low, high
