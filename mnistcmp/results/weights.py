"""A run's best weights as a safetensors file: numbers and names, which nothing has to unpickle."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import safetensors
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import numpy as safetensors_numpy

from mnistcmp.errors import UserError
from mnistcmp.provenance import environment
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run

if TYPE_CHECKING:
    from mnistcmp.training.result import Weights

WeightsChoice = Literal["best", "none"]

FOLDER = "weights"
SUFFIX = ".safetensors"
VERSION = 1
"""Of the keys below."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredWeights:
    """A run's weights, and all it takes to use them."""

    run: Run
    tensors: dict[str, NDArray[np.generic]]
    mean: float
    deviation: float


def encode_weights(run: Run, weights: "Weights") -> bytes:
    """The file's content; what is not a tensor stands in its metadata, as text."""
    said = {
        "mnistcmp.weights_version": str(VERSION),
        "mnistcmp.version": environment().mnistcmp,
        "run_id": run.run_id,
        "architecture": run.architecture,
        "seed": str(run.seed),
        "recipe": run.recipe.model_dump_json(),
        "mean": repr(weights.mean),
        "deviation": repr(weights.deviation),
    }
    return safetensors_numpy.save(weights.tensors, metadata=said)


def decode_weights(content: bytes, path: str) -> StoredWeights:
    """The weights in a file; `path` names it in errors.

    Raises:
        UserError: It is not whole, or not of this version.
    """
    try:
        tensors = safetensors_numpy.load(content)
        # The header: its length in eight bytes, and JSON. The library gives the tensors alone.
        length = int.from_bytes(content[:8], "little")
        said = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    except safetensors.SafetensorError as error:
        raise UserError(f"cannot read {path}: it is not a whole safetensors file.") from error
    try:
        run = Run(
            architecture=said["architecture"],
            seed=int(said["seed"]),
            recipe=Recipe.model_validate_json(said["recipe"]),
        )
        return StoredWeights(
            run=run, tensors=tensors, mean=float(said["mean"]), deviation=float(said["deviation"])
        )
    except (KeyError, ValueError, ValidationError) as error:
        writer = said.get("mnistcmp.version")
        raise UserError(
            f"{path} has no weights that this mnistcmp can use"
            f"{f'; mnistcmp {writer} wrote it' if writer else ''}."
        ) from error
