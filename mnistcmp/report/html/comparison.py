"""The page of a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnistcmp.report.figures.dots import DotRow, draw_dots
from mnistcmp.report.figures.drawing import Drawing
from mnistcmp.report.html.template import render
from mnistcmp.report.mcnemar import EXACT, POOLED
from mnistcmp.report.pairs import DigitPair, SideBySide
from mnistcmp.report.sentences import CLAIM, in_a_sentence, notes
from mnistcmp.statistics import summarise

DIGIT_PAIRS = 10
"""Pairs of digits that are listed: those where the sides differ most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonView:
    """What the page shows of one comparison."""

    comparison: SideBySide
    sentence: str
    notes: list[str]
    differences: Drawing
    digits: tuple[DigitPair, ...]


def comparison_page(comparisons: Sequence[SideBySide], *, first: str, second: str) -> str:
    """The page as HTML, a section for each of the compared conditions."""
    return render(
        "comparison.html.j2",
        title=f"{first} and {second}, compared",
        views=[_view(number, comparison) for number, comparison in enumerate(comparisons)],
        claim=CLAIM,
        exact=EXACT,
        pooled=POOLED,
    )


def _view(number: int, comparison: SideBySide) -> ComparisonView:
    row = DotRow(
        name=comparison.subject or f"{comparison.first} less {comparison.second}",
        values=np.array(comparison.differences),
        summary=summarise(comparison.differences),
    )
    differences = draw_dots(
        [row],
        name=f"differences-{number}",
        title=f"Differences in test accuracy, {comparison.first} less {comparison.second}",
        axis="difference in test accuracy, points",
        zero=True,
    )
    return ComparisonView(
        comparison=comparison,
        sentence=in_a_sentence(comparison),
        notes=notes(comparison),
        differences=differences,
        digits=tuple(d for d in comparison.digits if d.first_wrong != d.second_wrong)[:DIGIT_PAIRS],
    )
