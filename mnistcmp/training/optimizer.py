"""The optimizer of a recipe, and how its learning rate goes."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from mnistcmp.study.recipe import Recipe

KINDS: dict[str, type[torch.optim.Adam]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class RecipeOptimizer:
    """Adam or AdamW, with the recipe's schedule."""

    def __init__(
        self, parameters: Iterable[nn.Parameter], recipe: Recipe, *, capturable: bool = False
    ) -> None:
        """Starts anew, as each round does."""
        self._optimizer = KINDS[recipe.optimizer](
            parameters,
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=True,
            capturable=capturable,
        )
        self._schedule = None
        if recipe.schedule == "one-cycle":
            self._schedule = OneCycleLR(
                self._optimizer, max_lr=recipe.learning_rate, total_steps=recipe.steps
            )

    def zero_grad(self) -> None:
        """As torch's."""
        self._optimizer.zero_grad()

    def step(self) -> None:
        """One step; the next one's learning rate is the schedule's."""
        self._optimizer.step()
        if self._schedule is not None:
            self._schedule.step()
