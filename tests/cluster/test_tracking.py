"""Runs in other tools while they train, read back with the tools themselves."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from mnistcmp.cluster import tracking
from mnistcmp.cluster.events import Ended, InTraining, Progress
from mnistcmp.cluster.tracking import Tracking
from mnistcmp.export.live import LiveRun, Tracker, make_trackers
from mnistcmp.export.to_mlflow import export_mlflow
from mnistcmp.export.to_tensorboard import export_tensorboard
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.study import Study
from tests.support.commands import mnistcmp, run_command
from tests.support.servers import free_port
from tests.support.trackers import mlflow_client, new_mlflow_store, tensorboard_events

# MLflow loads its experiments' tags in a way that SQLAlchemy is to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

SEEDS = (0, 1)


def _progress(condition: str = "baseline", epoch: int = 0, *ended: Ended) -> Progress:
    """Two runs in an epoch of four, whose accuracies tell it; and those that ended."""
    part = InTraining(
        condition=condition,
        seeds=SEEDS,
        host="here",
        device="cpu",
        epoch=epoch,
        epochs=4,
        train=tuple(epoch / 8 + seed / 16 for seed in SEEDS),
        validation=tuple(epoch / 8 + seed / 32 for seed in SEEDS),
    )
    training = (part,) if epoch else ()
    return Progress(total=9, workers=1, running=2, conditions=(), training=training, ended=ended)


EVENTS = (
    _progress(),
    _progress("baseline", 1),
    # A stack is told of again where another one has news.
    _progress("baseline", 1),
    _progress("baseline", 3),
    _progress(
        "siamese-shared-aux",
        2,
        Ended(condition="baseline", seed=0, accuracy=0.75),
        Ended(condition="baseline", seed=1, error="ValueError: no"),
    ),
    _progress("", 0, Ended(condition="siamese-shared-aux", seed=1, diverged_epoch=3)),
)
"""Of a launch that is interrupted while a run trains."""


@pytest.fixture
def uri(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A real MLflow store, in a file; by its whole path, as MLflow keeps it open by its name."""
    uri = new_mlflow_store(folder, tmp_path_factory)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return uri


@pytest.fixture
def said() -> list[str]:
    """What was said."""
    return []


@contextmanager
def _tracked(tool: str, study: Study, said: list[str]) -> Iterator[Tracking]:
    (tracker,) = make_trackers([tool])
    following = Tracking(tracker, study, said.append)
    yield following
    following.close()


def _logged(uri: str, study: str = "small") -> dict[str, Any]:
    client = mlflow_client(uri)
    found = client.get_experiment_by_name(study)
    assert found is not None
    return {run.info.run_name: run for run in client.search_runs([found.experiment_id])}


def _history(uri: str, run: Any, metric: str) -> list[tuple[int, float]]:  # noqa: ANN401 - MLflow's
    found = mlflow_client(uri).get_metric_history(run.info.run_id, metric)
    return [(metric.step, metric.value) for metric in found]


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = tensorboard_events(folder)
    return {
        tag: [(scalar.step, scalar.value) for scalar in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_mlflow_has_each_run_as_an_export_names_it(
    study: Study, said: list[str], store: ResultsStore, uri: str
) -> None:
    """Curves with their steps; how each ended; an export puts whole ones in place of finished."""
    with _tracked("mlflow", study, said) as following:
        for event in EVENTS:
            following.update(event)
    live = _logged(uri)
    assert {name: run.info.status for name, run in live.items()} == {
        "baseline-seed-0": "FINISHED",
        "baseline-seed-1": "FAILED",
        "siamese-shared-aux-seed-0": "KILLED",
        "siamese-shared-aux-seed-1": "FINISHED",
    }
    first = live["baseline-seed-0"]
    assert _history(uri, first, "validation_accuracy") == [(1, 0.125), (3, 0.375)]
    assert _history(uri, live["baseline-seed-1"], "train_accuracy") == [(1, 0.1875), (3, 0.4375)]
    assert first.data.metrics["test_accuracy"] == 0.75
    assert live["siamese-shared-aux-seed-1"].data.metrics["diverged_epoch"] == 3
    assert live["baseline-seed-1"].data.tags["mnistcmp.error"] == "ValueError: no"
    assert export_mlflow(store, uri).new == 4
    exported = _logged(uri)
    assert len(exported) == 4
    for name, run in exported.items():
        assert run.data.params == live[name].data.params
        assert live[name].data.tags.items() - run.data.tags.items() <= {
            ("mnistcmp.live", "true"),
            ("mnistcmp.error", "ValueError: no"),
        }
    assert export_mlflow(store, uri).new == 0
    assert said == []


def test_live_runs_of_others_stay_when_a_folder_is_exported(
    study: Study, said: list[str], store: ResultsStore, uri: str
) -> None:
    """They may be training."""
    other = study.model_copy(update={"seeds": (5,)})
    with _tracked("mlflow", other, said) as following:
        following.update(_progress("", 0, Ended(condition="baseline", seed=5, accuracy=0.5)))
    export_mlflow(store, uri)
    assert len(_logged(uri)) == 5


def test_tensorboard_has_each_run_below_its_launch(
    study: Study, said: list[str], store: ResultsStore, folder: Path
) -> None:
    """An export goes beside it, whole."""
    with _tracked("tensorboard", study, said) as following:
        for event in EVENTS:
            following.update(event)
    (launch,) = (folder / "tensorboard" / "small").iterdir()
    first, failed, _, diverged = (_scalars(run) for run in sorted(launch.iterdir()))
    assert first["accuracy/validation"] == [(1, 0.125), (3, 0.375)]
    assert first["test_accuracy"] == [(0, 0.75)]
    assert failed["accuracy/train"] == [(1, 0.1875), (3, 0.4375)]
    assert diverged["diverged_epoch"] == [(0, 3)]
    assert export_tensorboard(store, folder / "tensorboard").new == 4
    assert said == []


@pytest.mark.usefixtures("folder")
def test_what_is_tracked_can_be_seen_at_once(study: Study, said: list[str]) -> None:
    """Not only when the run ends."""
    with _tracked("tensorboard", study, said) as following:
        following.update(_progress("baseline", 1))
        deadline = time.monotonic() + 60
        while not any("accuracy/train" in _scalars(path.parent) for path in _event_files()):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _event_files() -> list[Path]:
    return list(Path("tensorboard").rglob("events.*"))


def test_a_condition_that_another_launch_renamed_is_tracked_by_what_is_told(
    study: Study, said: list[str], uri: str
) -> None:
    """Without what is not known of it."""
    with _tracked("mlflow", study, said) as following:
        following.update(_progress("baseline, x", 1))
    assert set(_logged(uri)) == {"baseline, x-seed-0", "baseline, x-seed-1"}
    assert said == []


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("http://127.0.0.1:{port}", "Max retries exceeded"),
        ("sqlite:///{text}", "file is not a database"),
        ("nonsense://x", "UnsupportedModelRegistryStoreURIException"),
    ],
)
def test_a_store_that_refuses_is_named_once_and_holds_nothing_up(
    study: Study,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    problem: str,
) -> None:
    """While runs train, not at the end."""
    text = Path("text.db").absolute()
    text.write_text("this is no database, but a text of several words.")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", name.format(port=free_port(), text=text))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with _tracked("mlflow", study, said) as following:
        deadline = time.monotonic() + 60
        while not said and time.monotonic() < deadline:
            before = time.monotonic()
            following.update(EVENTS[-1])
            assert time.monotonic() - before < 1
            time.sleep(0.05)
        for event in EVENTS:
            following.update(event)
    (line,) = said
    assert line.startswith("--track mlflow is given up: ")
    assert problem in line
    assert "\n" not in line


def test_a_server_that_never_answers_is_waited_for_a_little_at_the_end(
    study: Study, said: list[str], monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    """Then a line says so."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent)
    monkeypatch.setattr(tracking, "SECONDS_AT_END", 0.5)
    before = time.monotonic()
    with _tracked("mlflow", study, said) as following:
        for event in EVENTS:
            following.update(event)
    assert time.monotonic() - before < 5
    (line,) = said
    assert f"{silent}: it has not taken the rest in 0.5 s" in line


@pytest.mark.process
def test_a_process_ends_while_a_tool_hangs(silent: str) -> None:
    """Nothing of it is waited for again."""
    program = (
        "import tests.cluster.test_tracking as here\n"
        "here.tracking.SECONDS_AT_END = 0.5\n"
        "study = here.Study(name='small', architectures=('baseline',), seeds=(0,))\n"
        "with here._tracked('mlflow', study, []) as it: it.update(here.EVENTS[-1])\n"
        "print(here.time.monotonic())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"MLFLOW_TRACKING_URI": silent},
        capture_output=True,
        check=True,
    )
    assert time.monotonic() - float(done.stdout) < 5


class _Slow(Tracker):
    """A tool that takes what it is told only when it is let."""

    tool = "slow"
    place = "here"

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.epochs: list[int] = []
        self.ended: list[str] = []

    @override
    def log(self, run: LiveRun, epoch: int, accuracies: Mapping[str, float]) -> None:
        self.goes_on.wait()
        self.epochs.append(epoch)

    @override
    def end(self, run: LiveRun, metrics: Mapping[str, float], error: str | None) -> None:
        self.ended.append(run.name)

    @override
    def close(self) -> None:
        pass


def test_a_slow_tool_misses_epochs_but_no_end(
    study: Study, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it does not grow with the launch."""
    monkeypatch.setattr(tracking, "MOST_WAITING", 3)
    slow = _Slow()
    following = Tracking(slow, study, said.append)
    for epoch in range(1, 100):
        following.update(_progress("baseline", epoch))
    for seed in SEEDS:
        following.update(_progress("", 0, Ended(condition="baseline", seed=seed, accuracy=1)))
    slow.goes_on.set()
    following.close()
    assert len(slow.epochs) <= 2 * 4
    assert slow.ended == ["baseline-seed-0", "baseline-seed-1"]
    assert said == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--track", "mlflow"), "'--track mlflow' needs packages that are not installed"),
        (("--track", "tensorboard"), "pip install 'mnistcmp[tensorboard]'"),
        (("--track", "mlfow"), "unknown tool 'mlfow'; did you mean 'mlflow'?"),
    ],
)
def test_a_tool_that_is_not_there_is_named_before_anything_is_trained(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    message: str,
) -> None:
    """One line."""
    for module in ("mlflow", "tensorboard"):
        monkeypatch.setitem(sys.modules, module, None)
    assert run_command(monkeypatch, "launch", "--local", *options) == 2
    assert message in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("folder")
def test_a_launch_that_is_left_cannot_be_tracked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody would follow it."""
    address = ("--address", "http://127.0.0.1:1")
    command = ("launch", *address, "--detach", "--track", "mlflow")
    assert run_command(monkeypatch, *command) == 2
    assert "--track follows a launch and --detach leaves it" in capsys.readouterr().err


@pytest.mark.ray
def test_a_launch_is_shown_in_both(folder: Path, uri: str) -> None:
    """Every run's test accuracy is the stored one, and its epochs' accuracies are too."""
    done = mnistcmp(
        folder,
        dict(os.environ),
        *("launch", "-a", "baseline", "--seeds", "3", "--epochs", "12", "--local"),
        *("--track", "mlflow", "--track", "tensorboard"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    store = ResultsStore(folder / "results" / "table1-epochs-12")
    live = _logged(uri, "table1-epochs-12")
    epochs = store.read("epochs").to_pandas().set_index(["run_id", "epoch"])
    (launch,) = (folder / "tensorboard" / "table1-epochs-12").iterdir()
    for row in store.read("runs").to_pylist():
        name = f"baseline-seed-{row['seed']}"
        assert live[name].data.tags["mnistcmp.run_id"] == row["run_id"]
        assert live[name].data.metrics["test_accuracy"] == row["test_accuracy"]
        curve = _history(uri, live[name], "validation_accuracy")
        own = epochs.loc[row["run_id"]]["validation_accuracy"]
        for epoch, value in curve:
            assert value == pytest.approx(own[epoch], abs=1e-4)
        scalars = _scalars(launch / name)
        (test,) = scalars.pop("test_accuracy")
        assert test[1] == pytest.approx(row["test_accuracy"])
        told = scalars.get("accuracy/validation", [])
        assert [epoch for epoch, _ in told] == [epoch for epoch, _ in curve]
