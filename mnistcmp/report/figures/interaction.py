"""Two factors of two levels each: means with intervals, a line for each level of the second."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from mnistcmp.report.figures.drawing import POINTS_WIDE, Drawing, house_style
from mnistcmp.report.figures.palette import LIGHT
from mnistcmp.report.numbers import points
from mnistcmp.statistics import Summary


def draw_interaction(
    cells: Mapping[tuple[bool, bool], Summary], *, name: str, title: str
) -> Drawing:
    """Test accuracy, in %, by (weight sharing, auxiliary loss)."""
    with house_style():
        figure = Figure(figsize=(POINTS_WIDE / 72, 3.4), layout="constrained")
        axes = figure.add_subplot()
        for auxiliary, colour, line in ((False, "orange", "--"), (True, "blue", "-")):
            means = [cells[shared, auxiliary] for shared in (False, True)]
            offset = 0.02 if auxiliary else -0.02
            places = [offset, 1 + offset]
            label = f"{'with' if auxiliary else 'without'} auxiliary loss"
            axes.plot(
                places,
                [summary.mean for summary in means],
                line,
                marker="o",
                markersize=7,
                markerfacecolor=LIGHT[colour] if auxiliary else LIGHT["paper"],
                color=LIGHT[colour],
                label=label,
            )
            for place, summary in zip(places, means, strict=True):
                if summary.low is not None and summary.high is not None:
                    axes.plot([place] * 2, [summary.low, summary.high], color=LIGHT[colour], lw=2.5)
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
