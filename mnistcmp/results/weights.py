"""A run's best weights as a safetensors file: numbers and names, which nothing has to unpickle."""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import safetensors
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import numpy as safetensors_numpy

from mnistcmp.errors import UserError
from mnistcmp.provenance import environment
from mnistcmp.results.location import DamagedFileError
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run

if TYPE_CHECKING:
    from mnistcmp.training.result import Weights

FOLDER = "weights"
SUFFIX = ".safetensors"
VERSION = 1
"""Of the keys below."""
UNSIGNED = "0" * 64
"""In place of the digest of a file, in what the digest is of."""


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
        "sha256": UNSIGNED,
    }
    unsigned = safetensors_numpy.save(weights.tensors, metadata=said)
    return _signed(unsigned, UNSIGNED, hashlib.sha256(unsigned).hexdigest())


def _signed(content: bytes, before: str, after: str) -> bytes:
    """The file with another digest in its metadata."""
    key = '"sha256":"{}"'
    return content.replace(key.format(before).encode(), key.format(after).encode(), 1)


def decode_weights(content: bytes, path: str) -> StoredWeights:
    """The weights in a file; `path` names it in errors.

    Raises:
        DamagedFileError: It is not whole, or was altered.
        UserError: It is not of this version.
    """
    damaged = DamagedFileError(
        f"cannot read {path}: it is not a whole safetensors file, or was altered. Launch again "
        "with --weights best, which sets it aside and trains its runs anew."
    )
    try:
        tensors = safetensors_numpy.load(content)
        # The header: its length in eight bytes, and JSON. The library gives the tensors alone.
        length = int.from_bytes(content[:8], "little")
        said = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    # The library knows kinds of numbers that NumPy does not.
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise damaged from error
    digest = said.get("sha256", "")
    if hashlib.sha256(_signed(content, digest, UNSIGNED)).hexdigest() != digest:
        raise damaged
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
