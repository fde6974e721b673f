"""Adam or AdamW as a recipe has it, with its schedule."""

from collections.abc import Iterable
from inspect import unwrap
from typing import Any

import torch
from torch import nn
from torch.optim import Adam
from torch.optim.lr_scheduler import OneCycleLR

from mnistcmp.study.recipe import Recipe


class EagerAdam(Adam):
    """Torch's Adam where `torch.compile` does not compile it.

    Torch wraps these methods to ask its compiler whether it is at work, which imports it: a second
    of processor time and 70 MB in each worker. Here they are without the wrapper.
    """

    add_param_group = unwrap(Adam.add_param_group)
    zero_grad = unwrap(Adam.zero_grad)
    state_dict = unwrap(Adam.state_dict)
    load_state_dict = unwrap(Adam.load_state_dict)
    step: Any = torch.no_grad()(unwrap(Adam.step))


def recipe_optimizer(
    parameters: Iterable[nn.Parameter], recipe: Recipe
) -> tuple[torch.optim.Optimizer, OneCycleLR | None]:
    """Adam or AdamW at its start, and the recipe's schedule, which steps with it."""
    optimizer = EagerAdam(
        parameters,
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        decoupled_weight_decay=recipe.optimizer == "adamw",
        fused=True,
    )
    if recipe.schedule != "one-cycle":
        return optimizer, None
    schedule = OneCycleLR(optimizer, max_lr=recipe.learning_rate, total_steps=recipe.steps)
    optimizer.register_step_post_hook(lambda *_: schedule.step())
    return optimizer, schedule
