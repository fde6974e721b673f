"""A launch: what to train, where to keep it, and on what."""

import math
import pickle
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field
from typing_extensions import override

from mnistcmp.cluster.events import Event
from mnistcmp.cluster.watchdog import Watchdog
from mnistcmp.cluster.work import Seconds, Work
from mnistcmp.errors import UserError, in_short
from mnistcmp.networks.given import find_kept, is_kept_by_value, kept
from mnistcmp.networks.source import find_source
from mnistcmp.provenance import environment
from mnistcmp.study.sources import custom_networks, verify_source
from mnistcmp.study.study import Study

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnistcmp.cluster.places import RayPlace
    from mnistcmp.cluster.stacks import Stack
    from mnistcmp.data.mnist import Mnist
    from mnistcmp.training.device import DeviceChoice
    from mnistcmp.training.result import TrainingResult
    from mnistcmp.training.training import Training


@dataclass(frozen=True, kw_only=True, slots=True)
class Began:
    """A worker has taken a stack."""

    host: str
    device: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a stack goes on from if its worker is lost."""

    content: bytes
    """As `Training.resume` takes it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """How far a stack is that a worker trains; accuracies of its runs, 0 to 1."""

    host: str
    device: str
    epochs: int
    """Done by each run, all rounds together."""
    seconds: float
    """That it took so far."""
    train: tuple[float, ...]
    """Of the latest epoch."""
    validation: tuple[float, ...]
    """After it."""


Trains: TypeAlias = "Generator[Trained | Checkpoint, None, list[TrainingResult | float]]"
"""Tells how far a stack is, and ends with its runs' results, or with the scores of what is left."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What a worker is to do with each stack that it is given. It travels with them."""

    keep_weights: bool = False
    """Whether results have the best epoch's weights."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """As `Study.sources`: what the worker imports is to be what was launched."""
    defined: Mapping[str, bytes] = field(default_factory=dict)
    """Name of a network that a script or notebook defines, to the pickled class or function."""
    folders: tuple[str, ...] = ()
    """Where custom networks' modules are, of those that the launching program imports from."""
    run_timeout: float | None = None
    """Seconds after which a run is ended; without it, one that hangs is."""
    seconds_between: float = 1.0
    """Of two accounts of a stack in training, at least."""
    seconds_between_checkpoints: float = 30.0
    """Of two checkpoints of it, at least."""
    checkpoint: bytes | None = None
    """What a stack goes on from."""
    until: int | None = None
    """Epochs, of all rounds, after which a stack that has more is left, to go on another time."""

    def train(self, stack: "Stack", mnist: "Mnist", device: "DeviceChoice") -> Trains:
        """Trains a stack on a kind of device of the worker's machine, and tells how far it is.

        Raises:
            UserError: There is no such device, or a custom network has another source here.
        """
        from mnistcmp.training.device import resolve_device  # noqa: PLC0415 - in workers only
        from mnistcmp.training.training import trainings  # noqa: PLC0415 - imports torch

        name = stack[0].architecture
        if name in self.sources:
            sys.path += [folder for folder in self.folders if folder not in sys.path]
            if name in self.defined:
                kept[name] = pickle.loads(self.defined[name])  # noqa: S301 - the launch's own
            else:
                verify_source(name, self.sources[name])
        where = resolve_device(device)
        results: list[TrainingResult | float] = []
        for training in trainings(stack, mnist, where, keep_weights=self.keep_weights):
            if self.checkpoint is not None:
                training.resume(self.checkpoint)
            yield from self._train(training, str(where))
            if training.done:
                results += training.results()
            else:
                results += training.scores(self.until)
        return results

    def _train(self, training: "Training", device: str) -> Iterator[Trained | Checkpoint]:
        told = saved = time.monotonic()
        with Watchdog(self.run_timeout and self.run_timeout * training.width) as watchdog:
            while self._goes_on(training):
                training.epoch()
                watchdog.note_epoch()
                if (now := time.monotonic()) - told >= self.seconds_between:
                    told = now
                    yield _account(training, device)
                if now - saved >= self.seconds_between_checkpoints and not training.done:
                    saved = now
                    if (content := training.checkpoint()) is not None:
                        yield Checkpoint(content)
        if not training.done and (content := training.checkpoint()) is not None:
            yield Checkpoint(content)

    def _goes_on(self, training: "Training") -> bool:
        return not training.done and training.epochs_done < (self.until or math.inf)


def _account(training: "Training", device: str) -> Trained:
    return Trained(
        host=environment().host,
        device=device,
        epochs=training.epochs_done,
        seconds=training.seconds,
        train=_rounded(training.train_accuracies),
        validation=_rounded(training.validation_accuracies),
    )


def _rounded(shares: "NDArray[np.floating]") -> tuple[float, ...]:
    """For people, in few characters."""
    return tuple(round(share, 4) for share in shares.tolist())


def _pickled(name: str) -> bytes:
    """A script's network as a process on this machine takes it."""
    from ray import cloudpickle  # noqa: PLC0415 - where Ray is

    try:
        return bytes(cloudpickle.dumps(find_kept(name)))  # type: ignore[no-untyped-call]
    except Exception as error:
        raise UserError(
            f"'{name}' refers to something that cannot be sent to other processes: "
            f"{in_short(error)}. Make it in the network, or put both into a module."
        ) from error


def worker_of(
    study: Study, *, keep_weights: bool = False, run_timeout: float | None = None
) -> Worker:
    """What a study asks of workers, whose custom networks they are to find."""
    names = custom_networks(study)
    folders = {folder: None for name in names for folder in find_source(name).folders}
    return Worker(
        keep_weights=keep_weights,
        sources=study.sources,
        run_timeout=run_timeout,
        defined={name: _pickled(name) for name in filter(is_kept_by_value, names)},
        folders=tuple(folders),
    )


class Launch(Work):
    """Trains what is missing of a study, and reports."""

    kind: Literal["launch"] = "launch"
    weights: Literal["best", "none"] = "none"
    """Whether each run's best weights are stored with it."""
    notify: str | None = None
    """A URL to which the end is posted."""
    run_timeout: Seconds | None = None
    """Seconds that a run may take."""
    max_failures: Annotated[int, Field(ge=1)] | None = None
    """How many runs fail before no more are trained."""

    @property
    def worker(self) -> Worker:
        """What this asks of workers."""
        keep_weights = self.weights == "best"
        return worker_of(self.study, keep_weights=keep_weights, run_timeout=self.run_timeout)

    @override
    def drive(self, place: "RayPlace", output: str) -> Generator[Event, None, None]:
        from mnistcmp.cluster.driver import drive_launch  # noqa: PLC0415 - imports Ray and torch

        return drive_launch(self, place, output)
