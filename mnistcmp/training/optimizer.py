"""The optimizer of a recipe, and how its learning rate goes."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from mnistcmp.study.recipe import Recipe

KINDS: dict[str, type[torch.optim.Adam]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def recipe_optimizer(
    parameters: Iterable[nn.Parameter], recipe: Recipe, *, capturable: bool = False
) -> torch.optim.Optimizer:
    """Adam or AdamW at its start; each of its steps is one of the recipe's schedule too."""
    optimizer = KINDS[recipe.optimizer](
        parameters,
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        fused=True,
        capturable=capturable,
    )
    if recipe.schedule == "one-cycle":
        schedule = OneCycleLR(optimizer, max_lr=recipe.learning_rate, total_steps=recipe.steps)
        optimizer.register_step_post_hook(lambda *_: schedule.step())
    return optimizer
