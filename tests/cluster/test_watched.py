"""What is told of a process that dies."""

import os
import signal
import sys

import pytest

from mnistcmp.cluster.watched import LAST_LINES, ProcessDiedError, call_watched

pytestmark = pytest.mark.process


def _end(signal_number: int | None) -> None:
    for number in range(100):
        os.write(1, f"line {number}\n".encode())
    os.write(2, b"\xff the last")
    if signal_number is None:
        os._exit(3)
    os.kill(os.getpid(), signal_number)


@pytest.mark.parametrize(
    ("signal_number", "how"),
    [
        (None, "exit code 3"),
        (signal.SIGKILL, "SIGKILL"),
        (signal.SIGSEGV, "SIGSEGV"),
        (40, "signal 40"),
    ],
)
def test_a_process_that_dies_is_told_of_with_its_last_lines(
    signal_number: int | None, how: str
) -> None:
    """How it ended stands first; what it printed is no text."""
    with pytest.raises(ProcessDiedError) as told:
        call_watched(_end, signal_number)
    first, *lines = str(told.value).splitlines()
    assert first.endswith(how)
    assert (len(lines), lines[-1]) == (LAST_LINES, "\ufffd the last")


def test_an_answer_comes_back_whole() -> None:
    """However large, with what was printed going nowhere."""
    assert call_watched(lambda size: sys.stdout.write("x") * b"x" * size, 10**6) == b"x" * 10**6
