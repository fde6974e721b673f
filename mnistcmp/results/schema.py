"""The tables of a results folder, column by column. docs/results.md is written from here."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

SCHEMA_VERSION = 1
VERSION_KEY = b"mnistcmp.schema_version"


def _column(name: str, type_: pa.DataType, description: str, *, null: bool = False) -> pa.Field:
    return pa.field(name, type_, nullable=null, metadata={"description": description})


_TIME = pa.timestamp("us", tz="UTC")

_IDENTITY = (
    _column("study", pa.string(), "name of the study that the run was trained for"),
    _column("run_id", pa.string(), "16 hexadecimal digits: hash of architecture, seed and recipe"),
    _column("architecture", pa.string(), "name of the architecture"),
    _column("seed", pa.int64(), "seed of every random number of the run"),
    _column("recipe_hash", pa.string(), "12 hexadecimal digits: hash of the recipe"),
)

TABLES = {
    "runs": pa.schema(
        [
            *_IDENTITY,
            _column("recipe", pa.string(), "the recipe's fields as JSON"),
            _column("parameters", pa.int32(), "trainable parameters"),
            _column("best_epoch", pa.int32(), "epoch whose weights are tested, counted from 1"),
            _column("train_loss", pa.float64(), "training loss in the best epoch, dropout on"),
            _column("train_accuracy", pa.float64(), "training accuracy in it, 0 to 1, dropout on"),
            _column("validation_loss", pa.float64(), "validation loss after the best epoch"),
            _column("validation_accuracy", pa.float64(), "validation accuracy after it, 0 to 1"),
            _column("test_loss", pa.float64(), "test loss with the best epoch's weights"),
            _column("test_accuracy", pa.float64(), "test accuracy with them, 0 to 1"),
            _column(
                "digit_accuracy",
                pa.float64(),
                "share of the test digits named correctly, 0 to 1; "
                "null where no branch is trained to name them",
                null=True,
            ),
            _column("started_at", _TIME, "when the training began"),
            _column("finished_at", _TIME, "when the test was done"),
            _column("seconds", pa.float64(), "wall time of training and testing, in seconds"),
            _column("host", pa.string(), "name of the machine that trained the run"),
            _column("device", pa.string(), "`cpu`, or the GPU's name"),
            _column("python_version", pa.string(), "version of Python there"),
            _column("torch_version", pa.string(), "version of PyTorch there"),
            _column("ray_version", pa.string(), "version of Ray there", null=True),
            _column("mnistcmp_version", pa.string(), "version of this package there"),
            _column(
                "git_revision",
                pa.string(),
                "commit of the code, `-dirty` behind it where files differed; "
                "null where the code is not a git checkout",
                null=True,
            ),
        ]
    ),
    "epochs": pa.schema(
        [
            *_IDENTITY,
            _column("epoch", pa.int32(), "counted from 1"),
            _column("train_loss", pa.float64(), "mean over the epoch's batches, dropout on"),
            _column("train_accuracy", pa.float64(), "of the same batches, 0 to 1"),
            _column("validation_loss", pa.float64(), "after the epoch, dropout off"),
            _column("validation_accuracy", pa.float64(), "after the epoch, 0 to 1, dropout off"),
        ]
    ),
    "predictions": pa.schema(
        [
            *_IDENTITY,
            _column("pair", pa.int32(), "position of the test pair in the seed's test set, from 0"),
            _column("first_image", pa.int32(), "its first image's position in MNIST's test images"),
            _column("second_image", pa.int32(), "its second image's position there"),
            _column("first_digit", pa.int8(), "true first digit"),
            _column("second_digit", pa.int8(), "true second digit"),
            _column("label", pa.int8(), "1 where first_digit <= second_digit, else 0"),
            _column("predicted", pa.int8(), "predicted label"),
            _column("probability", pa.float32(), "predicted probability of label 1"),
            _column(
                "predicted_first_digit",
                pa.int8(),
                "digit that the first branch names; null where none is trained to",
                null=True,
            ),
            _column(
                "predicted_second_digit",
                pa.int8(),
                "digit that the second branch names; null where none is trained to",
                null=True,
            ),
        ]
    ),
    "failures": pa.schema(
        [
            *_IDENTITY,
            _column("recipe", pa.string(), "the recipe's fields as JSON"),
            _column("failed_at", _TIME, "when the run failed"),
            _column("host", pa.string(), "machine it failed on; null where unknown", null=True),
            _column("error", pa.string(), "the error in one line"),
            _column("traceback", pa.string(), "the error in full"),
        ]
    ),
}
"""`runs` has a row per finished run; `epochs` and `predictions` have their details; `failures` has
a row per run whose last attempt failed."""


def to_table(name: str, columns: Mapping[str, Any], *, rows: int = 1) -> pa.Table:
    """Columns as an Arrow table of the schema of that name, the schema's version in its metadata.

    A column is an array of `rows` values, or one value (or None) for every row.

    Raises:
        pa.ArrowInvalid: A value does not fit its column.
        ValueError: A column is missing or unknown, has another length, or has nulls and may not.
    """
    schema = TABLES[name]
    if columns.keys() != set(schema.names):
        raise ValueError(f"{name}: columns {sorted(columns.keys() ^ set(schema.names))}")
    arrays = [_to_array(columns[field.name], field.type, rows) for field in schema]
    for field, array in zip(schema, arrays, strict=True):
        if array.null_count and not field.nullable:
            raise ValueError(f"{name}: column {field.name} may not be null")
    table = pa.Table.from_arrays(arrays, schema=schema)
    return table.replace_schema_metadata({VERSION_KEY: str(SCHEMA_VERSION)})


def _to_array(values: Any, type_: pa.DataType, rows: int) -> pa.Array:  # noqa: ANN401 - any column
    if isinstance(values, np.ndarray | list):
        return pa.array(values, type=type_)
    return pa.repeat(pa.scalar(values, type=type_), rows)


def schema_version(schema: pa.Schema) -> int | None:
    """The version that a file's schema states; None where it is not one of ours."""
    text = (schema.metadata or {}).get(VERSION_KEY, b"").decode(errors="replace")
    return int(text) if text.isdecimal() else None
