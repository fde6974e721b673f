"""The tables of a results folder, column by column. docs/results.md is written from here."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

SCHEMA_VERSION = 2
"""1 had no table `rounds`, and its test columns were never null."""
READABLE = {1, 2}
"""Versions whose rows are rows of today's tables."""


def _column(
    name: str,
    type_: pa.DataType,
    unit: str,
    description: str,
    source: str,
    *,
    null: bool = False,
) -> pa.Field:
    metadata = {"description": description, "unit": unit, "source": source}
    return pa.field(name, type_, nullable=null, metadata=metadata)


_TEXT, _SHARE, _NATS = pa.string(), "share, 0 to 1", "nats"
_TIME = pa.timestamp("us", tz="UTC")

# Where a value comes from.
_PLAN, _TRAINER, _WORKER = "study", "trainer", "worker"
_MNIST, _NETWORK, _DRAW = "MNIST", "network", "seed's draw"

SOURCES = {
    _PLAN: "the study that was launched, in `launches/`; hashes are made of it in `mnistcmp/study`",
    _TRAINER: "measured while the run was trained or tested, in `mnistcmp/training`",
    _NETWORK: "answered by the network with the best epoch's weights, for one test pair",
    _DRAW: "drawn by the seed, in `mnistcmp/data/pairs.py`; the same for every architecture",
    _MNIST: "MNIST's own labels",
    _WORKER: "the process and the machine that trained the run; the driver, where they were lost",
}
"""What the column `source` of docs/results.md says, in full."""

_IDENTITY = (
    _column("study", _TEXT, "-", "name of the study that the run was trained for", _PLAN),
    _column(
        "run_id", _TEXT, "-", "16 hexadecimal digits: hash of architecture, seed and recipe", _PLAN
    ),
    _column("architecture", _TEXT, "-", "name of the architecture", _PLAN),
    _column("seed", pa.int64(), "-", "seed of every random number of the run", _PLAN),
    _column("recipe_hash", _TEXT, "-", "12 hexadecimal digits: hash of the recipe", _PLAN),
)

_RECIPE = _column("recipe", _TEXT, "-", "the recipe's fields as JSON", _PLAN)

_SCORES = (
    _column(
        "train_loss",
        pa.float64(),
        _NATS,
        "training loss in the best epoch, dropout on",
        _TRAINER,
    ),
    _column(
        "train_accuracy",
        pa.float64(),
        _SHARE,
        "training accuracy in it, dropout on",
        _TRAINER,
    ),
    _column(
        "validation_loss",
        pa.float64(),
        _NATS,
        "validation loss after the best epoch",
        _TRAINER,
    ),
    _column(
        "validation_accuracy",
        pa.float64(),
        _SHARE,
        "validation accuracy after it",
        _TRAINER,
    ),
    _column(
        "test_loss",
        pa.float64(),
        _NATS,
        "test loss with the best epoch's weights; null in a search",
        _TRAINER,
        null=True,
    ),
    _column(
        "test_accuracy",
        pa.float64(),
        _SHARE,
        "test accuracy with them; null in a search",
        _TRAINER,
        null=True,
    ),
    _column(
        "digit_accuracy",
        pa.float64(),
        _SHARE,
        "share of the test digits named correctly; null where no branch is trained to name them",
        _TRAINER,
        null=True,
    ),
)

TABLES = {
    "runs": pa.schema(
        [
            *_IDENTITY,
            _RECIPE,
            _column("parameters", pa.int32(), "count", "trainable parameters", _TRAINER),
            _column(
                "best_epoch",
                pa.int32(),
                "epochs",
                "epoch whose weights are tested, counted from 1: the latest of those with the best "
                "validation accuracy, or the last where the recipe says so",
                _TRAINER,
            ),
            *_SCORES,
            _column("started_at", _TIME, "UTC", "when the training began", _WORKER),
            _column("finished_at", _TIME, "UTC", "when the test was done", _WORKER),
            _column(
                "seconds",
                pa.float64(),
                "s",
                "wall time of building, training and testing; a share, where several were stacked",
                _TRAINER,
            ),
            _column("host", _TEXT, "-", "name of the machine that trained the run", _WORKER),
            _column("device", _TEXT, "-", "`cpu`, or the GPU's name", _TRAINER),
            _column("python_version", _TEXT, "-", "version of Python there", _WORKER),
            _column("torch_version", _TEXT, "-", "version of PyTorch there", _WORKER),
            _column("ray_version", _TEXT, "-", "version of Ray there", _WORKER, null=True),
            _column("mnistcmp_version", _TEXT, "-", "version of this package there", _WORKER),
            _column(
                "git_revision",
                _TEXT,
                "-",
                "commit of the code, `-dirty` behind it where files differed; "
                "null where the code is not a git checkout",
                _WORKER,
                null=True,
            ),
        ]
    ),
    "rounds": pa.schema(
        [
            *_IDENTITY,
            _column("round", pa.int32(), "rounds", "counted from 1", _PLAN),
            _column(
                "best_epoch",
                pa.int32(),
                "epochs",
                "as in `runs`, counted on through the rounds",
                _TRAINER,
            ),
            *_SCORES,
        ]
    ),
    "epochs": pa.schema(
        [
            *_IDENTITY,
            _column(
                "epoch", pa.int32(), "epochs", "counted from 1, on through the rounds", _TRAINER
            ),
            _column(
                "train_loss",
                pa.float64(),
                _NATS,
                "mean over the epoch's batches, dropout on",
                _TRAINER,
            ),
            _column("train_accuracy", pa.float64(), _SHARE, "of the same batches", _TRAINER),
            _column(
                "validation_loss", pa.float64(), _NATS, "after the epoch, dropout off", _TRAINER
            ),
            _column(
                "validation_accuracy",
                pa.float64(),
                _SHARE,
                "after the epoch, dropout off",
                _TRAINER,
            ),
        ]
    ),
    "predictions": pa.schema(
        [
            *_IDENTITY,
            _column(
                "pair",
                pa.int32(),
                "-",
                "position of the test pair in the seed's test set, from 0; with several rounds on "
                "through their sets",
                _DRAW,
            ),
            _column(
                "first_image",
                pa.int32(),
                "-",
                "its first image's position in MNIST's test images, from 0",
                _DRAW,
            ),
            _column("second_image", pa.int32(), "-", "its second image's position there", _DRAW),
            _column("first_digit", pa.int8(), "digit", "true first digit", _MNIST),
            _column("second_digit", pa.int8(), "digit", "true second digit", _MNIST),
            _column("label", pa.int8(), "0 or 1", "1 where first_digit <= second_digit", _MNIST),
            _column("predicted", pa.int8(), "0 or 1", "predicted label", _NETWORK),
            _column(
                "probability", pa.float32(), "0 to 1", "predicted probability of label 1", _NETWORK
            ),
            _column(
                "predicted_first_digit",
                pa.int8(),
                "digit",
                "digit that the first branch names; null where none is trained to",
                _NETWORK,
                null=True,
            ),
            _column(
                "predicted_second_digit",
                pa.int8(),
                "digit",
                "digit that the second branch names; null where none is trained to",
                _NETWORK,
                null=True,
            ),
        ]
    ),
    "failures": pa.schema(
        [
            *_IDENTITY,
            _RECIPE,
            _column("failed_at", _TIME, "UTC", "when the run failed", _WORKER),
            _column(
                "host", _TEXT, "-", "machine it failed on; null where unknown", _WORKER, null=True
            ),
            _column("error", _TEXT, "-", "the error in one line", _WORKER),
            _column("traceback", _TEXT, "-", "the error in full", _WORKER),
        ]
    ),
}
"""`runs` has a row per finished run, with means where it had several rounds, and then `rounds` has
a row for each of them; `epochs` and `predictions` have their details; `failures` has
a row per failed attempt at a run."""


def to_table(name: str, columns: Mapping[str, Any], *, rows: int = 1) -> pa.Table:
    """Columns as an Arrow table of the schema of that name.

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
    return pa.Table.from_arrays(arrays, schema=schema)


def _to_array(values: Any, type_: pa.DataType, rows: int) -> pa.Array:  # noqa: ANN401 - any column
    if isinstance(values, np.ndarray | list):
        return pa.array(values, type=type_)
    return pa.repeat(pa.scalar(values, type=type_), rows)
