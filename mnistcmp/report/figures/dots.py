"""Runs or differences as dots with mean and interval; and the 2 x 2 of two factors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnistcmp.networks.architectures import Published
from mnistcmp.report.contents import Row
from mnistcmp.report.figures.drawing import LIGHT, POINTS_WIDE, Drawing, new_figure, style
from mnistcmp.report.numbers import LEVEL, interval, points
from mnistcmp.report.runs import Group
from mnistcmp.statistics import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_DOTS = 200
"""Dots of a row; of more runs, those of the smallest seeds are shown."""
ROW, LINE = 54, 16
"""Points from one row to the next, and of each line that a name takes beyond its first."""
LONGEST = 50
"""Characters of a line."""
MOST_ROWS = 12
"""Conditions in one plot."""
SHARING_COLOUR = {None: "grey", True: "blue", False: "orange"}
"""A network's: with one branch, with shared weights, with separate ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DotRow:
    """A condition's runs, or a comparison's differences."""

    name: str
    values: NDArray[np.float64]
    """(n,): in % or percentage points, by seed."""
    summary: Summary | None
    """None where there is no value."""
    diverged: int = 0
    published: Published | None = None
    weight_sharing: bool | None = None
    auxiliary_loss: bool = True

    @property
    def n(self) -> str:
        """`n = 10`, and how many diverged beside these."""
        return f"n = {len(self.values)}" + (f", {self.diverged} diverged" * bool(self.diverged))


def draw_accuracies(rows: Sequence[Row], groups: Sequence[Group], *, name: str) -> list[Drawing]:
    """Plots of every run's test accuracy: of a report's rows, and of the groups of their runs."""
    dots = [
        DotRow(
            name=row.condition,
            values=100 * group.runs["test_accuracy"].to_numpy(),
            summary=row.accuracy,
            diverged=row.diverged,
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
    with style():
        names = [wrap(f"{row.name}, {row.n}", LONGEST) for row in rows]
        height = ROW + LINE * (max(map(len, names)) - 1)
        figure = new_figure(POINTS_WIDE / 72, (height * len(rows) + 62) / 72)
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
    description = f"Axis: {axis}. {' '.join(map(_in_words, rows))}"
    return Drawing(name=name, title=title, description=description, figure=figure)


def _draw_row(axes: "Axes", row: DotRow, position: int, name: str) -> None:
    colour = LIGHT[SHARING_COLOUR[row.weight_sharing]]
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
    if row.summary is not None:
        mean, low, high = row.summary.mean, row.summary.low, row.summary.high
        axes.plot([mean] * 2, [position - 0.27, position + 0.27], color=LIGHT["ink"], lw=2.2)
        if low is not None and high is not None:
            axes.plot([low, high], [position] * 2, color=LIGHT["ink"], lw=2.2)
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
    place = axes.get_yaxis_transform()
    axes.text(0, position - 0.34, name, transform=place, va="bottom", in_layout=False)


def _in_words(row: DotRow) -> str:
    words = f"{row.name}: {row.n}"
    if row.summary is not None:
        words += f", mean {points(row.summary.mean)}"
        if row.summary.low is not None:
            words += f", {LEVEL} confidence interval {interval(row.summary)}"
        words += f", dots from {points(row.values.min())} to {points(row.values.max())}"
    if row.published is not None:
        words += f"; published {points(row.published.mean)}"
    return f"{words}."


def draw_interaction(
    cells: Mapping[tuple[bool, bool], Summary], *, name: str, title: str
) -> Drawing:
    """Test accuracy, in %, by (weight sharing, auxiliary loss): a line for each of the latter."""
    with style():
        figure = new_figure(POINTS_WIDE / 72, 3.4)
        axes = figure.add_subplot()
        for auxiliary, colour, line in ((False, "orange", "--"), (True, "blue", "-")):
            offset = 0.02 if auxiliary else -0.02
            places = [offset, 1 + offset]
            axes.plot(
                places,
                [cells[shared, auxiliary].mean for shared in (False, True)],
                line,
                marker="o",
                markersize=7,
                markerfacecolor=LIGHT[colour] if auxiliary else LIGHT["paper"],
                color=LIGHT[colour],
                label=f"{'with' if auxiliary else 'without'} auxiliary loss",
            )
            for place, shared in zip(places, (False, True), strict=True):
                low, high = cells[shared, auxiliary].low, cells[shared, auxiliary].high
                if low is not None and high is not None:
                    axes.plot([place] * 2, [low, high], color=LIGHT[colour], lw=2.5)
        axes.set_xticks([0, 1], ["separate weights", "shared weights"])
        axes.set(xlim=(-0.35, 1.35), ylabel="test accuracy, %")
        axes.grid(visible=False, axis="x")
        figure.legend(loc="outside upper left", ncols=1, fontsize=11)
    words = [
        f"{'shared' if shared else 'separate'} weights {'with' if auxiliary else 'without'} "
        f"auxiliary loss: mean {points(summary.mean)}%, n = {summary.n}"
        for (shared, auxiliary), summary in cells.items()
    ]
    return Drawing(name=name, title=title, description="; ".join(words) + ".", figure=figure)
