"""MNIST's digits at 14 x 14, from files that ship with the package, verified as they are read."""

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from mnistcmp.data.torchvision_import import import_torchvision_mnist
from mnistcmp.errors import UserError

LARGEST = 47_040_016
"""Bytes of the largest file, unpacked."""
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


@cache
def load_mnist() -> Mnist:
    """MNIST, as torchvision reads it; a process reads it once.

    Raises:
        UserError: A file is damaged, or there is no room to unpack it.
    """
    return Mnist(train=_read("train"), test=_read("t10k"))


def _read(name: str) -> Digits:
    torchvision = import_torchvision_mnist()
    with _opened(f"{name}-images-idx3-ubyte") as images:
        pooled = pool(torchvision.read_image_file(images).numpy())
    with _opened(f"{name}-labels-idx1-ubyte") as labels:
        return Digits(images=pooled, labels=torchvision.read_label_file(labels).numpy())


@contextmanager
def _opened(name: str) -> Iterator[int | str]:
    """One of MNIST's files, unpacked where torchvision can open it: in memory, if there is a way.

    A folder of unpacked files would have to be chosen, shared, cared for, and have room.
    """
    content = read_verified(name)
    try:
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create(name)
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
            os.lseek(descriptor, 0, os.SEEK_SET)
            # Whoever opens it closes it.
            yield descriptor
        else:
            with TemporaryDirectory() as folder:
                path = Path(folder, name)
                path.write_bytes(content)
                yield str(path)
    except OSError as error:
        raise UserError(f"cannot unpack MNIST's {name}: {error.strerror}.") from error


def read_verified(name: str) -> bytes:
    """One of MNIST's files, unpacked.

    Raises:
        UserError: It is damaged.
    """
    try:
        packed = files("mnistcmp.data").joinpath("mnist", f"{name}.gz").read_bytes()
        with gzip.open(io.BytesIO(packed)) as file:
            # Not one byte more, whatever has taken the file's place.
            content = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error):
        content = b""
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != MD5[name]:
        raise UserError(
            f"{name} is truncated or changed: MD5 {found} of {len(content):,} bytes, expected "
            f"{MD5[name]}. Install mnistcmp again, which puts a good copy in its place."
        )
    return content


def pool(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images (N, 28, 28) of bytes as (N, 14, 14) of 0 to 1: the mean of each 2 x 2 pixels.

    It adds up in the order of `torch.nn.functional.avg_pool2d`, whose bits it gives; that would
    have all processors wait for each other here.
    """
    pooled = np.empty((len(images), 14, 14), np.float32)
    # By parts: all of MNIST's pixels as floating-point numbers are 190 MB, and were there twice.
    for start in range(0, len(images), 500):
        part = images[start : start + 500] / np.float32(255)
        total = part[:, ::2, ::2] + part[:, ::2, 1::2]
        total += part[:, 1::2, ::2]
        total += part[:, 1::2, 1::2]
        pooled[start : start + 500] = total / 4
    return pooled
