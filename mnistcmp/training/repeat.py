"""Doing the same many times; on a GPU as one recorded graph."""

from collections.abc import Callable, Iterator

import torch


def repeat(work: Callable[[], None], times: int, *, as_graph: bool) -> Iterator[None]:
    """Does the work so many times, and yields after each.

    As a graph, the work is done once, recorded, and what was recorded is done again: a GPU then
    starts all of an epoch's thousands of small operations by itself. The work must find its inputs
    and leave its outputs in the same memory each time, and never wait for the GPU.
    """
    work()
    yield
    if not as_graph or times == 1:
        for _ in range(times - 1):
            work()
            yield
        return
    # Written without a GPU at hand, and not run yet.
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    for _ in range(times - 1):
        graph.replay()
        yield
    torch.cuda.synchronize()
