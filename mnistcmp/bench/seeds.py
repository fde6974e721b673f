"""What a rule that adds seeds does in simulated studies: how often it is right, and its seeds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistcmp.errors import UserError
from mnistcmp.report.numbers import plural
from mnistcmp.report.questions import questions
from mnistcmp.report.sequential import interval, levels
from mnistcmp.report.until import read_accuracies
from mnistcmp.results.store import ResultsStore
from mnistcmp.statistics import CONFIDENCE, Inference, summarise
from mnistcmp.study.until import until_clear

DEVIATION = 2.0
"""Points, of the differences that are made up: about what those of Table I have."""
TRUE_DIFFERENCES = 0.0, 0.3, 1.0, 3.0
"""Points."""
MOST_FIXED = 200
"""Seeds up to which a fixed design is looked for."""
BOOTSTRAPPED, BOOTSTRAP_SEEDS = 2000, 10
"""Samples, at most, and of how many seeds, of which bootstrap intervals are made."""
SEED = 2026
METHODS = Inference(), Inference(intervals="bca")

Sampler = NDArray[np.float64] | float
"""Differences of a pilot; or the shape of a gamma distribution, infinite for a normal one."""
SHAPES: dict[str, Sampler] = {
    "normal": np.inf,
    "skewed (skewness 1)": 4.0,
    "very skewed (skewness 2)": 1.0,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulated:
    """The studies of one shape of differences and one true difference."""

    differences: str
    true: float
    """Points."""
    coverage: float
    """Of the intervals, each at the look that ended its study, how many have the true one, in %."""
    answered_rightly: float
    """How many, in %, ended clear with the right sign, or rightly as smaller than the margin."""
    seeds: float
    """Mean number at the end."""
    fixed_seeds: int | None
    """Of a design with one look, Student's t, that answers rightly as often; None beyond 200."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Covered:
    """How often intervals of ten seeds, looked at once, have the true mean, in %."""

    differences: str
    student: float
    bca: float


def simulate(
    *, repetitions: int, margin: float, most_seeds: int, pilot: ResultsStore | None = None
) -> list[Simulated]:
    """Studies with one comparison, of which each ends as the rule ends it; always the same ones.

    Args:
        repetitions: Studies of each kind.
        margin: Points.
        most_seeds: Seeds at most.
        pilot: Results whose comparisons' own differences are drawn from too.

    Raises:
        UserError: The pilot has no comparison of ten seeds.
    """
    random = np.random.default_rng(SEED)
    samplers = dict(SHAPES)
    if pilot is not None:
        samplers |= _differences(pilot)
    found = []
    for name, sampler in samplers.items():
        noise = _draw(random, sampler, (repetitions, max(most_seeds, MOST_FIXED)))
        found += [
            _simulated(name, true, noise + true, margin, most_seeds) for true in TRUE_DIFFERENCES
        ]
    return found


def cover_ten_seeds(*, repetitions: int) -> list[Covered]:
    """Student's and bootstrap intervals of ten seeds with a mean of 0."""
    random = np.random.default_rng(SEED)
    size = min(repetitions, BOOTSTRAPPED), BOOTSTRAP_SEEDS
    found = []
    for name, sampler in SHAPES.items():
        samples = _draw(random, sampler, size)
        student, bca = (
            100 * float(np.mean([_has(sample, how) for sample in samples])) for how in METHODS
        )
        found.append(Covered(differences=name, student=student, bca=bca))
    return found


def _has(sample: NDArray[np.float64], inference: Inference) -> bool:
    summary = summarise(sample, inference)
    assert summary.low is not None  # noqa: S101 - for mypy
    assert summary.high is not None  # noqa: S101 - for mypy
    return summary.low <= 0 <= summary.high


def _draw(
    random: np.random.Generator, sampler: Sampler, size: tuple[int, int]
) -> NDArray[np.float64]:
    """Differences with a mean of 0."""
    if isinstance(sampler, np.ndarray):
        drawn: NDArray[np.float64] = random.choice(sampler - sampler.mean(), size)
        return drawn
    if np.isinf(sampler):
        return random.normal(0, DEVIATION, size)
    skewed: NDArray[np.float64] = (random.gamma(sampler, 1, size) - sampler) / sampler**0.5
    return DEVIATION * skewed


def _differences(pilot: ResultsStore) -> dict[str, Sampler]:
    """Those of each comparison of a study with its reference, by seed."""
    combined = pilot.combined()
    asked = questions(combined, read_accuracies(pilot, combined.conditions))
    found: dict[str, Sampler] = {
        f"{q.name} less {q.reference}": np.asarray(q.differences, np.float64)
        for q in asked
        if q.kind == "comparison" and len(q.differences) >= BOOTSTRAP_SEEDS
    }
    if not found:
        raise UserError(
            f"{pilot.location} has no comparison of {plural(BOOTSTRAP_SEEDS, 'seed')} or more. "
            "Launch a study with more, or give another --pilot."
        )
    return found


def _simulated(
    name: str, true: float, samples: NDArray[np.float64], margin: float, most: int
) -> Simulated:
    looks = until_clear(margin, most).looks(most)
    ends = [interval(samples[:, :n], level) for n, level in zip(looks, levels(looks), strict=True)]
    low, high = (np.stack(end) for end in zip(*ends, strict=True))
    answered = (low > 0) | (high < 0) | ((-margin < low) & (high < margin))
    answered[-1] = True
    last, study = answered.argmax(axis=0), np.arange(len(samples))
    low, high = low[last, study], high[last, study]
    rightly = float(_is_right(low, high, true, margin).mean())
    return Simulated(
        differences=name,
        true=true,
        coverage=100 * float(((low <= true) & (true <= high)).mean()),
        answered_rightly=100 * rightly,
        seeds=float(np.array(looks)[last].mean()),
        fixed_seeds=_fixed(samples, true, margin, rightly),
    )


def _is_right(
    low: NDArray[np.float64], high: NDArray[np.float64], true: float, margin: float
) -> NDArray[np.bool_]:
    """Whether intervals say what is so: the sign of a difference, or that it is small."""
    signed = (low > 0) if true > 0 else np.zeros_like(low, bool)
    small = (-margin < low) & (high < margin)
    return signed | small if abs(true) < margin else signed


def _fixed(samples: NDArray[np.float64], true: float, margin: float, rightly: float) -> int | None:
    """The fewest seeds of which one look with Student's t is right as often."""
    from scipy import stats  # noqa: PLC0415 - half a second

    for n in range(2, MOST_FIXED + 1):
        part = samples[:, :n]
        mean, error = part.mean(axis=1), part.std(axis=1, ddof=1) / n**0.5
        half_width = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * error
        if _is_right(mean - half_width, mean + half_width, true, margin).mean() >= rightly:
            return n
    return None
