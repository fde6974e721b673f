"""Dropout whose masks come from the run's seed, whichever runs are trained beside it.

A mask is a function of the run's key, the step, the layer and the unit: sixteen bits of a counter's
hash decide about a value, 0.2 ns in a compiled loop, where Bernoulli draws took 7.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from mnistcmp.seeding import random_words
from mnistcmp.training.stacked.compiled import Array, compiled, use_compiled

LANES = 4
"""A random word decides for four values: those of a unit, its uses and the pairs of a batch, in
that order."""
GAMMA, FIRST, SECOND = (
    np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
BY = np.uint64(27), np.uint64(30), np.uint64(31)


class SeededDropout(nn.Dropout):
    """The plain network's dropout."""

    key: Tensor

    def __init__(self, rate: float, *, key: Tensor, site: int, uses: int, batch_size: int) -> None:
        super().__init__(rate)
        self.site = site
        """Which of the network's dropout layers this is."""
        self.uses = uses
        """How often a step applies the layer: twice in a shared branch."""
        # So that it moves with the network; it is no part of what the network has learned.
        self.register_buffer("key", key, persistent=False)
        self.batch_size = batch_size
        self._step = 0
        self._use = 0

    def start_step(self, step: int) -> None:
        """From here on, the masks of another step."""
        self._step, self._use = step, 0

    @override
    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        use, self._use = self._use, self._use + 1
        shape = x[0].numel(), self.uses, self.batch_size
        site = torch.tensor([self.site], device=x.device)
        masks = _masks(self.key, _counters(site, self._step), prod(shape), self.p)
        mask = masks.view(shape)[:, use, : len(x)]
        return x * mask.T.reshape(x.shape)


class StackedDropout(nn.Module):
    """The same of every row of a stack (`stacked/layer.py`).

    A step's masks are drawn together, before its first layer, for this layer or for the loop that
    applies them in passing (`stacked/norm.py`).
    """

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

    def start_step(self, step: int) -> None:
        """Draws the masks of a step, counted from 0."""
        counters, values = _counters(self._sites, step), prod(self._shape[1:])
        draw = _compiled_masks if use_compiled(self._keys) else _masks
        self.masks = draw(self._keys, counters, values, self._rate).view(self._shape)

    @override
    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.masks is None:
            return x
        rows, channels, uses, positions, batch = x.shape
        masks = self.masks.view(rows, channels, positions, uses, -1)[..., :batch]
        return x * masks.transpose(2, 3)


def _counters(sites: Tensor, step: int) -> Tensor:
    """Counter of the first word of each of R layers in a step: (R,), int64."""
    return (sites << 32) + (step << 40)


def _threshold(rate: float) -> int:
    """Sixteen random bits, as a signed number, drop a value when they are below."""
    return round(rate * 2**16) - 2**15


def _masks(keys: Tensor, counters: Tensor, values: int, rate: float) -> Tensor:
    """(R, values): what is multiplied with a layer's values, 0, or 1 / (1 - rate) where kept.

    `keys` and `counters`, those of each layer's first word, are (R,), int64.
    """
    every = counters[:, None] + torch.arange(-(-values // LANES), device=counters.device)
    lanes = random_words(keys[:, None], every).view(torch.int16)
    return torch.where(lanes >= _threshold(rate), 1 / (1 - rate), 0.0)[:, :values]


def _compiled_masks(keys: Tensor, counters: Tensor, values: int, rate: float) -> Tensor:
    masks = torch.empty(len(counters), -(-values // LANES) * LANES)
    words, firsts = (t.numpy().view(np.uint64) for t in (keys, counters))
    _draw(words, firsts, _threshold(rate), 1 / (1 - rate), masks.numpy())
    return masks[:, :values]


@compiled
def _draw(keys: Array, firsts: Array, threshold: int, scale: float, result: Array) -> None:
    """`mnistcmp.seeding.random_words` of R rows' keys, and what dropout makes of them.

    `firsts` are the counters of their first words, (R,), uint64; `result` is (R, 4 x words).
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
