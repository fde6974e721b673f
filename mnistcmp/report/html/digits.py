"""Which digits a condition's networks compare wrongly, and their most confident mistakes."""

import base64
import io
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from mnistcmp.report.runs import Group

COLUMNS = (
    "seed",
    "pair",
    "first_image",
    "second_image",
    "first_digit",
    "second_digit",
    "label",
    "predicted",
    "probability",
    "predicted_first_digit",
    "predicted_second_digit",
)
SHADES = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0)
"""Error rates, in %, above which the next shade begins: the same on every map of every study."""
GAP = 2
"""Grey pixels between the two images of a pair."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DigitErrors:
    """What a condition's runs got wrong, digit by digit."""

    n: int
    """Runs read."""
    pairs: NDArray[np.int64]
    """(10, 10): test pairs of a first digit (row) and a second digit (column), over the runs."""
    wrong: NDArray[np.int64]
    """(10, 10): those of them that were compared wrongly."""
    mistakes: list[dict[Hashable, Any]]
    """The most confident ones: rows of `predictions`, one of each pair of images, with their
    `confidence`, the predicted probability of the wrong answer."""


def digit_errors(group: Group, *, most_mistakes: int) -> DigitErrors:
    """Reads the predictions of the group's runs, at least one, run by run."""
    pairs, wrong = np.zeros((2, 10, 10), dtype=np.int64)
    kept: list[pd.DataFrame] = []
    for frame in group.details("predictions", COLUMNS):
        cells = frame["first_digit"].to_numpy(), frame["second_digit"].to_numpy()
        mistaken = (frame["predicted"] != frame["label"]).to_numpy()
        np.add.at(pairs, cells, 1)
        np.add.at(wrong, cells, mistaken)
        mistakes = frame[mistaken]
        says_yes, probability = mistakes["predicted"] == 1, mistakes["probability"]
        confidence = probability.where(says_yes, 1 - probability)
        kept.append(_most_confident(mistakes.assign(confidence=confidence), most_mistakes))
    found = _most_confident(pd.concat(kept), most_mistakes)
    return DigitErrors(n=len(kept), pairs=pairs, wrong=wrong, mistakes=found.to_dict("records"))


def _most_confident(mistakes: pd.DataFrame, most: int) -> pd.DataFrame:
    """In an order that does not depend on how they were read."""
    order = mistakes.sort_values(["confidence", "seed", "pair"], ascending=[False, True, True])
    return order.drop_duplicates(["first_image", "second_image"]).head(most)


def shade(wrong: int, pairs: int) -> int:
    """The shade of a map's cell: 0 for no error, to `len(SHADES)`."""
    return sum(100 * wrong > step * pairs for step in SHADES)


def shade_legend() -> list[str]:
    """What the shades stand for, from 0 on."""
    ends = [f"{low:g} to {high:g}%" for low, high in pairwise(SHADES)]
    return ["no error", *ends, f"above {SHADES[-1]:g}%"]


def image_of_pair(pair: NDArray[np.float32]) -> str:
    """A PNG as data URI: two images, (2, 14, 14), 0 to 1, side by side as the networks see them."""
    left, right = np.rint(255 * pair).astype(np.uint8)
    gap = np.full((len(left), GAP), 128, dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.hstack([left, gap, right])).save(file, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
