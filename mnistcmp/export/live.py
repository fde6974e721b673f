"""Runs in MLflow and in TensorBoard while they train, as they look there once they are exported."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from mnistcmp.errors import look_up
from mnistcmp.export.runs import import_extra
from mnistcmp.export.to_mlflow import (
    LIVE,
    RUN_ID,
    default_uri,
    experiment_id,
    import_mlflow,
)
from mnistcmp.export.to_tensorboard import quiet_writers, tag_of

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveRun:
    """A run that trains; its name is unique in the study."""

    study: str
    name: str
    parameters: dict[str, str | int | float] = field(default_factory=dict)
    run_id: str | None = None
    recipe_hash: str | None = None


class Tracker(ABC):
    """Another tool, which is told of runs while they train.

    A method raises whatever the tool's library does, and takes as long as that.
    """

    tool: ClassVar[str]
    place: str
    """Where it keeps what it is told."""

    @abstractmethod
    def log(self, run: LiveRun, epoch: int, accuracies: Mapping[str, float]) -> None:
        """Notes accuracies in or after an epoch, each by the name of its column of `epochs`."""

    @abstractmethod
    def end(self, run: LiveRun, metrics: Mapping[str, float], error: str | None) -> None:
        """Notes what a run came to, or the error that it failed with."""

    @abstractmethod
    def close(self) -> None:
        """Leaves the runs that have not ended."""


class LiveMlflow(Tracker):
    """An experiment named as the study, with a run for each run.

    A run that has not ended is left as killed, a failed one with its error as a tag.
    """

    tool = "mlflow"

    def __init__(self) -> None:
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        self.place = default_uri()
        import_mlflow(self.place, needed_by="--track mlflow")
        self._client: MlflowClient | None = None
        self._logged: dict[str, str] = {}
        """Name of a run to MLflow's id of it, until it ends."""

    @override
    def log(self, run: LiveRun, epoch: int, accuracies: Mapping[str, float]) -> None:
        self._log(self._begun(run), epoch, accuracies)

    @override
    def end(self, run: LiveRun, metrics: Mapping[str, float], error: str | None) -> None:
        logged = self._begun(run)
        self._log(logged, 0, metrics)
        if error is not None:
            self._connected().set_tag(logged, "mnistcmp.error", error[:1000])
        self._connected().set_terminated(logged, "FINISHED" if error is None else "FAILED")
        del self._logged[run.name]

    @override
    def close(self) -> None:
        for logged in self._logged.values():
            self._connected().set_terminated(logged, "KILLED")

    def _connected(self) -> "MlflowClient":
        # Only now: it may have to make a database, or to wait for one.
        from mlflow import MlflowClient  # noqa: PLC0415 - an extra

        self._client = self._client or MlflowClient(tracking_uri=self.place)
        return self._client

    def _begun(self, run: LiveRun) -> str:
        if run.name not in self._logged:
            from mlflow.entities import Param  # noqa: PLC0415 - an extra

            client = self._connected()
            tags = {"mnistcmp.study": run.study, "mnistcmp.recipe_hash": run.recipe_hash}
            tags |= {RUN_ID: run.run_id, LIVE: "true"}
            known = {name: value for name, value in tags.items() if value is not None}
            experiment = experiment_id(client, run.study)
            created = client.create_run(experiment, tags=known, run_name=run.name)
            self._logged[run.name] = created.info.run_id
            parameters = [Param(name, str(value)) for name, value in run.parameters.items()]
            client.log_batch(created.info.run_id, params=parameters)
        return self._logged[run.name]

    def _log(self, logged: str, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric  # noqa: PLC0415 - an extra

        now = round(1000 * time.time())
        metrics = [Metric(name, value, now, step) for name, value in values.items()]
        self._connected().log_batch(logged, metrics=metrics)


class LiveTensorboard(Tracker):
    """A folder for each launch, beside those of exported runs, with one for each run."""

    tool = "tensorboard"

    def __init__(self) -> None:
        # PyTorch too, now: another thread that imports it later might meet this one half way.
        modules = ("tensorboard", "torch.utils.tensorboard")
        import_extra("tensorboard", *modules, needed_by="--track tensorboard")
        self.place = "tensorboard"
        self._launch = time.strftime("live-%Y%m%d-%H%M%S")
        self._writers: dict[str, Any] = {}

    @override
    def log(self, run: LiveRun, epoch: int, accuracies: Mapping[str, float]) -> None:
        with quiet_writers():
            writer = self._writer(run)
            for name, value in accuracies.items():
                writer.add_scalar(tag_of(name), value, epoch)
            writer.flush()

    @override
    def end(self, run: LiveRun, metrics: Mapping[str, float], error: str | None) -> None:
        with quiet_writers():
            writer = self._writer(run)
            if error is not None:
                writer.add_text("error", error)
            # The dot: into the run's own folder, not into one below.
            writer.add_hparams(run.parameters, dict(metrics), run_name=".")
            writer.close()
        del self._writers[run.name]

    @override
    def close(self) -> None:
        with quiet_writers():
            for writer in self._writers.values():
                writer.close()

    def _writer(self, run: LiveRun) -> Any:  # noqa: ANN401 - its type is an extra's
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra, and torch

        if run.name not in self._writers:
            folder = Path(self.place, run.study, self._launch, run.name)
            self._writers[run.name] = SummaryWriter(str(folder))
        return self._writers[run.name]


def make_trackers(tools: Iterable[str]) -> list[Tracker]:
    """Each of the tools once.

    Raises:
        UserError: One is unknown, or not installed.
    """
    known = {tracker.tool: tracker for tracker in (LiveMlflow, LiveTensorboard)}
    return [look_up("tool", tool, known)() for tool in dict.fromkeys(tools)]
