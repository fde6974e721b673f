"""Which devices of a Ray train how many runs at a time."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mnistcmp.errors import UserError

if TYPE_CHECKING:
    # The launching side places too, and needs no torch.
    from mnistcmp.training import DeviceChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """Runs of one kind of device."""

    device: Literal["cpu", "cuda"]
    slots: int
    """Runs at a time. Each takes a CPU, and on `cuda` a GPU too."""


def choose_pools(choice: "DeviceChoice", *, cpus: int, gpus: int, place: str) -> tuple[Pool, ...]:
    """The pools for a choice of device; `auto` takes every GPU and the CPUs that they leave.

    Raises:
        UserError: No run could ever be placed.
    """
    with_gpu = min(cpus, gpus)
    has = f"{place} has {cpus} CPUs and {gpus} GPUs for tasks"
    if choice == "cuda" and not gpus:
        raise UserError(
            f"device 'cuda': each run asks for 1 CPU and 1 GPU, and {has}. "
            "Allowed here: auto, cpu. Take --device cpu, or add a worker with a GPU."
        )
    if not cpus:
        raise UserError(f"each run asks for 1 CPU, and {has}. Add a worker with CPUs.")
    pools = {
        "auto": (Pool(device="cuda", slots=with_gpu), Pool(device="cpu", slots=cpus - with_gpu)),
        "cpu": (Pool(device="cpu", slots=cpus),),
        "cuda": (Pool(device="cuda", slots=with_gpu),),
    }
    return tuple(pool for pool in pools[choice] if pool.slots)
