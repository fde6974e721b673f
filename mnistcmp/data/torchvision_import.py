"""Imports torchvision's MNIST reader, beside a CPU-only torch too.

torchvision's compiled operators are built for one build of torch. Beside another build (wheels of
torchvision are for CUDA, torch here may be for the CPU) they do not load, and importing torchvision
then fails, because it describes `nms` and `qnms` to torch without looking whether they exist. Its
datasets need neither, so where the import fails for that reason, and only there, the two are
declared without an implementation and the import is made again.
"""

import importlib
import sys
from types import ModuleType

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def import_torchvision_mnist() -> ModuleType:
    """The module `torchvision.datasets.mnist`.

    Raises:
        RuntimeError: torchvision cannot be imported for another reason than missing operators.
    """
    try:
        return importlib.import_module("torchvision.datasets.mnist")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    # Another thread may import meanwhile.
    for name in list(sys.modules):
        if name.split(".")[0] == "torchvision":
            del sys.modules[name]
    torch.library.define("torchvision::nms", _SCHEMA)
    torch.library.define("torchvision::qnms", _SCHEMA)
    return importlib.import_module("torchvision.datasets.mnist")
