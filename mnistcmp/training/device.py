"""Devices: which one a choice means. Plans name them too, without torch."""

from typing import TYPE_CHECKING, Literal

from mnistcmp.errors import UserError

if TYPE_CHECKING:
    import torch

DeviceChoice = Literal["auto", "cpu", "cuda"]


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
