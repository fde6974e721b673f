"""Ends a run that hangs: it raises where that can be, else its process ends."""

import faulthandler
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Self

FIRST_EPOCH, ANY_EPOCH = 3600.0, 300.0
"""Seconds within which the first epoch has to end, and each later one at least may take."""
TIMES_LONGER = 20.0
"""Than the longest epoch before: a machine that others use too is slower at times."""
GRACE = 60.0
"""Seconds from being asked to stop, in Python, to the end of a process that does not get there."""
STDERR = 2
SECONDS_BETWEEN = 1.0
"""Of two settings of the clocks, which cost some 0.1 ms; epochs may be shorter."""


def limit(timeout: float | None, longest: float) -> float:
    """Seconds after which something hangs, from the beginning or from the last sign of life.

    Args:
        timeout: Those that were asked for, of a training in all.
        longest: Seconds between two signs of life so far; 0 where there were none.
    """
    if timeout is not None:
        return timeout
    return max(ANY_EPOCH, TIMES_LONGER * longest) if longest else FIRST_EPOCH


class RunHangsError(Exception):
    """A run takes far longer than it should; the traceback says where it was."""


class Watchdog:
    """Watches a training in this process's main thread, from one epoch to the next.

    Args:
        timeout: Seconds that the training may take in all; where it is None, each epoch is watched.
    """

    def __init__(self, timeout: float | None) -> None:
        self._timeout, self._longest = timeout, 0.0
        self._started = self._last = self._set_at = time.monotonic()
        self._is_active = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Self:
        if self._is_active:
            self._before = signal.signal(signal.SIGALRM, self._give_up)
            self._set()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_active:
            faulthandler.cancel_dump_traceback_later()
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)

    def note_epoch(self) -> None:
        """Says that an epoch has ended; the next one has its time from now on."""
        now = time.monotonic()
        self._longest, self._last = max(self._longest, now - self._last), now
        if self._is_active and now - self._set_at >= SECONDS_BETWEEN:
            self._set()

    def _set(self) -> None:
        self._set_at = time.monotonic()
        self._limit = limit(self._timeout, self._longest)
        if self._timeout is not None:
            self._limit = max(0.001, self._started + self._timeout - self._set_at)
        signal.setitimer(signal.ITIMER_REAL, self._limit)
        # What runs in C does not come back to Python; then the worker is lost, and says where.
        faulthandler.dump_traceback_later(self._limit + GRACE, exit=True, file=STDERR)

    def _give_up(self, _: int, __: FrameType | None) -> None:
        if self._timeout is not None:
            raise RunHangsError(f"not done in {self._timeout:g} s, as --run-timeout allows")
        longest = f"the longest before took {self._longest:.1f} s" if self._longest else "the first"
        raise RunHangsError(f"no epoch ended in {self._limit:.0f} s; {longest}")
