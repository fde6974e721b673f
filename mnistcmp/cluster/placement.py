"""Which devices of a Ray train how many runs at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnistcmp.errors import UserError
from mnistcmp.report.numbers import plural

if TYPE_CHECKING:
    # The launching side places too, and needs no torch.
    from mnistcmp.training.device import DeviceChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """What a machine of a Ray has for tasks."""

    cpus: int
    gpus: int

    @staticmethod
    def of(resources: Mapping[str, float]) -> "Node":
        """From Ray's own table of a node's resources."""
        return Node(cpus=int(resources.get("CPU", 0)), gpus=int(resources.get("GPU", 0)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """Places of one kind for runs."""

    gpu: bool
    """Whether a run takes a GPU; it takes a CPU in any case."""
    device: "DeviceChoice"
    """What a run in it is told to train on. `auto` where a GPU is not insisted on: Ray counts GPUs
    that torch, in a build for the CPU, cannot use."""
    slots: int
    """Runs at a time."""
    node_cpus: int = 1
    """Of its largest machine, all of which a run can be given."""


def choose_pools(choice: "DeviceChoice", nodes: Sequence[Node], *, place: str) -> tuple[Pool, ...]:
    """The pools for a choice of device; `auto` takes every GPU and the CPUs that they leave.

    Raises:
        UserError: No run could ever be placed on any node.
    """
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    # A run needs both on one machine.
    with_gpu = sum(min(node.cpus, node.gpus) for node in nodes)
    has = f"{place} has {plural(cpus, 'CPU')} and {plural(gpus, 'GPU')} for tasks"
    if choice == "cuda" and not with_gpu:
        raise UserError(
            f"device 'cuda': each run asks for 1 CPU and 1 GPU of one machine, and {has}. "
            "Allowed here: auto, cpu. Take --device cpu, or add a worker with both."
        )
    if not cpus:
        raise UserError(f"each run asks for 1 CPU, and {has}. Add a worker with CPUs.")
    all_of = max(node.cpus for node in nodes)
    beside = max(node.cpus for node in nodes if node.gpus) if with_gpu else 0
    pools = {
        "auto": (
            Pool(gpu=True, device="auto", slots=with_gpu, node_cpus=beside),
            Pool(gpu=False, device="cpu", slots=cpus - with_gpu, node_cpus=all_of),
        ),
        "cpu": (Pool(gpu=False, device="cpu", slots=cpus, node_cpus=all_of),),
        "cuda": (Pool(gpu=True, device="cuda", slots=with_gpu, node_cpus=beside),),
    }
    return tuple(pool for pool in pools[choice] if pool.slots)
