"""Every run, or every seed's difference, as a dot, with mean, interval and what was published."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistcmp.networks.architectures import Published
from mnistcmp.report.contents import Row
from mnistcmp.report.figures.drawing import POINTS_WIDE, Drawing, house_style
from mnistcmp.report.figures.palette import LIGHT, role_colour
from mnistcmp.report.groups import Group
from mnistcmp.report.numbers import LEVEL, interval, points
from mnistcmp.statistics import Summary

MOST_DOTS = 200
"""Dots of a row; of more runs, those of the smallest seeds are shown."""

ROW, LINE = 54, 16
"""Points from one row to the next, and of each line that a name takes beyond its first."""
LONGEST = 50
"""Characters of a line."""
MOST_ROWS = 12
"""Conditions in one plot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DotRow:
    """A condition's runs, or a comparison's differences."""

    name: str
    values: NDArray[np.float64]
    """(n,): in % or percentage points, by seed."""
    summary: Summary
    published: Published | None = None
    weight_sharing: bool | None = None
    auxiliary_loss: bool = True


def draw_accuracies(rows: Sequence[Row], groups: Sequence[Group], *, name: str) -> list[Drawing]:
    """Plots of every run's test accuracy: of a report's rows, and of the groups of their runs."""
    dots = [
        DotRow(
            name=row.condition,
            values=100 * group.runs["test_accuracy"].to_numpy(),
            summary=row.accuracy,
            published=row.published,
            weight_sharing=row.weight_sharing,
            auxiliary_loss=row.auxiliary_loss,
        )
        for row, group in zip(rows, groups, strict=True)
    ]
    return [
        draw_dots(
            dots[start : start + MOST_ROWS],
            name=f"{name}-{start // MOST_ROWS + 1}" if start else name,
            title="Test accuracy of every run",
        )
        for start in range(0, len(dots), MOST_ROWS)
    ]


def draw_dots(
    rows: Sequence[DotRow],
    *,
    name: str,
    title: str,
    axis: str = "test accuracy, %",
    zero: bool = False,
) -> Drawing:
    """A row of dots for each condition on one axis, with a line at zero where that is asked for."""
    with house_style():
        names = [wrap(f"{row.name}, n = {row.summary.n}", LONGEST) for row in rows]
        height = ROW + LINE * (max(map(len, names)) - 1)
        size = POINTS_WIDE / 72, (height * len(rows) + 62) / 72
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        if zero:
            axes.axvline(0, color=LIGHT["muted"], linewidth=1.2, linestyle=":")
        for position, (row, lines) in enumerate(zip(rows, names, strict=True)):
            _draw_row(axes, row, position, "\n".join(lines))
        axes.set_ylim(len(rows) - 0.5, -0.7)
        axes.set(xlabel=axis, yticks=[])
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.04)
    return Drawing(name=name, title=title, description=_in_words(rows, axis), figure=figure)


def _draw_row(axes: Axes, row: DotRow, position: int, name: str) -> None:
    colour = role_colour(weight_sharing=row.weight_sharing)
    shown = row.values[:MOST_DOTS]
    # The golden ratio's multiples spread any number of dots evenly, the same each time.
    spread = (np.arange(len(shown)) * 0.618034 % 1 - 0.5) * 0.34
    axes.plot(
        shown,
        position + spread,
        linestyle="none",
        marker="o",
        markersize=4.5,
        markerfacecolor=colour if row.auxiliary_loss else "none",
        markeredgecolor=colour,
        alpha=0.75,
    )
    summary = row.summary
    axes.plot([summary.mean] * 2, [position - 0.27, position + 0.27], color=LIGHT["ink"], lw=2.2)
    if summary.low is not None and summary.high is not None:
        axes.plot([summary.low, summary.high], [position] * 2, color=LIGHT["ink"], lw=2.2)
    if row.published is not None:
        axes.plot(
            row.published.mean,
            position + 0.29,
            marker="^",
            markersize=7,
            markerfacecolor="none",
            markeredgecolor=LIGHT["muted"],
            markeredgewidth=1.2,
        )
    # A long name is no reason to make the axis shorter.
    axes.text(
        0,
        position - 0.34,
        name,
        transform=axes.get_yaxis_transform(),
        va="bottom",
        in_layout=False,
    )


def _in_words(rows: Sequence[DotRow], axis: str) -> str:
    sentences = []
    for row in rows:
        summary = row.summary
        words = f"{row.name}: n = {summary.n}, mean {points(summary.mean)}"
        if summary.low is not None:
            words += f", {LEVEL} confidence interval {interval(summary)}"
        words += f", dots from {points(row.values.min())} to {points(row.values.max())}"
        if row.published is not None:
            words += f"; published {points(row.published.mean)}"
        sentences.append(f"{words}.")
    return f"Axis: {axis}. {' '.join(sentences)}"
