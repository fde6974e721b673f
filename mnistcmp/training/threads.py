"""One thread for a training, so that those beside it have the other processors."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


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
