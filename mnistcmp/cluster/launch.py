"""A launch: what to train, where to keep it, and on what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from typing_extensions import override

from mnistcmp.cluster.events import Event
from mnistcmp.cluster.work import Work
from mnistcmp.study.sources import verify_source

if TYPE_CHECKING:
    from mnistcmp.cluster.places import RayPlace
    from mnistcmp.cluster.stacks import Stack
    from mnistcmp.data.mnist import Mnist
    from mnistcmp.training.device import DeviceChoice
    from mnistcmp.training.result import TrainingResult


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What a worker is to do with each stack that it is given. It travels with them."""

    keep_weights: bool = False
    """Whether results have the best epoch's weights."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """As `Study.sources`: what the worker imports is to be what was launched."""

    def train(
        self, stack: "Stack", mnist: "Mnist", device: "DeviceChoice"
    ) -> "list[TrainingResult]":
        """Trains a stack on a kind of device of the worker's machine.

        Raises:
            UserError: There is no such device, or a custom network has another source here.
        """
        from mnistcmp.training.device import resolve_device  # noqa: PLC0415 - in workers only
        from mnistcmp.training.training import train  # noqa: PLC0415 - imports torch

        name = stack[0].architecture
        if name in self.sources:
            verify_source(name, self.sources[name])
        return train(stack, mnist, resolve_device(device), keep_weights=self.keep_weights)


class Launch(Work):
    """Trains what is missing of a study, and reports."""

    kind: Literal["launch"] = "launch"
    weights: Literal["best", "none"] = "none"
    """Whether each run's best weights are stored with it."""

    @property
    def worker(self) -> Worker:
        """What this asks of workers."""
        return Worker(keep_weights=self.weights == "best", sources=self.study.sources)

    @override
    def drive(self, place: "RayPlace", output: str) -> Iterator[Event]:
        from mnistcmp.cluster.driver import drive_launch  # noqa: PLC0415 - imports Ray and torch

        return drive_launch(self, place, output)
