"""What becomes of stacks whose worker was lost: tries are counted, bounded and spaced."""

import re
from collections import Counter

from ray.exceptions import NodeDiedError, OutOfMemoryError, RayError, RayTaskError

from mnistcmp.cluster.stacks import Stack

MOST_NODES = 5
"""Nodes that may be lost under a stack before it is taken to be to blame: some are taken away."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds until a stack is handed out again that has lost a node; each further wait is doubled."""


class SilentError(RayError):
    """Nothing came from a stack's worker for so long that it is given up."""


class Lost:
    """The stacks that have lost a worker, and how each is to be trained from then on.

    A node's loss is not a run's fault. A process that dies alone may be: a stack that loses two is
    trained run by run, each in a process that is watched, so that only the one to blame fails, and
    says how. Where memory ran out, each run is trained once more with a node of its own.
    """

    def __init__(self) -> None:
        self._times: Counter[tuple[Stack, type]] = Counter()
        self.watched: set[Stack] = set()
        """Single runs, whose process is to be watched."""
        self.alone: set[Stack] = set()
        """Single runs, each of which is to have a node of its own."""

    def again(self, stack: Stack, error: RayError) -> tuple[float, tuple[Stack, ...]]:
        """What is to be trained again, and in how many seconds; nothing after a last chance."""
        parts = self._parts(stack, error)
        nodes = self._times[stack, NodeDiedError]
        return min(LONGEST_WAIT, FIRST_WAIT * 2 ** (nodes - 1)) if nodes else 0.0, parts

    def _parts(self, stack: Stack, error: RayError) -> tuple[Stack, ...]:
        times = self._note(stack, error)
        singly = tuple((run,) for run in stack)
        match error:
            case NodeDiedError() if times <= MOST_NODES:
                return (stack,)
            case OutOfMemoryError() if stack not in self.alone:
                self.alone.update(singly)
                return singly
            case OutOfMemoryError() if len(stack) == 1:
                return ()
            case _ if stack in self.watched:
                return ()
            case _ if times == 1 and not isinstance(error, RayTaskError):
                return (stack,)
        self.watched.update(singly)
        return singly

    def _note(self, stack: Stack, error: RayError) -> int:
        kind = NodeDiedError if isinstance(error, NodeDiedError) else RayError
        self._times[stack, kind] += 1
        return self._times[stack, kind]


def why(error: RayError) -> str:
    """How a worker was lost, for people."""
    match error:
        case NodeDiedError():
            return "a node was lost"
        case OutOfMemoryError():
            return "memory ran out"
        case SilentError():
            return "nothing came from a worker"
        case RayTaskError():
            return "a worker could not begin"
    return "a worker's process died"


def in_words(error: RayError) -> str | None:
    """How a run's memory ran out, in a line; None where it was something else."""
    if not isinstance(error, OutOfMemoryError):
        return None
    text = str(error)
    own = re.search(r"actual memory used=([\d.]+ ?GB)", text)
    node = re.search(r"([\d.]+GB used / [\d.]+GB limit)", text)
    used = f" at {own[1]}" if own else ""
    of = f" ({node[1]} on its node)" if node else ""
    return f"memory ran out: Ray ended it{used}{of}, with a node of its own too"
