"""Every random number of a run comes from its seed, through one named stream for each use.

Streams are independent of each other, so that, say, a longer training does not change the pairs,
and two architectures with one seed see the same pairs, split and order of batches.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """What random numbers are used for. The numbers are part of every result: never re-use one."""

    TRAIN_PAIRS = 0
    TEST_PAIRS = 1
    SPLIT = 2
    WEIGHTS = 3
    BATCHES = 4
    DROPOUT = 5


def _sequence(seed: int, stream: Stream) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(int(stream),))


def _torch_seed(seed: int, stream: Stream) -> int:
    return int(_sequence(seed, stream).generate_state(1, np.uint64)[0])


def numpy_generator(seed: int, stream: Stream) -> np.random.Generator:
    """A fresh NumPy generator at the start of a seed's stream."""
    return np.random.default_rng(_sequence(seed, stream))


def torch_generator(seed: int, stream: Stream) -> torch.Generator:
    """A fresh torch generator (on the CPU) at the start of a seed's stream."""
    return torch.Generator().manual_seed(_torch_seed(seed, stream))


@contextmanager
def seeded_torch(seed: int, stream: Stream, device: torch.device) -> Iterator[None]:
    """Torch's default generators start a seed's stream inside, and are as before afterwards.

    Layers draw initial weights and dropout masks from the default generators and take no other,
    a user's own layers included, so these are seeded and restored rather than passed around.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(_torch_seed(seed, stream))
        yield
