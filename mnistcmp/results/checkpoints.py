"""What runs in training go on from, beside the results, for as long as they are not finished."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress

from pydantic_core import from_json

from mnistcmp.errors import UserError
from mnistcmp.results.location import Location
from mnistcmp.study.study import Run

FOLDER = "checkpoints"
SUFFIX = ".checkpoint"


class Checkpoints:
    """The latest checkpoint of each stack of runs that has one.

    They save time and hold no result: what stands in the way of one is no error, and one that was
    altered or cut off is taken for none.
    """

    def __init__(self, location: Location) -> None:
        self._location = location
        self._stacks: set[tuple[Run, ...]] = set()

    def find(self, runs: Iterable[Run]) -> list[tuple[Run, ...]]:
        """The stacks of these runs that have a checkpoint, of which each run is in one at most."""
        by_id = {run.run_id: run for run in runs}
        found = []
        with suppress(UserError):
            for name in self._location.list(FOLDER, SUFFIX):
                run_ids, _ = self._read(name)
                if run_ids and all(run_id in by_id for run_id in run_ids):
                    found.append(tuple(by_id.pop(run_id) for run_id in run_ids))
        self._stacks.update(found)
        return found

    def __contains__(self, stack: tuple[Run, ...]) -> bool:
        return stack in self._stacks

    def read(self, stack: tuple[Run, ...]) -> bytes | None:
        """What a stack goes on from."""
        if stack not in self:
            return None
        with suppress(UserError):
            run_ids, content = self._read(_name(stack))
            return content if run_ids == [run.run_id for run in stack] else None
        return None

    def write(self, stack: tuple[Run, ...], content: bytes) -> None:
        """Keeps what a stack goes on from, in place of an earlier one."""
        about = {
            "runs": [run.run_id for run in stack],
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        with suppress(UserError):
            self._location.make_folders((FOLDER,))
            self._location.write(FOLDER, _name(stack), json.dumps(about).encode() + b"\n" + content)
            self._stacks.add(stack)

    def delete(self, stack: tuple[Run, ...]) -> None:
        """Forgets one that is needed no more."""
        if stack in self:
            self._stacks.discard(stack)
            with suppress(UserError):
                self._location.delete(FOLDER, _name(stack))

    def clear(self) -> None:
        """Forgets all, those of earlier launches too."""
        with suppress(UserError):
            for name in self._location.list(FOLDER, SUFFIX):
                self._location.delete(FOLDER, name)

    def _read(self, name: str) -> tuple[list[str], bytes]:
        """A file's runs and its content; none where it is not as it was written."""
        about, _, content = self._location.read(FOLDER, name).to_pybytes().partition(b"\n")
        try:
            said = from_json(about)
            run_ids = [str(run_id) for run_id in said["runs"]]
            whole = said["sha256"] == hashlib.sha256(content).hexdigest()
        except (ValueError, TypeError, KeyError):
            return [], b""
        return (run_ids, content) if whole else ([], b"")


def _name(stack: Sequence[Run]) -> str:
    digest = hashlib.sha256("\n".join(run.run_id for run in stack).encode()).hexdigest()
    return digest[:16] + SUFFIX
