"""Devices: which one a choice means, and how many runs its memory holds. Plans need no torch."""

import sys
from typing import TYPE_CHECKING, Literal

from mnistcmp.errors import UserError
from mnistcmp.study.recipe import Recipe

if TYPE_CHECKING:
    import torch

DeviceChoice = Literal["auto", "cpu", "cuda"]

BYTES_PER_RUN = 15 * 2**20
"""Of a stack on a GPU: activations, weights and Adam's state. Calculated for the siamese networks,
not measured."""
BYTES_PER_PAIR = 5000
"""What its windows take; calculated too."""
USABLE = 0.8
"""Share of a GPU's free memory that stacks are planned for."""


def most_at_once(recipe: Recipe, device: "torch.device") -> int:
    """How many runs a device has memory for in one stack; a processor's takes all that is asked."""
    if device.type != "cuda":
        return sys.maxsize
    import torch  # noqa: PLC0415 - see above

    free, _ = torch.cuda.mem_get_info(device)
    # What PyTorch keeps for later use is there to be used.
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    bytes_per_run = BYTES_PER_RUN + BYTES_PER_PAIR * (recipe.train_pairs + recipe.test_pairs)
    return max(1, int(USABLE * free) // bytes_per_run)


def resolve_device(choice: DeviceChoice) -> "torch.device":
    """The device that a choice means on this machine; `auto` is the GPU where there is one.

    Raises:
        UserError: A GPU is asked for and torch sees none.
    """
    import torch  # noqa: PLC0415 - see above

    available = torch.cuda.is_available()
    if choice == "cuda" and not available:
        raise UserError(
            "device 'cuda': torch sees no GPU on this machine. "
            "Allowed here: auto, cpu. Take --device cpu, or a machine with a GPU."
        )
    return torch.device("cuda" if available and choice != "cpu" else "cpu")
