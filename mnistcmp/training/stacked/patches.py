"""The input of a stack: each image as the 36 windows that its pooled positions see.

Two convolutions of 2 x 2 with nothing between are one of 3 x 3, and the four outputs that a pooling
takes the largest of see a window of 4 x 4 pixels. Images are data, so their windows are cut once.
"""

import torch
from torch import Tensor

POSITIONS = 36
WINDOW = 16
"""Pixels of a window."""


class PatchTable:
    """The windows of N pairs for each of R rows, and batches of them."""

    def __init__(self, inputs: Tensor, *, rows_per_run: int, uses: int) -> None:
        """Cuts the windows of (S, N, 2, 14, 14).

        A row reads both images as two channels, or one image at a time: its own of the two, or both
        in turn (`uses` 2).
        """
        runs, pairs = inputs.shape[:2]
        # From (S, N, image, 6, 6, 4, 4), each to the place that `batch` names.
        windows = inputs.unfold(3, 4, 2).unfold(4, 4, 2)
        if rows_per_run * uses == 1:
            self._table = windows.permute(0, 3, 4, 1, 2, 5, 6).reshape(-1, 2 * WINDOW)
        else:
            self._table = windows.permute(0, 2, 3, 4, 1, 5, 6).reshape(-1, WINDOW)
        starts = torch.arange(0, len(self._table), pairs, device=inputs.device)
        self._starts = starts.view(runs, -1, 1)
        self._shape = runs * rows_per_run, uses, POSITIONS, -1, self._table.shape[1]

    def batch(self, pairs: Tensor) -> Tensor:
        """The windows of each run's pairs (S, B): (R, uses, 36, B, pixels)."""
        where = self._starts + pairs[:, None]
        return self._table.index_select(0, where.view(-1)).view(self._shape)
