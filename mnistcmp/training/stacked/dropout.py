"""Dropout with the masks of the rows' own layers: the same function of keys and counters.

Sixteen bits of a counter's hash decide about a value (`training/dropout.py`), 0.2 ns a mask in a
compiled loop, where Bernoulli draws took 7. A step's masks are drawn together, before its first
layer, for the layer that applies them or for the loop that does so in passing (`block`).
"""

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from mnistcmp.training.dropout import (
    LANES,
    SeededDropout,
    dropout_masks,
    mask_counters,
    threshold,
    words,
)
from mnistcmp.training.stacked.compiled import Array, compiled, use_compiled
from mnistcmp.training.stacked.layer import StackedLayer

GAMMA, FIRST, SECOND = (
    np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
BY = np.uint64(27), np.uint64(30), np.uint64(31)


class StackedDropout(StackedLayer):
    """Dropout of every row."""

    _keys: Tensor
    _sites: Tensor

    def __init__(self, layers: Sequence[SeededDropout], units: int) -> None:
        super().__init__()
        self._rate = layers[0].p
        self._shape = len(layers), units, layers[0].uses, layers[0].batch_size
        sites = torch.tensor([layer.site for layer in layers])
        self.register_buffer("_keys", torch.cat([layer.key for layer in layers]), persistent=False)
        self.register_buffer("_sites", sites, persistent=False)
        self.masks: Tensor | None = None
        """(R, units, uses, batch size), of the step."""

    def start_step(self, step: int | Tensor) -> None:
        """Draws the masks of a step, counted from 0."""
        values = prod(self._shape[1:])
        counters = mask_counters(self._sites, step)
        if use_compiled(self._keys):
            masks = torch.empty(len(counters), words(values) * LANES)
            keys, firsts = (t.numpy().view(np.uint64) for t in (self._keys, counters))
            _draw(keys, firsts, threshold(self._rate), 1 / (1 - self._rate), masks.numpy())
        else:
            masks = dropout_masks(self._keys, counters, words(values), self._rate)
        self.masks = masks[:, :values].view(self._shape)

    @override
    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.masks is None:
            return x
        rows, channels, uses, positions, batch = x.shape
        masks = self.masks.view(rows, channels, positions, uses, -1)[..., :batch]
        return x * masks.transpose(2, 3)


@compiled
def _draw(keys: Array, firsts: Array, threshold: int, scale: float, result: Array) -> None:
    """The masks of R rows: `mnistcmp.seeding.random_words`, and what dropout makes of them.

    Args:
        keys: (R,), uint64.
        firsts: (R,), uint64: counter of each row's first word.
        threshold: Sixteen bits, signed, drop a value when they are below.
        scale: Of a value that is kept.
        result: Where the masks go, (R, 4 x words).
    """
    words = np.empty(result.shape[1] // 4, np.uint64)
    lanes = words.view(np.int16)
    kept, dropped = result.dtype.type(scale), result.dtype.type(0)
    limit = np.int16(threshold)
    for row in range(len(keys)):
        for i in range(len(words)):
            word = keys[row] + (firsts[row] + np.uint64(i)) * GAMMA
            word = (word ^ (word >> BY[1])) * FIRST
            word = (word ^ (word >> BY[0])) * SECOND
            words[i] = word ^ (word >> BY[2])
        own = result[row]
        for i in range(len(lanes)):
            own[i] = kept if lanes[i] >= limit else dropped
