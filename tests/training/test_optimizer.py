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


@pytest.mark.process
def test_training_does_not_import_torch_s_compiler() -> None:
    """It takes longer to import than a short run to train, in every worker."""
    program = (
        "import sys\n"
        "from mnistcmp.training.process import warm_up\n"
        "warm_up()\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
