"""Dropout whose masks come from the run's seed, whichever runs are trained beside it."""

from math import prod

import torch
from torch import Tensor, nn

from mnistcmp.seeding import random_words

LANES = 4
"""Sixteen bits decide whether a value is kept, so a random word decides for four of them: those of
a unit, its uses and the pairs of a batch, in that order."""


class SeededDropout(nn.Dropout):
    """nn.Dropout whose masks are a function of the run's key, the step, the layer and the unit."""

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
        self._step: int | Tensor = 0
        self._use = 0

    def start_step(self, step: int | Tensor) -> None:
        """From here on, the masks of another step."""
        self._step, self._use = step, 0

    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) to the same shape."""
        if not self.training or self.p == 0:
            return x
        use, self._use = self._use, self._use + 1
        shape = x[0].numel(), self.uses, self.batch_size
        counters = mask_counters(torch.tensor([self.site], device=x.device), self._step)
        masks = dropout_masks(self.key, counters, words(prod(shape)), self.p)
        mask = masks.flatten()[: prod(shape)].view(shape)[:, use, : len(x)]
        return x * mask.T.reshape(x.shape)


def seed_dropout(
    network: nn.Module, uses: dict[str, int], key: Tensor, batch_size: int
) -> list[SeededDropout]:
    """Puts seeded layers in the place of the network's own; `uses` is by the layer's name."""
    layers = []
    found = [(n, layer.p) for n, layer in network.named_modules() if type(layer) is nn.Dropout]
    for site, (name, rate) in enumerate(found):
        layer = SeededDropout(
            rate, key=key, site=site, uses=uses.get(name, 1), batch_size=batch_size
        )
        network.set_submodule(name, layer)
        layers.append(layer)
    return layers


def words(values: int) -> int:
    """Random words that decide for so many values."""
    return -(-values // LANES)


def mask_counters(sites: Tensor, step: int | Tensor) -> Tensor:
    """Counter of the first word of each of R layers in a step: (R,), int64."""
    return (sites << 32) + (step << 40)


def threshold(rate: float) -> int:
    """Sixteen random bits, as a signed number, drop a value when they are below."""
    return round(rate * 2**16) - 2**15


def dropout_masks(keys: Tensor, counters: Tensor, count: int, rate: float) -> Tensor:
    """What the values of R layers are multiplied with: 0, or 1 / (1 - rate) where kept.

    Args:
        keys: (R,), int64: keys of the stream DROPOUT.
        counters: (R,), int64: of each layer's first word.
        count: Words of each layer.
        rate: Share of the values that are dropped.

    Returns:
        (R, LANES x count).
    """
    every = counters[:, None] + torch.arange(count, device=counters.device)
    lanes = random_words(keys[:, None], every).view(torch.int16)
    return torch.where(lanes >= threshold(rate), 1 / (1 - rate), 0.0)
