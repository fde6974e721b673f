"""Stored results in other tools' formats. MLflow and TensorBoard are imported where asked for."""

from mnistcmp.export.csv_files import export_csv as export_csv
from mnistcmp.export.runs import Exported as Exported
from mnistcmp.export.to_mlflow import export_mlflow as export_mlflow
from mnistcmp.export.to_tensorboard import export_tensorboard as export_tensorboard
