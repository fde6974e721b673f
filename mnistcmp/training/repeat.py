"""Doing the same many times; on a GPU as one recorded graph."""

from collections.abc import Callable
from typing import Generic, TypeVar

import torch

Result = TypeVar("Result")


class Repeated(Generic[Result]):
    """Work that is done once, and as a graph then recorded, and what was recorded done again.

    A GPU starts all of an epoch's thousands of small operations by itself then. The work must find
    its inputs in the same memory each time, where its result is too, and never wait for the GPU.
    """

    def __init__(self, work: Callable[[], Result], *, as_graph: bool) -> None:
        self._work = work
        self._as_graph = as_graph
        self._first = True
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> Result:
        """Does the work once more."""
        if self._first or not self._as_graph:
            self._first = False
            return self._work()
        # Written without a GPU at hand, and not run yet.
        if self._graph is None:
            torch.cuda.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._result = self._work()
        self._graph.replay()
        return self._result
