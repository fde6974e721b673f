"""The dropout masks of a stack's step, drawn for all layers and rows in one go."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from mnistcmp.training.dropout import LANES, dropout_masks, mask_counters, threshold
from mnistcmp.training.stacked.layers import StackedDropout


class StackedMasks(nn.Module):
    """Hands each dropout layer its masks at the start of a step.

    They are the masks that the rows' plain layers draw for themselves: the same function of the
    same keys and counters, laid end to end.
    """

    _keys: Tensor
    _counters: Tensor
    _thresholds: Tensor
    _scales: Tensor

    def __init__(self, layers: Sequence[StackedDropout]) -> None:
        super().__init__()
        self._layers = tuple(layers)  # not of this module: a tuple is not registered
        keys, counters, thresholds, scales = [], [], [], []
        self._shapes = []
        for layer in layers:
            plain = layer.layers[0]
            shape = len(layer.layers), layer.units, plain.uses, plain.batch_size
            own = mask_counters(torch.tensor([row.site for row in layer.layers]), prod(shape[1:]))
            counters.append(own.flatten())
            keys.append(
                torch.cat([row.key for row in layer.layers]).repeat_interleave(own.shape[1])
            )
            lanes = own.numel() * LANES
            thresholds.append(torch.full((lanes,), threshold(plain.p), dtype=torch.int16))
            scales.append(torch.full((lanes,), 1 / (1 - plain.p)))
            self._shapes.append(shape)
        self._lengths = [len(scale) for scale in scales]
        for name, parts in (
            ("_keys", keys),
            ("_counters", counters),
            ("_thresholds", thresholds),
            ("_scales", scales),
        ):
            self.register_buffer(name, torch.cat(parts), persistent=False)

    def draw(self, step: int | Tensor) -> None:
        """The masks of a step, counted from 0."""
        masks = dropout_masks(self._keys, self._counters, step, self._thresholds, self._scales)
        parts = torch.split(masks, self._lengths)
        for layer, shape, part in zip(self._layers, self._shapes, parts, strict=True):
            # A row's words may decide for a few values more than it has.
            layer.masks = part.view(shape[0], -1)[:, : prod(shape[1:])].view(shape)
