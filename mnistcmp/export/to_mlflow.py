"""Runs in an MLflow tracking store."""

import logging
import os
from typing import TYPE_CHECKING

from mnistcmp.errors import UserError, in_short
from mnistcmp.export.runs import BEST, Exported, FinishedRun, finished_runs, import_extra
from mnistcmp.results.store import ResultsStore

if TYPE_CHECKING:
    from mlflow import MlflowClient

METRICS_PER_REQUEST = 1000
"""What MLflow takes in one."""

RUN_ID = "mnistcmp.run_id"
"""The tag by which a run is found again."""

LIVE = "mnistcmp.live"
"""The tag of a run that was logged while it trained, and lacks epochs."""

TAGS = (
    "study", "recipe_hash", "host", "device", "processor", "python_version", "torch_version",
    "ray_version", "mnistcmp_version", "git_revision",
)  # fmt: skip


def export_mlflow(store: ResultsStore, tracking_uri: str) -> Exported:
    """Logs each finished run that is not there yet, in an experiment named as its study.

    Raises:
        UserError: MLflow is not installed, there are no results, or the store cannot be used.
    """
    import_mlflow(tracking_uri, needed_by="mnistcmp export mlflow")
    from mlflow import MlflowClient  # noqa: PLC0415 - an extra

    # Before the client, which makes a database where there is none.
    runs = list(finished_runs(store))
    try:
        return _export(runs, MlflowClient(tracking_uri=tracking_uri), tracking_uri)
    except Exception as error:
        raise UserError(
            f"cannot use the MLflow store {tracking_uri}: {why(error)}. Name another with "
            "--tracking-uri, for instance sqlite:///mlflow.db or http://HOST:5000."
        ) from error


def default_uri() -> str:
    """The store that is used where none is named."""
    return os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"


def import_mlflow(tracking_uri: str, *, needed_by: str) -> None:
    """Imports MLflow, which then reports to nobody, and gives a store up in seconds, quietly.

    Raises:
        UserError: It is not installed, or the store would not last.
    """
    # Read when it is imported.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    if _is_in_memory(tracking_uri):
        raise UserError(
            f"the MLflow store {tracking_uri} is a database in memory, which would end with this "
            "command. Name a file, for instance sqlite:///mlflow.db."
        )
    import_extra("mlflow", "mlflow", "sqlalchemy", needed_by=needed_by)
    from mlflow.store.db import utils  # noqa: PLC0415 - an extra

    # Ten attempts at a database take two minutes, each with its warning.
    utils.MAX_RETRY_COUNT = 3
    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def why(error: Exception) -> str:
    """An error of MLflow's as one line: each store, and each database's driver, has its own."""
    return in_short(getattr(error, "orig", None) or error)


def experiment_id(client: "MlflowClient", study: str) -> str:
    """The experiment that is named as the study, made where there is none."""
    found = client.get_experiment_by_name(study)
    return str(found.experiment_id if found else client.create_experiment(study))


def _is_in_memory(uri: str) -> bool:
    """Whether it names a database of SQLite's that is no file."""
    of_memory = uri.rstrip("/").endswith(":") or ":memory:" in uri or "mode=memory" in uri
    return uri.startswith("sqlite") and of_memory


def _export(runs: list[FinishedRun], client: "MlflowClient", tracking_uri: str) -> Exported:
    experiments: dict[str, str] = {}
    there: set[str] = set()
    finished = {run.row["run_id"] for run in runs}
    for run in runs:
        study = run.row["study"]
        if study not in experiments:
            experiments[study] = experiment_id(client, study)
            there |= _logged_runs(client, experiments[study], finished)
    new = [run for run in runs if run.row["run_id"] not in there]
    for run in new:
        _log(client, experiments[run.row["study"]], run)
    return Exported(place=tracking_uri, new=len(new), kept=len(runs) - len(new))


def _logged_runs(client: "MlflowClient", experiment: str, finished: set[str]) -> set[str]:
    """The runs that are there whole. Others are deleted, but live ones only if they finished."""
    whole: set[str] = set()
    token = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        for run in page:
            run_id = run.data.tags.get(RUN_ID)
            is_live = LIVE in run.data.tags
            if run_id is not None and run.info.status == "FINISHED" and not is_live:
                whole.add(run_id)
            elif run_id in finished if is_live else run_id is not None:
                client.delete_run(run.info.run_id)
        token = page.token
        if not token:
            return whole


def _log(client: "MlflowClient", experiment: str, run: FinishedRun) -> None:
    from mlflow.entities import Metric, Param  # noqa: PLC0415 - an extra

    started, finished = (
        round(1000 * run.row[column].timestamp()) for column in ("started_at", "finished_at")
    )
    tags = {f"mnistcmp.{name}": str(run.row[name]) for name in TAGS if run.row[name] is not None}
    tags[RUN_ID] = run.row["run_id"]
    created = client.create_run(experiment, start_time=started, tags=tags, run_name=run.name)
    logged = created.info.run_id
    metrics = [Metric(name, value, finished, 0) for name, value in run.metrics.items()]
    metrics += [
        Metric(name, value, finished, epoch)
        for name in BEST
        for epoch, value in enumerate(run.epochs[name], start=1)
    ]
    parameters = [Param(name, str(value)) for name, value in run.parameters.items()]
    client.log_batch(logged, params=parameters)
    for start in range(0, len(metrics), METRICS_PER_REQUEST):
        client.log_batch(logged, metrics=metrics[start : start + METRICS_PER_REQUEST])
    client.set_terminated(logged, status="FINISHED", end_time=finished)
