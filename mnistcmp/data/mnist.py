"""MNIST's digits at 14 x 14, as every run draws its pairs from them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from mnistcmp.data.cache import ensure_mnist


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


def load_mnist(folder: Path) -> Mnist:
    """MNIST from a folder, which is filled from the package where files are missing.

    Raises:
        UserError: The folder cannot be written, or a file is not MNIST's.
    """
    raw = ensure_mnist(folder)
    return Mnist(train=_read(raw, "train"), test=_read(raw, "t10k"))


def _read(raw: Path, name: str) -> Digits:
    # The files are bytes after a header, whose length and content their checksums vouch for.
    images = np.fromfile(raw / f"{name}-images-idx3-ubyte", np.uint8, offset=16)
    labels = np.fromfile(raw / f"{name}-labels-idx1-ubyte", np.uint8, offset=8)
    pooled = pool(torch.from_numpy(images.reshape(-1, 28, 28)))
    return Digits(images=pooled.numpy(), labels=labels.astype(np.int64))


def pool(images: torch.Tensor) -> torch.Tensor:
    """Images (N, 28, 28) of bytes as (N, 14, 14) of 0 to 1: the mean of each 2 x 2 pixels."""
    return functional.avg_pool2d(images.float().unsqueeze(1) / 255, kernel_size=2).squeeze(1)
