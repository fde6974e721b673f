"""A study from plan to stored results, on the connected Ray."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mnistcmp.cluster.fanout import Train, fan_out
from mnistcmp.cluster.local import Resources
from mnistcmp.data import Mnist
from mnistcmp.errors import UserError
from mnistcmp.results import Failed, Finished, ResultsStore
from mnistcmp.study import Run, Study
from mnistcmp.training import DeviceChoice, train


@dataclass(kw_only=True, slots=True)
class Progress:
    """How far a launch is."""

    total: int
    """Runs to train in this launch."""
    slots: int
    """Runs that can be trained at a time."""
    finished: int = 0
    failed: list[Failed] = field(default_factory=list)
    best: Finished | None = None
    latest: Finished | Failed | None = None

    @property
    def done(self) -> int:
        """Runs that ended, well or not."""
        return self.finished + len(self.failed)

    @property
    def running(self) -> int:
        """Runs being trained now."""
        return min(self.slots, self.total - self.done)

    def note(self, outcome: Finished | Failed) -> None:
        """Counts a run that ended."""
        self.latest = outcome
        if isinstance(outcome, Failed):
            self.failed.append(outcome)
            return
        self.finished += 1
        if self.best is None or outcome.result.test.accuracy > self.best.result.test.accuracy:
            self.best = outcome


def choose_device(choice: DeviceChoice, resources: Resources) -> DeviceChoice:
    """`cpu` or `cuda`, by what the connected Ray has.

    Raises:
        UserError: It cannot train a run on such a device, now or ever.
    """
    if choice == "cuda" and not resources.gpus:
        raise UserError(
            f"device 'cuda': {resources.place} has no GPU that Ray sees. "
            "Allowed here: auto, cpu. Take --device cpu, or a machine with a GPU."
        )
    if not resources.cpus:
        raise UserError(f"{resources.place} has no CPU for tasks. Add a worker with one.")
    return "cuda" if resources.gpus and choice != "cpu" else "cpu"


def run_study(
    study: Study,
    runs: tuple[Run, ...],
    store: ResultsStore,
    mnist: Mnist,
    *,
    device: DeviceChoice,
    resources: Resources,
    on_progress: Callable[[Progress], None],
    train: Train = train,
) -> Progress:
    """Trains runs of a study, stores each as it comes back, and tells after each how far it is.

    Raises:
        UserError: The store cannot be written any more.
    """
    slots = min(resources.cpus, resources.gpus) if device == "cuda" else resources.cpus
    progress = Progress(total=len(runs), slots=slots)
    on_progress(progress)
    for outcome in fan_out(runs, mnist, device=device, workers=slots, train=train):
        if isinstance(outcome, Finished):
            store.write_finished(study.name, outcome)
        else:
            store.write_failed(study.name, outcome)
        progress.note(outcome)
        on_progress(progress)
    return progress
