"""Every random number of a run comes from its seed, through one named stream for each use.

Streams are independent of each other, so that, say, a longer training does not change the pairs,
and two architectures with one seed see the same pairs, split and order of batches.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor


class Stream(IntEnum):
    """What random numbers are used for. The numbers are part of every result: never re-use one."""

    TRAIN_PAIRS = 0
    TEST_PAIRS = 1
    SPLIT = 2
    WEIGHTS = 3
    BATCHES = 4
    """A key of `random_words`: the counter is the epoch and the pair."""
    DROPOUT = 5
    """A key of `random_words`: the counter is the step, the layer and the unit."""
    AUGMENTATION = 6
    """A key of `random_words`: the counter is the step, the image and what is drawn for it."""


def _sequence(seed: int, stream: Stream, number: int = 0) -> np.random.SeedSequence:
    further = (number,) if number else ()
    return np.random.SeedSequence(seed, spawn_key=(int(stream), *further))


def _torch_seed(seed: int, stream: Stream) -> int:
    return int(_sequence(seed, stream).generate_state(1, np.uint64)[0])


def numpy_generator(seed: int, stream: Stream, number: int = 0) -> np.random.Generator:
    """A fresh NumPy generator at the start of a seed's stream, or of a further one of that use."""
    return np.random.default_rng(_sequence(seed, stream, number))


def torch_generator(seed: int, stream: Stream) -> torch.Generator:
    """A fresh torch generator (on the CPU) at the start of a seed's stream."""
    return torch.Generator().manual_seed(_torch_seed(seed, stream))


class TorchStream:
    """A seed's stream in torch's default generators, which can be left and gone on with.

    Layers draw initial weights and dropout masks from the default generators and take no other,
    a custom network's included, so these are seeded and restored rather than passed around.
    """

    def __init__(self, seed: int, stream: Stream, device: torch.device) -> None:
        self._seed = _torch_seed(seed, stream)
        self._gpus = [device] if device.type == "cuda" else []
        self.states: list[Tensor] = []
        """The CPU's generator's and the GPU's, once the stream was left: where it goes on."""

    @contextmanager
    def resumed(self) -> Iterator[None]:
        """The default generators are the stream's inside, and as before afterwards."""
        with torch.random.fork_rng(devices=self._gpus):
            if self.states:
                torch.set_rng_state(self.states[0])
                for gpu, state in zip(self._gpus, self.states[1:], strict=True):
                    torch.cuda.set_rng_state(state, gpu)
            elif torch.cuda.is_available():
                torch.manual_seed(self._seed)
            else:
                # torch.manual_seed would note for a GPU who called it, which takes far longer.
                torch.default_generator.manual_seed(self._seed)
            yield
            gpu_states = [torch.cuda.get_rng_state(gpu) for gpu in self._gpus]
            self.states = [torch.get_rng_state(), *gpu_states]


def seeded_torch(seed: int, stream: Stream, device: torch.device) -> AbstractContextManager[None]:
    """Torch's default generators start a seed's stream inside, and are as before afterwards."""
    return TorchStream(seed, stream, device).resumed()


_GOLDEN_GAMMA = 0x9E3779B97F4A7C15 - 2**64
_MULTIPLIERS = 0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64


def stream_keys(seeds: Iterable[int], stream: Stream, device: torch.device) -> Tensor:
    """A key for `random_words` for each of N seeds: (N,), int64."""
    keys = np.array([_torch_seed(seed, stream) for seed in seeds], dtype=np.uint64)
    return torch.from_numpy(keys.view(np.int64)).to(device)


def random_words(keys: Tensor, counters: Tensor) -> Tensor:
    """64 random bits for each key and counter: int64, in the shape that both broadcast to.

    The function mixes its counter and remembers nothing, so a run's numbers are the same on every
    device and whichever runs are drawn for beside it. It is SplitMix64: G. L. Steele, D. Lea,
    C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 17.
    """
    word = keys + counters * _GOLDEN_GAMMA
    word ^= _shifted(word, 30)
    word *= _MULTIPLIERS[0]
    word ^= _shifted(word, 27)
    word *= _MULTIPLIERS[1]
    word ^= _shifted(word, 31)
    return word


def _shifted(word: Tensor, bits: int) -> Tensor:
    """To the right, zeros moving in: torch's own shift of a signed number repeats its sign."""
    return (word >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def shuffles(keys: Tensor, epoch: int, count: int) -> Tensor:
    """An order of `count` pairs in an epoch for each of N keys: (N, count), int64."""
    counters = (epoch << 32) + torch.arange(count, device=keys.device)
    return random_words(keys[:, None], counters).argsort(dim=1, stable=True)
