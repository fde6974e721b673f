"""`mnistcmp export`: stored results in other tools' formats."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import echo

if TYPE_CHECKING:
    from mnistcmp.export.runs import Exported


def mlflow(
    results: options.Results,
    tracking_uri: Annotated[
        str | None,
        typer.Option(help="Default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db."),
    ] = None,
) -> None:
    """Log each finished run to MLflow: an experiment per study, a run per run.

    Needs mnistcmp[mlflow]. What is there already is left as it is.
    """
    from mnistcmp.export.to_mlflow import default_uri, export_mlflow
    from mnistcmp.results.store import ResultsStore

    _tell(export_mlflow(ResultsStore(results), tracking_uri or default_uri()))


def tensorboard(results: options.Results, output: options.Folder = Path("tensorboard")) -> None:
    """Write each finished run's curves and hyperparameters as TensorBoard's event files.

    For 'tensorboard --logdir FOLDER'. Needs mnistcmp[tensorboard]. What is there already is left
    as it is.
    """
    from mnistcmp.export.to_tensorboard import export_tensorboard
    from mnistcmp.results.store import ResultsStore

    _tell(export_tensorboard(ResultsStore(results), output))


def csv(results: options.Results, output: options.Folder = Path("csv")) -> None:
    """Write each table as a CSV file, in place of an earlier one."""
    _export_tables(results, output, "csv")


def parquet(results: options.Results, output: options.Folder = Path("parquet")) -> None:
    """Write each table as one Parquet file, in place of an earlier one."""
    _export_tables(results, output, "parquet")


def _export_tables(results: str, output: Path, form: Literal["csv", "parquet"]) -> None:
    from mnistcmp.export.tables import export_tables
    from mnistcmp.results.store import ResultsStore

    for file, rows in export_tables(ResultsStore(results), output, form).items():
        echo(f"{output / file}: {rows:,} rows")


def _tell(exported: "Exported") -> None:
    there = f", {exported.kept} were there already" if exported.kept else ""
    echo(f"{exported.new} runs exported to {exported.place}{there}.")
