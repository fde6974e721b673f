"""The most confident mistakes, with their images."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistcmp.report.digits import Mistake
from mnistcmp.report.numbers import certainty

GAP = 2
"""Grey pixels between the two images."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """A mistake as the page shows it."""

    image: str
    """A PNG as data URI: both digits side by side, as the network saw them."""
    alternative: str
    truth: str
    answer: str
    detail: str


def gallery(mistakes: Sequence[Mistake], images: NDArray[np.float32]) -> tuple[Tile, ...]:
    """Tiles of mistakes; `images` are MNIST's test images, (10000, 14, 14), 0 to 1."""
    return tuple(_tile(mistake, images) for mistake in mistakes)


def _tile(mistake: Mistake, images: NDArray[np.float32]) -> Tile:
    first, second = mistake.digits
    signs = ("greater than", ">"), ("less than or equal to", "≤")
    named = ""
    if mistake.named is not None:
        named = f"branches read {mistake.named[0]} and {mistake.named[1]}; "
    return Tile(
        image=_data_uri(images[list(mistake.images)]),
        alternative=f"handwritten {first} and {second}",
        truth=f"{first} {signs[mistake.label][1]} {second}",
        answer=f"“{signs[1 - mistake.label][0]}”, {certainty(mistake.confidence)} sure",
        detail=f"{named}seed {mistake.seed}, pair {mistake.pair}",
    )


def _data_uri(pair: NDArray[np.float32]) -> str:
    left, right = np.rint(255 * pair).astype(np.uint8)
    gap = np.full((len(left), GAP), 128, dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.hstack([left, gap, right])).save(file, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
