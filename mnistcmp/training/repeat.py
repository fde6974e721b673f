"""Doing the same many times; on a GPU as one recorded graph."""

from collections.abc import Callable

import torch


class Repeated:
    """Work that is done once, and as a graph then recorded, and what was recorded done again.

    A GPU starts all of an epoch's thousands of small operations by itself then. The work must find
    its inputs and leave its outputs in the same memory each time, and never wait for the GPU.
    """

    def __init__(self, work: Callable[[], None], *, as_graph: bool) -> None:
        self._work = work
        self._as_graph = as_graph
        self._first = True
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Does the work once more."""
        if self._first or not self._as_graph:
            self._first = False
            self._work()
            return
        # Written without a GPU at hand, and not run yet.
        if self._graph is None:
            torch.cuda.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._work()
        self._graph.replay()
