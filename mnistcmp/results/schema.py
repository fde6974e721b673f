"""The tables of a results folder, column by column. docs/results.md is written from here."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 3
"""Raised when a column changes or goes. One that is added reads as null in older files."""

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

_SHARE, _NATS = "share, 0 to 1", "nats"


def _column(
    name: str, type_: pa.DataType, unit: str, meaning: str, source: str, *, null: bool = False
) -> pa.Field:
    metadata = {"description": meaning, "unit": unit, "source": source}
    return pa.field(name, type_, nullable=null, metadata=metadata)


def _text(name: str, meaning: str, source: str, *, null: bool = False) -> pa.Field:
    return _column(name, pa.string(), "-", meaning, source, null=null)


def _time(name: str, meaning: str) -> pa.Field:
    return _column(name, pa.timestamp("us", tz="UTC"), "UTC", meaning, _WORKER)


def _count(
    name: str, unit: str, meaning: str, source: str = _TRAINER, *, null: bool = False
) -> pa.Field:
    return _column(name, pa.int32(), unit, meaning, source, null=null)


def _measured(name: str, unit: str, meaning: str, *, null: bool = False) -> pa.Field:
    return _column(name, pa.float64(), unit, meaning, _TRAINER, null=null)


def _small(name: str, unit: str, meaning: str, source: str, *, null: bool = False) -> pa.Field:
    return _column(name, pa.int8(), unit, meaning, source, null=null)


IDENTITY = (
    _text("study", "name of the study that the run was trained for", _PLAN),
    _text("run_id", "16 hexadecimal digits: hash of architecture, seed and recipe", _PLAN),
    _text("architecture", "name of the architecture", _PLAN),
    _column("seed", pa.int64(), "-", "seed of every random number of the run", _PLAN),
    _text("recipe_hash", "12 hexadecimal digits: hash of the recipe", _PLAN),
)
"""The first columns of every table."""

_RECIPE = _text("recipe", "the recipe's fields as JSON", _PLAN)

_SCORES = (
    _measured("train_loss", _NATS, "training loss in the best epoch, dropout on", null=True),
    _measured("train_accuracy", _SHARE, "training accuracy in it, dropout on", null=True),
    _measured("validation_loss", _NATS, "validation loss after the best epoch", null=True),
    _measured("validation_accuracy", _SHARE, "validation accuracy after it", null=True),
    _measured(
        "test_loss", _NATS, "test loss with the best epoch's weights; null in a search", null=True
    ),
    _measured("test_accuracy", _SHARE, "test accuracy with them; null in a search", null=True),
    _measured(
        "digit_accuracy",
        _SHARE,
        "share of the test digits named correctly; null where no branch is trained to name them",
        null=True,
    ),
)

_RUNS = (
    _RECIPE,
    _count("parameters", "count", "trainable parameters"),
    _count(
        "best_epoch",
        "epochs",
        "epoch whose weights are tested, counted from 1: the latest of those with the best "
        "validation accuracy, or the last where the recipe says so",
        null=True,
    ),
    _count(
        "diverged_epoch",
        "epochs",
        "epoch, counted from 1, whose loss was no longer finite: the run ended with it and counts "
        "in no mean; then there are no best epoch and no scores",
        null=True,
    ),
    *_SCORES,
    _time("started_at", "when the training began"),
    _time("finished_at", "when the test was done"),
    _measured(
        "seconds",
        "s",
        "wall time of building, training and testing; a share, where several were stacked",
    ),
    _text("host", "name of the machine that trained the run", _WORKER),
    _text("device", "`cpu`, or the GPU's name", _TRAINER),
    _text("processor", "the machine's kind of it; null in older results", _WORKER, null=True),
    _text("python_version", "version of Python there", _WORKER),
    _text("torch_version", "version of PyTorch there", _WORKER),
    _text("ray_version", "version of Ray there", _WORKER, null=True),
    _text("mnistcmp_version", "version of this package there", _WORKER),
    _text(
        "git_revision",
        "commit of the code, `-dirty` behind it where files differed; "
        "null where the code is not a git checkout",
        _WORKER,
        null=True,
    ),
)

_ROUNDS = (
    _count("round", "rounds", "counted from 1", _PLAN),
    _count("best_epoch", "epochs", "as in `runs`, counted on through the rounds"),
    *_SCORES,
)

_EPOCHS = (
    _count("epoch", "epochs", "counted from 1, on through the rounds"),
    _measured("train_loss", _NATS, "mean over the epoch's batches, dropout on"),
    _measured("train_accuracy", _SHARE, "of the same batches"),
    _measured("validation_loss", _NATS, "after the epoch, dropout off"),
    _measured("validation_accuracy", _SHARE, "after the epoch, dropout off"),
)

_PREDICTIONS = (
    _count(
        "pair",
        "-",
        "position of the test pair in the seed's test set, from 0; with several rounds on "
        "through their sets",
        _DRAW,
    ),
    _count("first_image", "-", "its first image's position in MNIST's test images, from 0", _DRAW),
    _count("second_image", "-", "its second image's position there", _DRAW),
    _small("first_digit", "digit", "true first digit", _MNIST),
    _small("second_digit", "digit", "true second digit", _MNIST),
    _small("label", "0 or 1", "1 where first_digit <= second_digit", _MNIST),
    _small("predicted", "0 or 1", "predicted label", _NETWORK),
    _column("probability", pa.float32(), "0 to 1", "predicted probability of label 1", _NETWORK),
    _small(
        "predicted_first_digit",
        "digit",
        "digit that the first branch names; null where none is trained to",
        _NETWORK,
        null=True,
    ),
    _small(
        "predicted_second_digit",
        "digit",
        "digit that the second branch names; null where none is trained to",
        _NETWORK,
        null=True,
    ),
)

_FAILURES = (
    _RECIPE,
    _time("failed_at", "when the run failed"),
    _text("host", "machine it failed on; null where unknown", _WORKER, null=True),
    _text("error", "the error in one line", _WORKER),
    _text("traceback", "the error in full", _WORKER),
)

TABLES = {
    "runs": pa.schema([*IDENTITY, *_RUNS]),
    "rounds": pa.schema([*IDENTITY, *_ROUNDS]),
    "epochs": pa.schema([*IDENTITY, *_EPOCHS]),
    "predictions": pa.schema([*IDENTITY, *_PREDICTIONS]),
    "failures": pa.schema([*IDENTITY, *_FAILURES]),
}
"""`runs` has a row per finished run, with means where it had several rounds, and then `rounds` has
a row for each of them; `epochs` and `predictions` have their details; `failures` has
a row per failed attempt at a run."""


def to_table(name: str, columns: Mapping[str, Any]) -> pa.Table:
    """Columns as an Arrow table of the schema of that name.

    Raises:
        pa.ArrowInvalid: A value does not fit its column.
        ValueError: A column is missing or unknown, has another length, or has nulls and may not.
    """
    schema = TABLES[name]
    if columns.keys() != set(schema.names):
        raise ValueError(f"{name}: columns {sorted(columns.keys() ^ set(schema.names))}")
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    for field, array in zip(schema, arrays, strict=True):
        if array.null_count and not field.nullable:
            raise ValueError(f"{name}: column {field.name} may not be null")
    return pa.Table.from_arrays(arrays, schema=schema)
