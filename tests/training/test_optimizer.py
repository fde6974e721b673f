"""The optimizer is torch's, without torch's compiler."""

import subprocess
import sys
from copy import deepcopy

import pytest
import torch

from mnistcmp.study.recipe import Recipe
from mnistcmp.training.optimizer import recipe_optimizer


@pytest.mark.parametrize(
    ("kind", "changes"),
    [(torch.optim.Adam, {"optimizer": "adam"}), (torch.optim.AdamW, {"optimizer": "adamw"})],
)
def test_steps_are_torch_s(kind: type[torch.optim.Optimizer], changes: dict[str, object]) -> None:
    """Bit for bit, from a state that was loaded too."""
    recipe = Recipe.model_validate({"weight_decay": 0.1} | changes)
    ours, torchs, resumed = (torch.nn.Parameter(torch.ones(100)) for _ in range(3))
    optimizer, _ = recipe_optimizer([ours], recipe)
    expected = kind([torchs], lr=recipe.learning_rate, weight_decay=0.1, fused=True)  # type: ignore[call-arg]
    for gradient in torch.linspace(-1, 1, 500).view(5, 100):
        ours.grad, torchs.grad = gradient, gradient.clone()
        optimizer.step()
        expected.step()
    assert torch.equal(ours, torchs)
    again, _ = recipe_optimizer([resumed], recipe)
    again.load_state_dict(deepcopy(optimizer.state_dict()))
    resumed.data, resumed.grad = ours.detach().clone(), torch.ones(100)
    ours.grad = torch.ones(100)
    optimizer.step()
    again.step()
    assert torch.equal(resumed, ours)


TRAINS = """
import sys
import numpy as np
import torch
from mnistcmp.data.mnist import Digits, Mnist
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run
from mnistcmp.training.training import Training, train, train_plainly

noise = np.random.default_rng(0).random((20, 14, 14), np.float32)
digits = Digits(images=noise, labels=np.arange(20) % 10)
mnist, cpu = Mnist(train=digits, test=digits), torch.device("cpu")
recipe = Recipe(epochs=2, train_pairs=10, test_pairs=10, batch_size=4)
run = Run(architecture="baseline", seed=0, recipe=recipe)
train([run], mnist, cpu)
train_plainly(run, mnist, cpu)
training = Training([run], mnist, cpu)
training.epoch()
Training([run], mnist, cpu).resume(training.checkpoint())
print("torch._dynamo" in sys.modules)
"""


@pytest.mark.process
def test_training_does_not_import_torch_s_compiler() -> None:
    """Stacked, plain or from a checkpoint: the import takes longer than a short run."""
    done = subprocess.run(
        [sys.executable, "-c", TRAINS], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
