"""Images moved, turned and stretched at random, from the run's seed."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from mnistcmp.seeding import Stream, random_words, stream_keys

DEGREES = 12.0
SCALE = 0.1
SHEAR = 0.15
PIXELS = 1.2
"""The most by which an image is turned, stretched along each axis, sheared, moved along each."""

NUMBERS = 8
"""Counters of an image in a step, of which six are used."""


class AffineAugmentation:
    """Random affine maps of a run's images: others for each step, pair and image."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._key = stream_keys([seed], Stream.AUGMENTATION, device)

    def __call__(self, pairs: Tensor, step: int, blank: Tensor) -> Tensor:
        """Pairs (N, 2, 14, 14) of a step, moved; `blank`, the background, comes in at the edges."""
        images = pairs.reshape(-1, 1, *pairs.shape[2:]) - blank
        grid = functional.affine_grid(
            self._maps(len(images), step, images.shape[-1]), list(images.shape), align_corners=False
        )
        moved = functional.grid_sample(images, grid, mode="bicubic", align_corners=False)
        return moved.view(pairs.shape) + blank

    def _maps(self, count: int, step: int, size: int) -> Tensor:
        """(N, 2, 3), from places in the result to places in the image, as `affine_grid` has it."""
        slots = torch.arange(count * NUMBERS, device=self._key.device)
        # The highest 53 bits of a word, as a number from -1 to 1.
        words = (random_words(self._key, slots + (step << 40)) >> 11) / 2**52
        angle, across, down, shear, right, below, *_ = words.float().view(count, NUMBERS).unbind(1)
        angle = angle * math.radians(DEGREES)
        cosine, sine = torch.cos(angle), torch.sin(angle)
        across, down, shear = 1 + SCALE * across, 1 + SCALE * down, SHEAR * shear
        # In units of half an image.
        right, below = right * PIXELS * 2 / size, below * PIXELS * 2 / size
        first = torch.stack([cosine * across, (cosine * shear - sine) * down, right], 1)
        second = torch.stack([sine * across, (sine * shear + cosine) * down, below], 1)
        return torch.stack([first, second], 1)
