"""Exports, read back with the tools that they are for."""

import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from mnistcmp.errors import UserError
from mnistcmp.export import to_mlflow
from mnistcmp.export.tables import export_tables
from mnistcmp.export.to_mlflow import export_mlflow
from mnistcmp.export.to_tensorboard import export_tensorboard
from mnistcmp.results.outcome import Failed, Finished
from mnistcmp.results.schema import TABLES
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.study import Run, Study
from tests.support.commands import run_command
from tests.support.stored import diverged
from tests.support.trackers import (
    empty_mlflow,
    mlflow_client,
    new_mlflow_store,
    tensorboard_events,
)

if TYPE_CHECKING:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# MLflow loads its experiments' tags in a way that SQLAlchemy is to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


@pytest.fixture
def uri(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A real MLflow store, in a file."""
    return new_mlflow_store(tmp_path, tmp_path_factory)


def _logged(uri: str, experiment: str = "small") -> list[Any]:
    client = mlflow_client(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id]))


def _rows(store: ResultsStore) -> dict[str, dict[str, Any]]:
    return {row["run_id"]: row for row in store.read("runs").to_pylist()}


def test_mlflow_has_every_run_with_parameters_metrics_and_tags(
    store: ResultsStore, study: Study, uri: str
) -> None:
    """An experiment named as the study, a run per run; the epochs with their steps."""
    assert export_mlflow(store, uri).new == 4
    logged = {run.data.tags["mnistcmp.run_id"]: run for run in _logged(uri)}
    epochs = store.read("epochs").to_pandas()
    rows = _rows(store)
    assert set(logged) == set(rows)
    client = mlflow_client(uri)
    for run_id, run in logged.items():
        row = rows[run_id]
        assert run.info.run_name == f"{row['architecture']}-seed-{row['seed']}"
        assert run.info.status == "FINISHED"
        assert run.data.params["seed"] == str(row["seed"])
        assert run.data.params["epochs"] == str(study.recipe.epochs)
        assert run.data.metrics["test_accuracy"] == row["test_accuracy"]
        assert run.data.metrics["best_validation_loss"] == row["validation_loss"]
        assert ("digit_accuracy" in run.data.metrics) == (row["digit_accuracy"] is not None)
        assert run.data.tags["mnistcmp.torch_version"] == row["torch_version"]
        history = client.get_metric_history(run.info.run_id, "validation_accuracy")
        own = epochs[epochs["run_id"] == run_id]
        assert [(m.step, m.value) for m in history] == list(
            zip(own["epoch"], own["validation_accuracy"], strict=True)
        )


def test_exporting_to_mlflow_again_doubles_nothing(
    store: ResultsStore, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there stays; a run that was left half done is logged anew."""
    client = type(mlflow_client(uri))
    log_batch = client.log_batch
    calls = 0

    def breaking(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - handed on
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        log_batch(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(client, "log_batch", breaking)
        with pytest.raises(KeyboardInterrupt):
            export_mlflow(store, uri)
    assert len(_logged(uri)) == 2
    again = export_mlflow(store, uri)
    assert (again.new, again.kept) == (3, 1)
    once_more = export_mlflow(store, uri)
    assert (once_more.new, once_more.kept) == (0, 4)
    assert len(_logged(uri)) == 4
    assert all("test_accuracy" in run.data.metrics for run in _logged(uri))


def test_many_epochs_go_to_mlflow_in_several_requests(
    store: ResultsStore, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow takes a thousand metrics at a time; here three."""
    monkeypatch.setattr(to_mlflow, "METRICS_PER_REQUEST", 3)
    export_mlflow(store, uri)
    whole = [len(run.data.metrics) for run in _logged(uri)]
    assert sorted(whole) == [13, 13, 14, 14]


def test_an_mlflow_store_that_cannot_be_used_is_named(store: ResultsStore) -> None:
    """One line."""
    with pytest.raises(UserError, match=r"cannot use the MLflow store nonsense://x: ") as caught:
        export_mlflow(store, "nonsense://x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "uri", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"]
)
def test_a_database_in_memory_is_refused(store: ResultsStore, uri: str) -> None:
    """It would be gone with the command, which said that runs were exported."""
    with pytest.raises(UserError, match="is a database in memory"):
        export_mlflow(store, uri)


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with databases of MLflow's, and what is none."""
    folder = tmp_path_factory.mktemp("databases")
    for name in ("ready.db", "locked.db"):
        shutil.copy(empty_mlflow(tmp_path_factory), folder / name)
    (folder / "text.db").write_text("this is no database, but a text of several words.")
    (folder / "folder.db").mkdir()
    with sqlite3.connect(folder / "other.db") as other:
        other.execute("create table alembic_version (version_num text)")
        other.execute("insert into alembic_version values ('of another program')")
    return folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sqlite:///{}/text.db", "DatabaseError: file is not a database"),
        ("sqlite:///{}/folder.db", "OperationalError: unable to open database file"),
        ("sqlite:///{}/other.db", "CommandError: Can't locate revision identified by 'of another"),
        ("sqlite:///file:{}/nowhere.db?mode=ro&uri=true", "OperationalError: "),
        ("sqlite:///file:{}/ready.db?mode=ro&uri=true", "attempt to write a readonly database"),
        ("sqlite:///file:{}/locked.db?timeout=0.1&uri=true", "database is locked"),
        ("mysql+nonesuch://localhost/x", "NoSuchModuleError: "),
        ("postgresql+psycopg://localhost/x", "ModuleNotFoundError: No module named 'psycopg'"),
        ("http://[::1", "ValueError: Invalid IPv6 URL"),
    ],
)
def test_a_database_that_cannot_be_used_gets_one_line(
    store: ResultsStore, databases: Path, name: str, message: str
) -> None:
    """What its own driver says; what is there stays."""
    with closing(sqlite3.connect(databases / "locked.db")) as locked:
        locked.execute("begin exclusive")
        with pytest.raises(UserError) as caught:
            export_mlflow(store, name.format(databases))
    assert message in str(caught.value)
    assert str(caught.value).startswith("cannot use the MLflow store ")
    assert "\n" not in str(caught.value)


def _hyperparameters(events: "EventAccumulator") -> dict[str, Any]:
    from tensorboard.plugins.hparams import plugin_data_pb2  # noqa: PLC0415 - as tests.support.trackers

    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    return dict(plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams)


def test_tensorboard_has_curves_and_hyperparameters(store: ResultsStore, tmp_path: Path) -> None:
    """A folder per run, below the study's."""
    output = tmp_path / "tensorboard"
    assert export_tensorboard(store, output).new == 4
    epochs = store.read("epochs").to_pandas()
    for row in _rows(store).values():
        events = tensorboard_events(output / "small" / f"{row['architecture']}-seed-{row['seed']}")
        own = epochs[epochs["run_id"] == row["run_id"]]
        for tag, column in (
            ("loss/train", "train_loss"),
            ("accuracy/validation", "validation_accuracy"),
        ):
            found = [(scalar.step, scalar.value) for scalar in events.Scalars(tag)]
            assert found == [
                (epoch, pytest.approx(value, rel=1e-6))
                for epoch, value in zip(own["epoch"], own[column], strict=True)
            ]
        (test,) = events.Scalars("test_accuracy")
        assert test.value == pytest.approx(row["test_accuracy"], rel=1e-6)
        assert set(_hyperparameters(events)) >= {"architecture", "seed", "epochs", "softmax"}


def test_exporting_to_tensorboard_again_writes_nothing(store: ResultsStore, tmp_path: Path) -> None:
    """A folder that is there is a whole run."""
    output = tmp_path / "tensorboard"
    export_tensorboard(store, output)
    before = sorted(output.rglob("*"))
    again = export_tensorboard(store, output)
    assert (again.new, again.kept) == (0, 4)
    assert sorted(output.rglob("*")) == before


def test_a_run_that_diverged_is_exported_as_such(
    study: Study, finish: Callable[[Run], Finished], tmp_path: Path, uri: str
) -> None:
    """With its epoch, and neither curves nor scores, into each tool."""
    store, run = ResultsStore(tmp_path / "diverged"), study.runs()[0]
    store.prepare(study)
    outcome = finish(run)
    store.write(pack(study.name, [replace(outcome, result=diverged(outcome.result))]))
    assert export_mlflow(store, uri).new == 1
    assert set(_logged(uri)[0].data.metrics) == {"diverged_epoch", "parameters", "seconds"}
    assert export_tensorboard(store, tmp_path / "logs").new == 1
    export_tables(store, tmp_path / "tables", "csv")
    rows = pd.read_csv(tmp_path / "tables" / "runs.csv")
    assert rows["diverged_epoch"].tolist() == [1]
    assert rows["test_accuracy"].isna().all()


def test_csv_files_are_the_tables(store: ResultsStore, study: Study, tmp_path: Path) -> None:
    """Read back with their types, they are equal; a table without rows has its header."""
    failed = Failed(
        run=Run(architecture="baseline", seed=9, recipe=study.recipe),
        error='ValueError: a "quoted", text',
        traceback="two\nlines",
        host=None,
        failed_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    store.write(pack(study.name, [failed]))
    assert export_tables(store, tmp_path / "csv", "csv") == {
        "runs.csv": 4, "rounds.csv": 0, "epochs.csv": 4, "predictions.csv": 160, "failures.csv": 1,
    }  # fmt: skip
    for name, schema in TABLES.items():
        options = csv.ConvertOptions(
            column_types={field.name: field.type for field in schema},
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        newlines = csv.ParseOptions(newlines_in_values=True)
        path = tmp_path / "csv" / f"{name}.csv"
        back = csv.read_csv(path, convert_options=options, parse_options=newlines)
        assert back.to_pylist() == store.read(name).to_pylist()


def test_one_parquet_file_a_table_has_all_its_rows(store: ResultsStore, tmp_path: Path) -> None:
    """In place of a file for each stack; types and nulls as they were."""
    export_tables(store, tmp_path / "copy", "parquet")
    for name in TABLES:
        copied = pq.read_table(tmp_path / "copy" / f"{name}.parquet")
        assert copied.to_pylist() == store.read(name).to_pylist()
        assert copied.schema.types == TABLES[name].types


def test_csv_without_failures_is_a_header(store: ResultsStore, tmp_path: Path) -> None:
    """So that a reader finds the file."""
    export_tables(store, tmp_path, "csv")
    assert list(pd.read_csv(tmp_path / "failures.csv").columns) == TABLES["failures"].names


@pytest.mark.parametrize(
    ("tool", "module"),
    [("mlflow", "mlflow"), ("mlflow", "sqlalchemy"), ("tensorboard", "tensorboard")],
)
def test_a_missing_extra_is_named(
    store: ResultsStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tool: str,
    module: str,
) -> None:
    """One line says what to install."""
    monkeypatch.setitem(sys.modules, module, None)
    assert run_command(monkeypatch, "export", tool, store.location.name) == 2
    assert f"pip install 'mnistcmp[{tool}]'" in capsys.readouterr().err


@pytest.mark.parametrize("tool", ["mlflow", "tensorboard", "csv", "parquet"])
def test_a_folder_without_results_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tool: str,
) -> None:
    """Nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert run_command(monkeypatch, "export", tool, "nowhere", *_to(tool, tmp_path)) == 2
    assert "there is no results folder nowhere" in capsys.readouterr().err
    assert list(tmp_path.glob("out*")) == []


@pytest.mark.parametrize("tool", ["mlflow", "tensorboard", "csv", "parquet"])
def test_the_command_says_what_it_exported(
    store: ResultsStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tool: str,
) -> None:
    """And where to."""
    assert run_command(monkeypatch, "export", tool, store.location.name, *_to(tool, tmp_path)) == 0
    printed = capsys.readouterr().out
    assert (
        f"runs.{tool}: 4 rows" if tool in {"csv", "parquet"} else "4 runs exported to"
    ) in printed
    assert str(tmp_path / "out") in printed


def _to(tool: str, folder: Path) -> tuple[str, str]:
    if tool == "mlflow":
        return "--tracking-uri", f"sqlite:///{folder}/out.db"
    return "--output", str(folder / "out")


@pytest.mark.parametrize("export", [partial(export_tables, form="csv"), export_tensorboard])
def test_an_output_that_is_a_file_is_refused(
    store: ResultsStore, tmp_path: Path, export: Callable[[ResultsStore, Path], object]
) -> None:
    """One line."""
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*file"):
        export(store, tmp_path / "file")
