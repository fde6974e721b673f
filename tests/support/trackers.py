"""MLflow and TensorBoard, to read back what was written for them.

They are imported where they are asked, as that takes a second, which most tests do without.
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def mlflow_client(uri: str) -> "MlflowClient":
    """A client of that store."""
    from mlflow import MlflowClient  # noqa: PLC0415 - as above

    return MlflowClient(tracking_uri=uri)


def tensorboard_events(folder: Path) -> "EventAccumulator":
    """What a folder of event files has."""
    from tensorboard.backend.event_processing import event_accumulator  # noqa: PLC0415 - as above

    events = event_accumulator.EventAccumulator(str(folder))
    events.Reload()
    return events


def empty_mlflow(factory: pytest.TempPathFactory) -> Path:
    """A database of MLflow's, with nothing in it. It takes MLflow seconds to make one."""
    path = factory.getbasetemp() / "empty-mlflow.db"
    if not path.exists():
        mlflow_client(f"sqlite:///{path}").get_experiment_by_name("x")
    return path


def new_mlflow_store(folder: Path, factory: pytest.TempPathFactory) -> str:
    """The URI of a store in a file of that folder."""
    return f"sqlite:///{shutil.copy(empty_mlflow(factory), folder / 'mlflow.db')}"
