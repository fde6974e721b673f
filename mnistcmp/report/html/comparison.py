"""The page of a comparison."""

from collections.abc import Sequence

import numpy as np

from mnistcmp.report.figures.dots import DotRow, draw_dots
from mnistcmp.report.figures.drawing import Drawing
from mnistcmp.report.groups import MOST_DETAILED
from mnistcmp.report.html.template import render
from mnistcmp.report.pairs import SideBySide
from mnistcmp.report.tables import comparison_tables
from mnistcmp.statistics import summarise


def comparison_page(comparisons: Sequence[SideBySide], *, first: str, second: str) -> str:
    """The page as HTML, a section for each of the compared conditions."""
    return render(
        "comparison.html.j2",
        title=f"{first} and {second}, compared",
        views=[
            (
                comparison,
                _differences(comparison, f"differences-{number}"),
                comparison_tables(comparison, name=str(number), most_seeds=MOST_DETAILED),
            )
            for number, comparison in enumerate(comparisons)
        ],
    )


def _differences(comparison: SideBySide, name: str) -> Drawing:
    row = DotRow(
        name=comparison.subject or f"{comparison.first} less {comparison.second}",
        values=np.array(comparison.differences),
        summary=summarise(comparison.differences),
    )
    return draw_dots(
        [row],
        name=name,
        title=f"Differences in test accuracy, {comparison.first} less {comparison.second}",
        axis="difference in test accuracy, points",
        zero=True,
    )
