"""A call in a process of its own, watched by its parent, who can say how it died."""

import os
import signal
import tempfile
import threading
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

from ray import cloudpickle

LAST_LINES = 20
"""Of what a process printed before it died."""

_R = TypeVar("_R")


class ProcessDiedError(Exception):
    """A process ended without an answer. Its text is how, and then the last lines it printed."""


def call_watched(function: Callable[..., _R], *arguments: object) -> _R:
    """What a function returns in a fresh process, which ends when this one does.

    Raises:
        ProcessDiedError: The process did not come back.
    """
    context = get_context("spawn")
    answer, end = context.Pipe(duplex=False)
    call = cloudpickle.dumps((function, arguments))  # type: ignore[no-untyped-call]
    with tempfile.NamedTemporaryFile(prefix="mnistcmp-") as printed:
        process = context.Process(target=_call, args=(end, printed.name, call))
        process.start()
        end.close()
        try:
            found: _R = answer.recv()
        except EOFError as error:
            process.join()
            said = Path(printed.name).read_text(encoding="utf-8", errors="replace")
            lines = _last(said.strip().splitlines())
            raise ProcessDiedError("\n".join([_how(process.exitcode or 0), *lines])) from error
        process.join()
        return found


def _call(answer: Connection, printed: str, call: bytes) -> None:
    with Path(printed).open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    function, arguments = cloudpickle.loads(call)
    answer.send(function(*arguments))


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _last(lines: list[str]) -> list[str]:
    """The last lines; of a dump of where a process hung the first, which are the innermost."""
    dumps = [place for place, line in enumerate(lines) if line.startswith("Timeout (")]
    return lines[dumps[-1] :][:LAST_LINES] if dumps else lines[-LAST_LINES:]


def _how(status: int) -> str:
    if status < 0:
        known = {each.value: each.name for each in signal.Signals}
        name = known.get(-status, f"signal {-status}")
        return f"the process that trained it was killed by {name}"
    return f"the process that trained it ended itself with exit code {status}"
