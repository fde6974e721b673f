"""What the page shows of test pairs: the map of errors by digits, and the mistakes' images."""

import base64
import io
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHADES = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0)
"""Error rates, in %, above which the next shade begins: the same on every map of every study."""
GAP = 2
"""Grey pixels between the two images of a pair."""


def shade(wrong: int, pairs: int) -> int:
    """The shade of a map's cell: 0 for no error, to `len(SHADES)`."""
    return sum(100 * wrong > step * pairs for step in SHADES)


def shade_legend() -> tuple[tuple[int, str], ...]:
    """Shades and what they stand for."""
    ends = [f"{low:g} to {high:g}%" for low, high in pairwise(SHADES)]
    return tuple(enumerate(["no error", *ends, f"above {SHADES[-1]:g}%"]))


def image_of_pair(pair: NDArray[np.float32]) -> str:
    """A PNG as data URI: two images, (2, 14, 14), 0 to 1, side by side as the networks see them."""
    left, right = np.rint(255 * pair).astype(np.uint8)
    gap = np.full((len(left), GAP), 128, dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.hstack([left, gap, right])).save(file, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
