"""The input of a stack: each image as the 36 windows that its pooled positions see.

Two convolutions of 2 x 2 with nothing between are one of 3 x 3, and the four outputs that a pooling
takes the largest of see a window of 4 x 4 pixels, two apart.

PyTorch's form cuts the windows of all images once, and a batch picks from that table. Compiled, a
batch's windows are cut each time anew: images are a third of their windows, and stay in the
processor's cache where the table does not.
"""

import torch
from torch import Tensor

from mnistcmp.training.stacked.compiled import Array, compiled, use_compiled

ACROSS, POSITIONS = 6, 36
"""Windows in a row of an image, and in all."""
SIDE, WINDOW = 4, 16
"""Pixels of a window."""
STRIDE = 2


class WindowTable:
    """N pairs for each of S runs, and the windows of batches of them."""

    def __init__(self, inputs: Tensor, *, rows_per_run: int, uses: int) -> None:
        """Takes inputs (S, N, 2, 14, 14).

        A row reads both images as two channels, or its own of the two, or both in turn (`uses` 2).
        """
        self._as_channels = rows_per_run * uses == 1
        self._pixels = 2 * WINDOW if self._as_channels else WINDOW
        runs, pairs = inputs.shape[:2]
        self._shape = runs * rows_per_run, uses, POSITIONS
        if use_compiled(inputs):
            self._images = inputs.contiguous()
            return
        # From (S, N, image, 6, 6, 4, 4), each to the place that `batch` names.
        windows = inputs.unfold(3, SIDE, STRIDE).unfold(4, SIDE, STRIDE)
        order = (0, 3, 4, 1, 2, 5, 6) if self._as_channels else (0, 2, 3, 4, 1, 5, 6)
        self._table = windows.permute(order).reshape(-1, self._pixels)
        starts = torch.arange(0, len(self._table), pairs, device=inputs.device)
        self._starts = starts.view(runs, -1, 1)

    def batch(self, pairs: Tensor) -> Tensor:
        """The windows of each run's pairs (S, B): (R, uses, 36, B, pixels)."""
        runs, count = pairs.shape
        shape = *self._shape, count, self._pixels
        if use_compiled(pairs):
            images = () if self._as_channels else (2,)
            windows = self._images.new_empty(runs, *images, POSITIONS, count, self._pixels)
            _cut(self._images.numpy(), pairs.numpy(), windows.numpy())
            return windows.view(shape)
        where = self._starts + pairs[:, None]
        return self._table.index_select(0, where.view(-1)).view(shape)


@compiled
def _cut(images: Array, pairs: Array, result: Array) -> None:
    """The windows of the pairs (S, B) of images (S, N, 2, 14, 14).

    They go to a result (S, 2, 36, B, 16), or (S, 36, B, 32), where one has both images' pixels.
    """
    for run in range(len(pairs)):
        for image in range(2):
            for down in range(ACROSS):
                for i in range(pairs.shape[1]):
                    pixels = images[run, pairs[run, i], image]
                    for across in range(ACROSS):
                        position, left = down * ACROSS + across, across * STRIDE
                        if result.ndim == 5:  # noqa: PLR2004 - see above
                            out = result[run, image, position, i]
                        else:
                            out = result[run, position, i, image * SIDE * SIDE :]
                        for row in range(SIDE):
                            line = pixels[down * STRIDE + row]
                            # All four at once: as a loop it takes three times as long.
                            a, b, c, d = line[left], line[left + 1], line[left + 2], line[left + 3]
                            to = row * SIDE
                            out[to], out[to + 1], out[to + 2], out[to + 3] = a, b, c, d
