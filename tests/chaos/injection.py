"""Faults, each injected at a random moment of a study's launches, and what came of it."""

import json
import os
import random
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mnistcmp.errors import UserError
from mnistcmp.results.store import ResultsStore
from tests.chaos.study import RUNS, Metrics, metrics

STUDIES = range(int(os.environ.get("CHAOS_SEEDS", "1")))
"""Seeds of the studies that are disturbed at each place."""
FAULTS_A_STUDY = 6
LAST_MOMENT = 0.75
"""Share of a study that is done, before which a fault begins."""
LONGEST_LAUNCH = 500.0
"""Seconds after which a launch is taken to be stuck."""

Launch = subprocess.Popen[str]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What may happen to a launch."""

    name: str
    happens: Callable[[Launch], object]
    """Lets it happen, and undoes it after a while where it is to pass."""
    longest: float = 60.0
    """Seconds for which nothing new may be told."""
    status: int = 0
    """The exit status of a launch that it happened to."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What launches of a study need that it happens to."""

    @property
    def ends_it(self) -> bool:
        """Whether the launch ends at once; with 1 it ends when the other runs have."""
        return self.status not in {0, 1}


@dataclass(frozen=True, kw_only=True)
class Injection:
    """A fault that was injected."""

    place: str
    study: int
    fault: str
    at: float
    """Share of the study that was done."""
    stall: float | None
    """The longest time in seconds, from then to the next fault, in which nothing new was told;
    None where the launch ended."""
    launches: int
    """That the study took."""
    lost: int
    """Runs of the study, at its end, that are missing."""
    wrong: int
    """Runs with other numbers than those of a study to which nothing happened."""


class Disturbed:
    """A study that is launched until it is done, and disturbed meanwhile.

    Args:
        place: Where, in words.
        study: Its number, which says what happens when.
        output: Where its results go.
        faults: What may happen; each study has some of them, and all of them have their turn.
        start: Starts a launch, or follows what goes on after the exit status before.
    """

    def __init__(
        self,
        place: str,
        study: int,
        output: str,
        faults: Sequence[Fault],
        start: Callable[[Mapping[str, str], int | None], Launch],
    ) -> None:
        chance = random.Random(f"{place} {study}")  # noqa: S311 - a moment, not a secret
        first = study * FAULTS_A_STUDY
        chosen = [faults[(first + n) % len(faults)] for n in range(FAULTS_A_STUDY)]
        chance.shuffle(chosen)
        moments = sorted(chance.uniform(0.02, LAST_MOMENT) for _ in chosen)
        self._due = deque(zip(moments, chosen, strict=True))
        self._environment = {k: v for fault in chosen for k, v in fault.environment.items()}
        self._place, self._study, self._output, self._start = place, study, output, start
        self._struck: list[tuple[float, Fault]] = []
        self._stalls: dict[int, float] = {}
        self._launches = 0

    def train(self) -> None:
        """Launches until everything is trained; each launch ends as its faults let it."""
        status: int | None = None
        while status != 0:
            before = len(self._struck)
            with self._start(self._environment, status) as launch:
                self._listen(launch)
                said = launch.stderr.read() if launch.stderr is not None else ""
            status, self._launches = launch.returncode, self._launches + 1
            # What every worker was wished may come to one of them in a later launch.
            later = {fault.status for _, fault in self._struck} & {1}
            allowed = {fault.status for _, fault in self._struck[before:]} | later | {0}
            assert status in allowed, f"ended with {status}: {said}; after {self._struck[before:]}"

    def _listen(self, launch: Launch) -> None:
        """Injects what is due while a launch trains, and measures how long nothing new is told."""
        assert launch.stdout is not None
        alarm = threading.Timer(LONGEST_LAUNCH, launch.kill)
        alarm.start()
        there = len(self._finished())
        told, before, kept, total = time.monotonic(), -1.0, 0, RUNS
        happening, is_over = threading.Thread(), False
        for line in launch.stdout:
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("kind") == "started":
                kept, total, told = event["kept"], event["total"], time.monotonic()
                # A cluster's job has had it when it began.
                assert kept == there or not self._place.startswith("here")
                assert total == RUNS - kept
            if event.get("kind") == "reported" and event["again"]:
                print(event["again"])  # noqa: T201 - for whoever looks
            if event.get("kind") not in {"progress", "reported"}:
                continue
            if (share := event.get("share", 1.0)) == before:
                continue
            now, before = time.monotonic(), share
            if self._struck:
                last = len(self._struck) - 1
                self._stalls[last] = max(self._stalls.get(last, 0.0), now - told)
            told, done = now, (kept + share * total) / RUNS
            if is_over or happening.is_alive():
                continue
            if self._due and done >= self._due[0][0]:
                _, fault = self._due.popleft()
                is_over = fault.ends_it
                self._struck.append((done, fault))
                happening = threading.Thread(target=fault.happens, args=(launch,))
                happening.start()
        alarm.cancel()
        if happening.ident is not None:
            happening.join()

    def _finished(self) -> set[str]:
        """Runs that are stored."""
        try:
            return ResultsStore(self._output).finished_run_ids()
        except UserError:
            return set()

    def outcome(self, undisturbed: Metrics) -> list[Injection]:
        """What happened, once everything is trained."""
        found = metrics(self._output)
        return [
            Injection(
                place=self._place,
                study=self._study,
                fault=fault.name,
                at=at,
                stall=None if fault.ends_it else self._stalls.get(n),
                launches=self._launches,
                lost=RUNS - len(self._finished()),
                wrong=sum(numbers != undisturbed[run] for run, numbers in found.items()),
            )
            for n, (at, fault) in enumerate(self._struck)
        ]

    def check(self, injections: Sequence[Injection]) -> None:
        """Nothing was lost or wrong, and nothing stood still for longer than its fault allows."""
        assert injections
        for (_, fault), found in zip(self._struck, injections, strict=True):
            assert (found.lost, found.wrong) == (0, 0)
            assert found.stall is None or found.stall < fault.longest, found


def wish(folder: Path, name: str) -> Callable[[Launch], object]:
    """Asks the odd network for something."""
    return lambda _: (folder / name).touch()
