"""Claims places as a launch does, on what is taken for a machine of its own.

python -m tests.support.claimant HOST AHEAD

Each line of standard input names a place; the answer is `held` or why not. On the next line, a
place that is held is let go, and it is told whether it was held till then. The clock of the server
that keeps the folders is so many seconds ahead.
"""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from mnistcmp.cluster import claim
from mnistcmp.errors import UserError
from mnistcmp.results.location import Location
from mnistcmp.results.store import ResultsStore

SECONDS_BETWEEN, SILENCE = 0.5, 3.0


def claim_places(host: str, ahead: int) -> None:
    """Answers until the input ends."""
    own = replace(claim.Process.own(), host=host)
    changes: dict[str, Any] = {
        "SECONDS_BETWEEN": SECONDS_BETWEEN,
        "SECONDS_BETWEEN_OBJECTS": SECONDS_BETWEEN,
        "SILENCE": SILENCE,
    }
    write = Location.write

    def write_there(self: Location, folder: str, name: str, content: bytes) -> None:
        write(self, folder, name, content)
        if ahead:
            os.utime(Path(str(self)) / folder / name, (time.time() + ahead,) * 2)

    with (
        patch.multiple(claim, **changes),
        patch.object(claim.Process, "own", lambda: own),
        patch.object(Location, "write", write_there),
    ):
        for line in sys.stdin:
            store = ResultsStore(line.strip())
            try:
                with claim.claimed(store) as waits:
                    for told in waits:
                        _say(told.message)
                    _say("held")
                    sys.stdin.readline()
                    store.before_writing()
                _say("let go")
            except UserError as error:
                _say(str(error))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    claim_places(sys.argv[1], int(sys.argv[2]))
