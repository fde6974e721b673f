"""The input of a stack: each image as the 36 windows that its pooled positions see.

Two convolutions of 2 x 2 with nothing between are one of 3 x 3, and the four outputs that a pooling
takes the largest of see a window of 4 x 4 pixels. Images are data, so their windows are cut once.
"""

import torch
from torch import Tensor

from mnistcmp.training.stacked.loops.compiled import usable
from mnistcmp.training.stacked.loops.windows import cut

POSITIONS = 36
WINDOW = 16
"""Pixels of a window."""


class PatchTable:
    """N pairs for each of S runs, and the windows of batches of them."""

    def __init__(self, inputs: Tensor, *, rows_per_run: int, uses: int) -> None:
        """Takes inputs (S, N, 2, 14, 14).

        A row reads both images as two channels, or one image at a time: its own of the two, or both
        in turn (`uses` 2).
        """
        self._as_channels = rows_per_run * uses == 1
        runs, pairs = inputs.shape[:2]
        self._shape = runs * rows_per_run, uses, POSITIONS
        if usable(inputs):
            self._images = inputs.contiguous()
            return
        # From (S, N, image, 6, 6, 4, 4), each to the place that `batch` names.
        windows = inputs.unfold(3, 4, 2).unfold(4, 4, 2)
        order = (0, 3, 4, 1, 2, 5, 6) if self._as_channels else (0, 2, 3, 4, 1, 5, 6)
        self._table = windows.permute(order).reshape(-1, self._pixels)
        starts = torch.arange(0, len(self._table), pairs, device=inputs.device)
        self._starts = starts.view(runs, -1, 1)

    @property
    def _pixels(self) -> int:
        return 2 * WINDOW if self._as_channels else WINDOW

    def batch(self, pairs: Tensor) -> Tensor:
        """The windows of each run's pairs (S, B): (R, uses, 36, B, pixels)."""
        runs, count = pairs.shape
        shape = *self._shape, count, self._pixels
        if usable(pairs):
            # Images are a third of their windows, and stay in the cache.
            images = () if self._as_channels else (2,)
            windows = self._images.new_empty(runs, *images, POSITIONS, count, self._pixels)
            cut(self._images.numpy(), pairs.numpy(), windows.numpy())
            return windows.view(shape)
        where = self._starts + pairs[:, None]
        return self._table.index_select(0, where.view(-1)).view(shape)
