"""A picture of some of a seed's test pairs, as the networks see them."""

from pathlib import Path

import numpy as np

from mnistcmp.data.mnist import Mnist
from mnistcmp.data.pairs import draw_pair_sets
from mnistcmp.report.figures.drawing import new_figure, style
from mnistcmp.study.recipe import Recipe


def save_sheet(mnist: Mnist, path: Path, *, seed: int, rows: int = 4, columns: int = 6) -> None:
    """Writes a PNG with the first test pairs of a seed, each with its digits and its label.

    Raises:
        OSError: The file cannot be written.
    """
    pairs = draw_pair_sets(mnist, seed, Recipe()).test
    with style({}):
        figure = new_figure(1.9 * columns, 1.3 * rows)
        for position, axis in enumerate(figure.subplots(rows, columns).flat):
            first, second = pairs.digits[position].tolist()
            gap = np.full((14, 1), np.nan)
            left, right = pairs.inputs[position].numpy()
            axis.imshow(np.hstack([left, gap, right]), cmap="gray")
            sign = "≤" if pairs.labels[position] else ">"
            axis.set_title(f"{first} {sign} {second}: {int(pairs.labels[position])}", fontsize=11)
            axis.axis("off")
        figure.suptitle(
            f"Test pairs of seed {seed}, 14 x 14 pixels, and their label "
            "(1: the first digit is less than or equal to the second)",
            fontsize=10,
        )
        figure.savefig(path, format="png", dpi=120)
