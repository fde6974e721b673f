"""Figure 3: training and validation error per epoch, over the runs of a condition."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from mnistcmp.errors import UserError
from mnistcmp.report.figures.drawing import (
    LIGHT,
    POINTS_WIDE,
    Drawing,
    file_stem,
    new_figure,
    style,
)
from mnistcmp.report.numbers import points
from mnistcmp.report.runs import Group

TRAINING_NOTE = (
    "Training error is that of the batches as they were trained on, dropout on, before each step; "
    "validation error is measured after the epoch, dropout off."
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
"""Why validation error can lie below training error."""
MOST_MARKS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """How the runs of a condition learned, in % wrong, each (runs, epochs)."""

    train: NDArray[np.float64]
    """Over the batches as trained on, dropout on, before each step."""
    validation: NDArray[np.float64]
    """After the epoch, dropout off."""
    best_epochs: NDArray[np.int64]
    """(runs,): the epoch whose weights each run is tested with, counted from 1; of several rounds
    the last one's."""

    @classmethod
    def of(cls, group: Group) -> Self:
        """Reads the epochs of the group's runs, at least one."""
        train, validation = [], []
        columns = ("epoch", "train_accuracy", "validation_accuracy")
        for epochs in group.details("epochs", columns):
            frame = epochs.sort_values("epoch")
            train.append(100 * (1 - frame["train_accuracy"].to_numpy()))
            validation.append(100 * (1 - frame["validation_accuracy"].to_numpy()))
        if len({len(of_run) for of_run in train}) > 1:
            raise UserError(
                f"{group.store.location.path('epochs')} has more epochs of one run of "
                f"{group.condition.name} than of another. Take results that are whole."
            )
        best = group.runs["best_epoch"].to_numpy(np.int64)[: len(train)]
        return cls(train=np.stack(train), validation=np.stack(validation), best_epochs=best)

    @property
    def n(self) -> int:
        """How many runs."""
        return len(self.best_epochs)

    def describe_band(self) -> str:
        """What line and band are."""
        if self.n == 1:
            return "One seed: its own errors, without a band."
        return f"Lines: mean over n = {self.n} seeds. Bands: ± one sample standard deviation."


def draw_learning(groups: Sequence[Group]) -> list[Drawing]:
    """Figure 3 for each of a results folder's groups of runs that has some to count."""
    groups = [group for group in groups if len(group.runs)]
    curves = [Curves.of(group) for group in groups]
    return [
        draw_curves(
            of_group,
            name=file_stem(f"figure-3-{group.condition.name}"),
            title=f"Figure 3. {group.condition.name}, n = {of_group.n}",
            highest=highest_error(curves),
        )
        for group, of_group in zip(groups, curves, strict=True)
    ]


def draw_curves(curves: Curves, *, name: str, title: str, highest: float) -> Drawing:
    """The two errors of a condition; `highest` is the end of the axis, in %."""
    with style():
        figure = new_figure(POINTS_WIDE / 72, 0.7 * POINTS_WIDE / 72)
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
        epochs = curves.train.shape[1]
        axes.set(ylim=(0, highest), xlabel="epoch", ylabel="error, %")
        axes.set_xlim(0.5 if epochs == 1 else 1, epochs + 0.5 if epochs == 1 else epochs)
        axes.locator_params(axis="x", integer=True, nbins=6)
        axes.legend(loc="upper right", fontsize=11)
    return Drawing(name=name, title=title, description=_in_words(curves), figure=figure)


def highest_error(all_curves: Sequence[Curves]) -> float:
    """The end of an axis, in %, that fits each of several conditions."""
    errors = [of for curves in all_curves for of in (curves.train, curves.validation)]
    tops = [(of.mean(axis=0) + _deviation(of)).max() for of in errors]
    return float(min(100, 5 * np.ceil(max(tops, default=1) * 1.02 / 5) or 5))


def _deviation(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(epochs,): sample standard deviation over the runs; 0 for one run."""
    return errors.std(axis=0, ddof=1) if len(errors) > 1 else np.zeros(errors.shape[1])


def _draw_band(
    axes: "Axes", errors: NDArray[np.float64], colour: str, label: str, line: str
) -> None:
    mean, deviation = errors.mean(axis=0), _deviation(errors)
    epochs = np.arange(1, len(mean) + 1)
    # A study of one epoch has points, not lines.
    marker = "o" if len(epochs) == 1 else None
    axes.plot(epochs, mean, line, marker=marker, color=LIGHT[colour], linewidth=1.6, label=label)
    if len(errors) > 1:
        low, high = np.maximum(mean - deviation, 0), mean + deviation
        axes.fill_between(epochs, low, high, color=LIGHT[colour], alpha=0.22, linewidth=0)


def _in_words(curves: Curves) -> str:
    train, validation = curves.train.mean(axis=0), curves.validation.mean(axis=0)
    lowest = int(validation.argmin())
    best = curves.best_epochs
    return (
        f"{curves.describe_band()} After epoch {len(train)}, training error {points(train[-1])}%, "
        f"validation error {points(validation[-1])}%. "
        f"Mean validation error is lowest, {points(validation[lowest])}%, after epoch "
        f"{lowest + 1}. Best epochs: {best.min()} to {best.max()}, median {np.median(best):g}. "
        f"{TRAINING_NOTE}"
    )
