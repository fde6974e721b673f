"""MNIST's digits at 14 x 14, from the files that ship with the package, verified at every use."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from mnistcmp.data.torchvision_import import import_torchvision_mnist
from mnistcmp.errors import UserError

MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
"""Checksums of the unpacked files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Digits:
    """Some of MNIST's digits. NumPy arrays, which Ray shares between processes without a copy."""

    images: NDArray[np.float32]
    """(N, 14, 14): grey levels from 0 to 1, black ground."""
    labels: NDArray[np.int64]
    """(N,): 0 to 9."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mnist:
    """MNIST's 60,000 training and 10,000 test digits, in MNIST's order."""

    train: Digits
    test: Digits

    def without_test(self) -> "Mnist":
        """The same without test digits: what a search may see."""
        none = Digits(images=self.test.images[:0], labels=self.test.labels[:0])
        return replace(self, test=none)


def load_mnist() -> Mnist:
    """MNIST, as torchvision reads it.

    Raises:
        UserError: A file is damaged, or the folder for temporary files cannot be written.
    """
    # torchvision reads from a folder alone. One that lasts would have to be chosen and cared for.
    try:
        with TemporaryDirectory() as folder:
            raw = Path(folder, "MNIST", "raw")
            raw.mkdir(parents=True)
            for name in MD5:
                (raw / name).write_bytes(read_verified(name))
            return Mnist(train=_read(folder, train=True), test=_read(folder, train=False))
    except OSError as error:
        raise UserError(
            f"cannot unpack MNIST, 55 MB, in the folder for temporary files: {error.strerror}. "
            "Set TMPDIR to another."
        ) from error


def _read(folder: str, *, train: bool) -> Digits:
    dataset = import_torchvision_mnist().MNIST(root=folder, train=train, download=False)
    return Digits(images=pool(dataset.data).numpy(), labels=dataset.targets.numpy())


def read_verified(name: str) -> bytes:
    """One of MNIST's files, unpacked.

    Raises:
        UserError: It is damaged.
    """
    try:
        content = gzip.decompress(
            files("mnistcmp.data").joinpath("mnist", f"{name}.gz").read_bytes()
        )
    except (OSError, EOFError, zlib.error):
        content = b""
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != MD5[name]:
        raise UserError(
            f"{name} is truncated or changed: MD5 {found} of {len(content):,} bytes, expected "
            f"{MD5[name]}. Install mnistcmp again, which puts a good copy in its place."
        )
    return content


def pool(images: torch.Tensor) -> torch.Tensor:
    """Images (N, 28, 28) of bytes as (N, 14, 14) of 0 to 1: the mean of each 2 x 2 pixels."""
    return functional.avg_pool2d(images.float().unsqueeze(1) / 255, kernel_size=2).squeeze(1)
