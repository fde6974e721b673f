"""What a process needs that trains beside others: one thread, and loops that are compiled."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from mnistcmp.data.mnist import Digits, Mnist
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run
from mnistcmp.training.training import train


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch's operations and NumPy's products use one thread inside; also a decorator.

    Ray sets OMP_NUM_THREADS only where a worker is fresh; this holds for a re-used one as well.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, "blas"):
            yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
def warm_up() -> None:
    """Trains two small networks on noise, so that the loops are compiled, or read from the disk."""
    noise = np.random.default_rng(0).random((20, 14, 14), np.float32)
    digits = Digits(images=noise, labels=np.arange(20) % 10)
    recipe = Recipe(epochs=1, train_pairs=10, test_pairs=10, batch_size=4)
    for name in ("baseline", "siamese-shared"):
        run = Run(architecture=name, seed=0, recipe=recipe)
        train([run], Mnist(train=digits, test=digits), torch.device("cpu"))
