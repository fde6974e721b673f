"""What a training goes on from after its worker died: all that its next epochs depend on, as bytes.

Numbers, names and tensors alone: reading a checkpoint runs no code of whoever wrote it.
"""

import io
import pickle
import weakref
import zipfile
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.serialization import safe_globals
from typing_extensions import override

from mnistcmp.provenance import environment
from mnistcmp.training.result import Predictions, Round, Score

_ARRAY = np.empty(0).__reduce__()[0]
"""What NumPy makes an array of."""
_DTYPES = np.dtypes.Int64DType, np.dtypes.Float32DType, np.dtypes.Float64DType
_KNOWN: list[Any] = [Round, Score, Predictions, _ARRAY, np.ndarray, np.dtype, *_DTYPES]
"""Beside tensors, all that a training's state is made of."""


def encode(state: Mapping[str, object]) -> bytes:
    """A training's state, with the software that it is of."""
    file = io.BytesIO()
    torch.save({"software": _software(), **state}, file)
    return file.getvalue()


def decode(content: bytes) -> dict[str, Any] | None:
    """The state in a checkpoint; None if it is not whole, or of another version of the software.

    Another version may train other numbers, and a result is of one version.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            # torch stores as it is; what is packed, or is there twice, could be of any size.
            if sum(part.file_size for part in parts.infolist()) > len(content):
                return None
        with safe_globals(_KNOWN):
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return dict(state) if state["software"] == _software() else None
    # Whatever it is, the training begins anew.
    except Exception:  # noqa: BLE001
        return None


def _software() -> dict[str, str | None]:
    here = environment()
    return {"mnistcmp": here.mnistcmp, "revision": here.git_revision, "torch": here.torch}


class _OtherState(pickle.Pickler):
    """Leaves out what stands in a checkpoint. It is compared alone, and never read."""

    registered: Collection[int] = ()
    """Modules and buffers, by their ids."""

    @override
    def persistent_id(self, obj: object) -> str | None:
        # A recurrent layer keeps lists of its parameters.
        kept = isinstance(obj, nn.Parameter | weakref.ref) or id(obj) in self.registered
        return "kept" if kept else None


def other_state(network: nn.Module) -> bytes | None:
    """What a network's modules keep beside parameters and buffers; None where that is no data.

    A checkpoint has none of it, so a network that changes it cannot go on from one.
    """
    common = vars(nn.Module()).keys()
    kept = [
        {name: value for name, value in vars(module).items() if name not in common}
        for module in network.modules()
    ]
    file = io.BytesIO()
    pickler = _OtherState(file)
    pickler.registered = {id(each) for each in (*network.modules(), *network.buffers())}
    try:
        pickler.dump(kept)
        return file.getvalue()
    except Exception:  # noqa: BLE001 - objects may raise anything
        return None
