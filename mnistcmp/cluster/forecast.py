"""How much of a launch is done, and how long the rest takes, from what workers told so far."""

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence

from mnistcmp.cluster.launch import Trained
from mnistcmp.cluster.stacks import Stack, cost
from mnistcmp.results.outcome import Finished, Outcome

MOST_SIMULATED = 500
"""Stacks that are left: of more, how they fall to the workers does not matter."""

Kind = tuple[str, str]
"""An architecture, and the hash of a recipe: what costs the same."""


class Forecast:
    """The stacks of a launch that have not ended, with what those before them took.

    What a stack costs is first told by tables (`planning`), up to a factor that is this machine's
    and is measured; and by its own kind as soon as one of it was trained for a while.
    """

    def __init__(self, stacks: Sequence[Stack], workers: int, until: int | None = None) -> None:
        self._workers, self._until = workers, until
        self._left = {stack: self._cost(stack) for stack in stacks}
        self._total = self._cost_left = sum(self._left.values())
        self._measured: dict[Kind, list[float]] = defaultdict(lambda: [0.0, 0.0])
        """Seconds of a worker, and what they were to cost, of what has ended."""

    def _epochs(self, stack: Stack) -> int:
        """That each of its runs is trained for."""
        whole = stack[0].recipe.all_epochs
        return min(whole, self._until or whole)

    def _cost(self, stack: Stack) -> float:
        return cost(stack) * self._epochs(stack) / stack[0].recipe.all_epochs

    def replan(self, before: Sequence[Stack], now: Sequence[Stack], workers: int) -> None:
        """The runs of some stacks are trained in others, by so many workers."""
        for stack in before:
            del self._left[stack]
        self._left |= {stack: self._cost(stack) for stack in now}
        self._workers = workers

    def end(self, stack: Stack, outcomes: Sequence[Outcome]) -> None:
        """A stack has ended."""
        done = self._left.pop(stack)
        self._cost_left -= done
        if all(isinstance(o, Finished) and o.result.diverged_epoch is None for o in outcomes):
            seconds = sum(o.result.seconds for o in outcomes if isinstance(o, Finished))
            _add(self._measured, stack, seconds, done)

    def look(self, training: Mapping[Stack, Trained]) -> tuple[float, float | None]:
        """The share of the work that is done, 0 to 1, and the seconds that are left.

        These are None where nothing was measured yet. `training` are the stacks that are trained
        now.
        """
        measured = defaultdict(lambda: [0.0, 0.0], {k: [*v] for k, v in self._measured.items()})
        done = {
            stack: training[stack].epochs / self._epochs(stack)
            for stack in training
            if stack in self._left
        }
        for stack, share in done.items():
            _add(measured, stack, training[stack].seconds, share * self._left[stack])
        in_training = sum(share * self._left[stack] for stack, share in done.items())
        share = 1 - (self._cost_left - in_training) / self._total
        if not self._left:
            return 1.0, 0.0
        if not (units := sum(cost for _, cost in measured.values())):
            return share, None
        pace = sum(seconds for seconds, _ in measured.values()) / units
        if len(self._left) > MOST_SIMULATED:
            return share, (self._cost_left - in_training) * pace / self._workers

        def seconds(stack: Stack) -> float:
            own, units = measured.get(_kind(stack), (0.0, 0.0))
            return self._left[stack] * (own / units if units else pace)

        ends = [seconds(stack) * (1 - share) for stack, share in done.items()]
        ends += [0.0] * (self._workers - len(ends))
        heapq.heapify(ends)
        for stack in self._left:
            if stack not in done:
                heapq.heappush(ends, heapq.heappop(ends) + seconds(stack))
        return share, max(ends)


def _kind(stack: Stack) -> Kind:
    return stack[0].architecture, stack[0].recipe.hash


def _add(measured: "dict[Kind, list[float]]", stack: Stack, seconds: float, cost: float) -> None:
    own = measured[_kind(stack)]
    own[0] += seconds
    own[1] += cost
