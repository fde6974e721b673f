"""The 10 x 10 map of errors by first and second digit, as cells of a table."""

from dataclasses import dataclass
from itertools import pairwise

from mnistcmp.report.digits import DigitErrors

STEPS = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0)
"""Error rates, in %, above which the next shade begins: the same on every map of every study."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """The pairs of one first and one second digit."""

    text: str
    """Error rate in %."""
    shade: int
    """0 for no error, to `len(STEPS)`."""
    hint: str
    """The counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DigitMap:
    """A network's map."""

    n: int
    """Runs."""
    rows: tuple[tuple[Cell, ...], ...]
    fewest: int
    """Pairs in the cell with fewest."""
    most: int


def digit_map(errors: DigitErrors) -> DigitMap:
    """The map of a condition's errors."""
    return DigitMap(
        n=errors.n,
        rows=tuple(
            tuple(_cell(int(errors.wrong[i, j]), int(errors.pairs[i, j])) for j in range(10))
            for i in range(10)
        ),
        fewest=int(errors.pairs.min()),
        most=int(errors.pairs.max()),
    )


def legend() -> tuple[tuple[int, str], ...]:
    """Shades and what they stand for."""
    ends = [f"{low:g} to {high:g}%" for low, high in pairwise(STEPS)]
    return tuple(enumerate(["no error", *ends, f"above {STEPS[-1]:g}%"]))


def _cell(wrong: int, pairs: int) -> Cell:
    if pairs == 0:
        return Cell(text="–", shade=0, hint="no such pair was tested")
    rate = 100 * wrong / pairs
    text = f"{rate:.1f}" if 0 < rate < 9.95 else f"{rate:.0f}"  # noqa: PLR2004 - three characters
    shade = sum(rate > step for step in STEPS)
    return Cell(text=text, shade=shade, hint=f"{wrong} of {pairs} wrong")
