"""Dropout whose masks come from the run's seed, whichever runs are trained beside it."""

import torch
from torch import Tensor, nn

from mnistcmp.seeding import random_words

LANES = 4
"""Sixteen bits decide whether a value is kept, so a random word decides for four of them: those of
a unit, its uses and the pairs of a batch, in that order."""


class SeededDropout(nn.Dropout):
    """As nn.Dropout, its masks a function of the run's key, the step, the layer and the unit."""

    def __init__(self, rate: float, *, key: Tensor, site: int, uses: int, batch_size: int) -> None:
        super().__init__(rate)
        self.site = site
        """Which of the network's dropout layers this is."""
        self.uses = uses
        """How often a step applies the layer: twice in a shared branch."""
        self.key = key
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
        values = shape[0] * shape[1] * shape[2]
        counters = mask_counters(torch.tensor([self.site], device=x.device), values)
        masks = dropout_masks(self.key, counters, self._step, threshold(self.p), 1 / (1 - self.p))
        mask = masks.flatten()[:values].view(shape)[:, use, : len(x)]
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


def mask_counters(sites: Tensor, values: int) -> Tensor:
    """Counters of the words that decide for so many values of each of R layers: (R, words)."""
    return (sites[:, None] << 32) + torch.arange(-(-values // LANES), device=sites.device)


def threshold(rate: float) -> int:
    """Sixteen random bits, as a signed number, drop a unit when they are below."""
    return round(rate * 2**16) - 2**15


def dropout_masks(
    keys: Tensor,
    counters: Tensor,
    step: int | Tensor,
    thresholds: int | Tensor,
    scales: float | Tensor,
) -> Tensor:
    """What values are multiplied with: 0, or `scales` where kept; four for each word, float32.

    Args:
        keys: int64: keys of the stream DROPOUT.
        counters: int64, of a shape that broadcasts with the keys.
        step: Training step of the run, from 0.
        thresholds: int16 as from `threshold`, in the shape of the result.
        scales: float32, likewise: 1 / (1 - rate).
    """
    lanes = random_words(keys, counters + (step << 40)).view(torch.int16)
    return torch.where(lanes >= thresholds, scales, 0.0)
