"""Which runs are trained together, and in which order the stacks are handed out."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from mnistcmp.cluster.placement import Pool
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run
from mnistcmp.training.planning import is_stackable, seconds_of_a_run

CPU_WIDTH = 10
"""Runs of a stack on a CPU. Wider ones are hardly faster, and their results are stored later."""

GPU_WIDTH = 200
"""Runs of a stack where only GPUs train: about 5 GB of memory, as calculated; not measured."""

TOLERANCE = 0.05
"""By how much the last worker may end later than if all ended together."""

PLAIN_WIDTH = 1
"""What is no stack is trained run by run, and so each is stored as soon as it is done."""

Stack = tuple[Run, ...]


def plan_stacks(runs: Iterable[Run], pools: Sequence[Pool]) -> list[Stack]:
    """The runs in stacks of one architecture and recipe, in the order in which to train them.

    Stacks are as wide as pays. The longest come first, and where workers would wait for the last
    one at the end, some are split. A run's result does not depend on its stack, so any plan is as
    good as another but for its time. Runs that stand first are still trained first, a stack's
    width at a time, so that a study cut short has complete pairings.
    """
    width = GPU_WIDTH if all(pool.gpu for pool in pools) else CPU_WIDTH
    by_kind: dict[tuple[str, Recipe], list[Run]] = {}
    for run in runs:
        by_kind.setdefault((run.architecture, run.recipe), []).append(run)
    blocks = [
        (number, stack)
        for (name, recipe), kind in by_kind.items()
        for number, stack in enumerate(
            _slices(kind, width if is_stackable(name, recipe) else PLAIN_WIDTH)
        )
    ]
    blocks.sort(key=lambda block: (block[0], -cost(block[1])))
    return _balanced([stack for _, stack in blocks], sum(pool.slots for pool in pools))


def _slices(runs: Iterable[Run], width: int) -> Iterator[Stack]:
    waiting = iter(runs)
    while stack := tuple(islice(waiting, width)):
        yield stack


def cost(stack: Sequence[Run]) -> float:
    """How long a stack takes, in seconds of a processor."""
    return len(stack) * seconds_of_a_run(stack[0].architecture, stack[0].recipe)


def _balanced(stacks: list[Stack], workers: int) -> list[Stack]:
    """Splits what the last worker ends with, until all end at about the same time."""
    ideal = sum(map(cost, stacks)) / workers
    while stacks:
        end, last = _last_to_end(stacks, workers)
        longest_run = max(cost(stack[:1]) for stack in stacks)
        if end <= (1 + TOLERANCE) * max(ideal, longest_run) or len(stacks[last]) == 1:
            return stacks
        stack = stacks[last]
        half = len(stack) // 2
        stacks = [*stacks[:last], stack[:half], stack[half:], *stacks[last + 1 :]]
    return stacks


def _last_to_end(stacks: Sequence[Stack], workers: int) -> tuple[float, int]:
    """When the last worker ends, each taking the next stack when it is free, and its last stack."""
    free = [(0.0, worker) for worker in range(workers)]
    end, last = 0.0, 0
    for number, stack in enumerate(stacks):
        start, worker = heapq.heappop(free)
        heapq.heappush(free, (start + cost(stack), worker))
        if start + cost(stack) > end:
            end, last = start + cost(stack), number
    return end, last
