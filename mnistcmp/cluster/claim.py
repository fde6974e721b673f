"""A claim to a results folder: of all who would train into a place, one does.

Each has a file of its own there, of one name while it wants the place and of another while it holds
it. Whoever finds no other's file beside its own holds the place; of two that want it, the one whose
token comes first waits for the other to give way. That needs of a store only that what is written
is listed from then on, as folders, S3, Google's and Azure's stores have it.
"""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import psutil
from pydantic import Field, TypeAdapter, ValidationError

from mnistcmp.cluster.events import Waits
from mnistcmp.cluster.jobs import own_job_id
from mnistcmp.errors import UserError
from mnistcmp.provenance import environment
from mnistcmp.results.location import Location, is_uri
from mnistcmp.results.store import ResultsStore

PREFIX = ".claim-"
WANTS, HOLDS = ".wants", ".holds"
SECONDS_BETWEEN, SECONDS_BETWEEN_OBJECTS = 2.0, 5.0
"""Until a claim is renewed: in a folder, in an object store."""
SILENCE = 30.0
"""Seconds without renewal after which a claim is a dead launch's. They are those of the store's
clock, which wrote both times, so that clocks of machines may differ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """A launch's own process."""

    host: str
    namespace: str
    """Where numbers of processes mean the same: containers may share a machine's name."""
    number: Annotated[int, Field(gt=0, le=2**31 - 1)]
    job: str | None

    @staticmethod
    def own() -> "Process":
        """This one."""
        try:
            namespace = str(Path("/proc/self/ns/pid").readlink())
        except OSError:
            namespace = ""
        return Process(
            host=environment().host, namespace=namespace, number=os.getpid(), job=own_job_id()
        )

    def __str__(self) -> str:
        where = f"process {self.number} on {self.host}"
        return where if self.job is None else f"the job {self.job}, {where}"

    @property
    def is_here(self) -> bool:
        """Whether it can be seen from here."""
        here = Process.own()
        return (self.host, self.namespace) == (here.host, here.namespace)

    @property
    def runs(self) -> bool:
        """Of one that is here, whether it runs."""
        return bool(psutil.pid_exists(self.number))

    @property
    def has_ended(self) -> bool:
        """Whether that is known: it is gone, or was the driver before of this process's job."""
        own = Process.own()
        return (self.is_here and not self.runs) or (own.job is not None and own.job == self.job)


_PROCESS = TypeAdapter(Process)


@contextmanager
def claimed(store: ResultsStore) -> Iterator[Iterator[Waits]]:
    """Nobody else trains into a place, once whoever asks has gone through what this yields.

    What comes back is stored for as long as that is so.

    Raises:
        UserError: Another launch holds the place, or it cannot be written.
    """
    claim = _Claim(store.location)
    store.before_writing = claim.check
    with claim.held() as taken:
        yield taken


class _Claim:
    """One launch's, to one place."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._between = SECONDS_BETWEEN_OBJECTS if is_uri(location.name) else SECONDS_BETWEEN
        self._token = uuid4().hex
        self._content = _PROCESS.dump_json(Process.own())
        self._lock = threading.Lock()
        self._lost = False
        self._renewed = 0.0

    @contextmanager
    def held(self) -> Iterator[Iterator[Waits]]:
        """The place is this launch's, once what is yielded was gone through.

        It is so for as long as the claim is renewed.
        """
        self._location.check_writable()
        made = self._location.make_folders(("",))
        stop = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(stop,), daemon=True)
        try:
            yield self._taken(keeper)
        finally:
            stop.set()
            if keeper.ident is not None:
                # A store that is away may hold it up.
                keeper.join(self._between)
            for state in (HOLDS, WANTS):
                with suppress(UserError):
                    self._location.delete("", self._file(state))
            for folder in made:
                # Where nothing was stored, nothing is left.
                with suppress(OSError):
                    folder.rmdir()

    def check(self) -> None:
        """Looks whether the place is this launch's still; each write of results asks first.

        Raises:
            UserError: Another launch may have taken it over.
        """
        if time.monotonic() - self._renewed > SILENCE / 2:
            with suppress(UserError):
                self._renew()
        if self._lost:
            raise UserError(
                f"{self._location} is another launch's now, or was emptied: this one was not heard "
                f"for {SILENCE:.0f} s. What it had finished is kept."
            )

    def _taken(self, keeper: threading.Thread) -> Iterator[Waits]:
        seen: dict[str, float] | None = None
        has_told = False
        while True:
            self._write(WANTS)
            others = self._others(WANTS)
            if others == {}:
                self._write(HOLDS)
                self._location.delete("", self._file(WANTS))
                if not any(name.endswith(HOLDS) for name in self._others(HOLDS) or ()):
                    keeper.start()
                    return
                # This process slept for so long that another did the same.
                self._location.delete("", self._file(HOLDS))
            for name, written in (others or {}).items():
                if not name.endswith(HOLDS):
                    continue
                is_renewed = seen is not None and seen.get(name) != written
                if is_renewed or self._is_running_here(name):
                    raise self._refused(name)
                # One that is silent may be dead.
                if not has_told:
                    has_told = True
                    yield self._waits(name)
            if any(n.endswith(WANTS) and n < self._file(WANTS) for n in others or ()):
                self._location.delete("", self._file(WANTS))
            seen = others
            # At random, so that two do not look at the same moments for ever.
            time.sleep(random.uniform(0.5, 1))  # noqa: S311 - no secret

    def _keep(self, stop: threading.Event) -> None:
        while not stop.wait(self._between) and not self._lost:
            with suppress(UserError):
                self._renew()

    def _renew(self) -> None:
        with self._lock:
            others = self._others(HOLDS)
            before = self._file(HOLDS)
            self._lost |= others is None or any(n.endswith(HOLDS) and n < before for n in others)
            if not self._lost:
                self._write(HOLDS)

    def _others(self, state: str) -> dict[str, float] | None:
        """Living claims of others, and when they were renewed; None where this one's is gone."""
        found = self._location.times(PREFIX)
        now = found.get(self._file(state))
        if now is None:
            return None
        living = {}
        for name, written in found.items():
            if name.startswith(PREFIX + self._token):
                continue
            process = self._process(name)
            if now - written > SILENCE or (process and process.has_ended):
                self._location.delete("", name)
            else:
                living[name] = written
        return living

    def _is_running_here(self, name: str) -> bool:
        process = self._process(name)
        return process is not None and process.is_here and process.runs

    def _process(self, name: str) -> Process | None:
        with suppress(UserError, ValidationError):
            return _PROCESS.validate_json(self._location.read("", name).to_pybytes())
        return None

    def _waits(self, name: str) -> Waits:
        return Waits(
            message=f"{self._location} is claimed by {self._process(name) or 'another launch'}. "
            f"Looking whether that still trains: {SILENCE:.0f} s at most ..."
        )

    def _refused(self, name: str) -> UserError:
        process = self._process(name)
        job = process.job if process else None
        follow = f"attach {job}" if job else f"watch {self._location}"
        return UserError(
            f"{self._location} is being trained into already, by {process or 'another launch'}. "
            f"Follow it: mnistcmp {follow}; or end it, or choose another --output."
        )

    def _write(self, state: str) -> None:
        self._location.make_folders(("",))
        self._location.write("", self._file(state), self._content)
        self._renewed = time.monotonic()

    def _file(self, state: str) -> str:
        return PREFIX + self._token + state
