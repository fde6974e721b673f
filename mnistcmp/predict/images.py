"""An image file as a digit like MNIST's: 14 x 14 grey levels, light on dark."""

import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mnistcmp.data.mnist import pool
from mnistcmp.errors import UserError

SIZE = 14
FORMATS = ("PNG", "JPEG")
LIGHT = 0.6
"""Of the grey levels from 0 to 1: a background above it is clearly light."""
CONTRAST = 0.1
"""Between the lightest and the darkest pixel; what has less shows nothing."""
INK = 0.3
"""Of the lightest pixel: what has less is no part of the digit."""
MIDDLE, OFF = 6.75, 1
"""Where MNIST's digits have their centre of mass, in pixels of 14, and more than any is off it."""
SMALLEST, LARGEST = 7, 11
"""Pixels that the longer side of MNIST's digits has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Digit:
    """An image as a network takes it, but not standardised."""

    pixels: NDArray[np.float32]
    """(14, 14): grey levels from 0 to 1, dark ground."""
    notes: tuple[str, ...]
    """What was done to the image, and how it is unlike MNIST's, in words."""


def read_digit(path: Path) -> Digit:
    """Reads a PNG or JPEG file, and converts what can be converted without harm.

    28 x 28 pixels are pooled as the data is, others resized by area; colours become grey levels;
    a light background is made dark, a rectangle is filled up to a square with its background.

    Raises:
        UserError: It is not such a file, too small, or shows nothing.
    """
    notes: list[str] = []
    image = _to_grey(_open(path), notes)
    if max(image.size) < SIZE:
        raise UserError(
            f"{path} has {_size(image)} pixels, too few for a digit. Take {SIZE} x {SIZE} or more."
        )
    levels = _levels(image)
    if levels.max() - levels.min() < CONTRAST:
        raise UserError(f"{path} is blank: all its pixels are about the same. Take another image.")
    border = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
    background = float(np.median(border))
    if max(image.size) ** 2 > (Image.MAX_IMAGE_PIXELS or math.inf):
        raise _too_large(path)
    if image.width != image.height:
        side = max(image.size)
        notes.append(f"filled up from {_size(image)} to {side} x {side} pixels")
        image = ImageOps.pad(image, (side, side), color=round(255 * background))
    if background > LIGHT:
        notes.append("inverted, since its background is light")
        image = ImageOps.invert(image)
    pixels = _to_size(image, notes)
    return Digit(pixels=pixels, notes=(*notes, *unlike_mnist(pixels)))


def unlike_mnist(pixels: NDArray[np.float32]) -> list[str]:
    """How the place and size of a digit, light on dark, differ from all that networks know."""
    ink = np.where(pixels > INK * pixels.max(), pixels, 0)
    across, down = ink.sum(axis=0), ink.sum(axis=1)
    middle = [side @ np.arange(SIZE) / side.sum() for side in (across, down)]
    off = max(abs(place - MIDDLE) for place in middle)
    longer = max(np.ptp(np.flatnonzero(side)) + 1 for side in (across, down))
    notes = []
    if off > OFF:
        notes.append(f"the digit is {off:.1f} of {SIZE} pixels off the middle, where MNIST's are")
    if not SMALLEST <= longer <= LARGEST:
        notes.append(f"the digit is {longer} of {SIZE} pixels long, where MNIST's are 9 to 11")
    return notes


def _open(path: Path) -> Image.Image:
    """The first image in the file, upright."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                upright: Image.Image = ImageOps.exif_transpose(image)
                upright.load()
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is not a PNG or JPEG image.") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_large(path) from error
    # Pillow's readers raise whatever a damaged file makes of them.
    except Exception as error:
        reason = getattr(error, "strerror", None) or "the image is damaged"
        raise UserError(f"cannot read {path}: {reason}.") from error
    return upright


def _too_large(path: Path) -> UserError:
    return UserError(f"{path} has too many pixels. Take an image of one digit.")


def _to_grey(image: Image.Image, notes: list[str]) -> Image.Image:
    """As grey levels of a byte (Pillow's mode L)."""
    if image.mode.startswith("I"):
        # Sixteen bits a pixel, of which Pillow would cut off those above the eighth.
        notes.append("16 bits a pixel taken as 8")
        return Image.fromarray((np.asarray(image).astype(np.float64) / 257).round().astype("uint8"))
    if image.has_transparency_data:
        notes.append("transparent pixels taken as background")
        return _on_background(image.convert("RGBA"))
    if image.mode not in {"L", "1"}:
        notes.append("converted to grey levels")
    return image.convert("L")


def _on_background(image: Image.Image) -> Image.Image:
    """What is drawn dark on white, what is drawn light on black."""
    grey, opacity = image.convert("RGB").convert("L"), np.asarray(image.getchannel("A"))
    drawn = np.asarray(grey)[opacity > 0]
    background = 255 if drawn.size and drawn.mean() < 255 / 2 else 0
    return Image.composite(grey, Image.new("L", image.size, background), image.getchannel("A"))


def _to_size(image: Image.Image, notes: list[str]) -> NDArray[np.float32]:
    if image.size == (SIZE, SIZE):
        return _levels(image)
    if image.size == (2 * SIZE, 2 * SIZE):
        pooled: NDArray[np.float32] = pool(np.asarray(image)[None])[0]
        return pooled
    notes.append(f"resized from {_size(image)} to {SIZE} x {SIZE} pixels")
    return _levels(image.convert("F").resize((SIZE, SIZE), Image.Resampling.BOX))


def _levels(image: Image.Image) -> NDArray[np.float32]:
    """Bytes as 0 to 1."""
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def _size(image: Image.Image) -> str:
    return f"{image.width} x {image.height}"
