"""Figure 3: training and validation error per epoch."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnistcmp.report.curves import Band, Curves, learning_curves
from mnistcmp.report.figures.drawing import POINTS_WIDE, Drawing, file_stem, house_style
from mnistcmp.report.figures.palette import LIGHT
from mnistcmp.report.groups import Group
from mnistcmp.report.numbers import points
from mnistcmp.results.store import ResultsStore

TRAINING_NOTE = (
    "Training error is that of the batches as they were trained on, dropout on, before each step; "
    "validation error is measured after the epoch, dropout off."
)
"""Why validation error can lie below training error."""

MOST_MARKS = 200


def draw_curves(
    curves: Curves, *, name: str, title: str, highest: float, width: float = POINTS_WIDE
) -> Drawing:
    """The two errors of a condition; `highest` is the end of the axis, in %, `width` in points."""
    with house_style():
        figure = Figure(figsize=(width / 72, 0.7 * width / 72), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title)
        _draw_band(axes, curves.train, "orange", "training", "--")
        _draw_band(axes, curves.validation, "blue", "validation", "-")
        marks = np.unique(curves.best_epochs)[:MOST_MARKS]
        axes.plot(
            marks,
            np.full(len(marks), 0.02),
            transform=axes.get_xaxis_transform(),
            linestyle="none",
            marker="^",
            markersize=6,
            color=LIGHT["ink"],
            alpha=0.6,
            markeredgewidth=0,
            clip_on=False,
            label="best epoch of a run",
        )
        epochs = len(curves.train.mean)
        axes.set(ylim=(0, highest), xlabel="epoch", ylabel="error, %")
        axes.set_xlim(0.5 if epochs == 1 else 1, epochs + 0.5 if epochs == 1 else epochs)
        axes.locator_params(axis="x", integer=True, nbins=6)
        axes.legend(loc="upper right", fontsize=11)
    return Drawing(name=name, title=title, description=_in_words(curves), figure=figure)


def draw_learning(store: ResultsStore, groups: Sequence[Group]) -> list[Drawing]:
    """Figure 3 for each of a results folder's groups of runs.

    Raises:
        UserError: The results cannot be read.
    """
    curves = [learning_curves(store, group) for group in groups]
    return [
        draw_curves(
            of_group,
            name=file_stem(f"figure-3-{group.condition.name}"),
            title=f"Figure 3. {group.condition.name}, n = {of_group.n}",
            highest=highest_error(curves),
        )
        for group, of_group in zip(groups, curves, strict=True)
    ]


def highest_error(all_curves: list[Curves]) -> float:
    """The end of an axis, in %, that fits each of several conditions."""
    tops = [
        (band.mean + (0 if band.deviation is None else band.deviation)).max()
        for curves in all_curves
        for band in (curves.train, curves.validation)
    ]
    return float(min(100, 5 * np.ceil(max(tops, default=1) * 1.02 / 5) or 5))


def describe_band(curves: Curves) -> str:
    """What line and band are."""
    if curves.n == 1:
        return "One seed: its own errors, without a band."
    return f"Lines: mean over n = {curves.n} seeds. Bands: ± one sample standard deviation."


def _draw_band(axes: Axes, band: Band, colour: str, label: str, line: str) -> None:
    epochs = np.arange(1, len(band.mean) + 1)
    # A study of one epoch has points, not lines.
    marker = "o" if len(epochs) == 1 else None
    axes.plot(
        epochs, band.mean, line, marker=marker, color=LIGHT[colour], linewidth=1.6, label=label
    )
    if band.deviation is not None:
        axes.fill_between(
            epochs,
            np.maximum(band.mean - band.deviation, 0),
            band.mean + band.deviation,
            color=LIGHT[colour],
            alpha=0.22,
            linewidth=0,
        )


def _in_words(curves: Curves) -> str:
    last = len(curves.train.mean)
    lowest = int(curves.validation.mean.argmin())
    best = curves.best_epochs
    return (
        f"{describe_band(curves)} After epoch {last}, training error "
        f"{points(curves.train.mean[-1])}%, validation error "
        f"{points(curves.validation.mean[-1])}%. "
        f"Mean validation error is lowest, {points(curves.validation.mean[lowest])}%, after epoch "
        f"{lowest + 1}. Best epochs: {best.min()} to {best.max()}, median {np.median(best):g}. "
        f"{TRAINING_NOTE}"
    )
