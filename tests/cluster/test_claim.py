"""Of all who would train into a place, one does: real processes, a folder and a real S3 server."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mnistcmp.cluster.claim import PREFIX
from mnistcmp.cluster.jobs import CONFIG_VARIABLE
from mnistcmp.results.store import ResultsStore
from tests.support.claimant import SILENCE
from tests.support.servers import S3Server

pytestmark = pytest.mark.process

ROUNDS, CLAIMANTS = 6, 5
REFUSED = "is being trained into already, by "
WAITS = "Looking whether that still trains: 3 s at most ..."


class Claimant:
    """A process that claims places, on what it takes for a machine of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.waited: list[str] = []
        """What it was told while it waited."""

    def tell(self, line: object = "") -> None:
        """Names a place to claim, or lets go what is held."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """The answer."""
        assert self.process.stdout is not None
        for line in map(str.strip, self.process.stdout):
            if not line.endswith(WAITS):
                return line
            self.waited.append(line)
        return ""

    def claim(self, place: object) -> str:
        """What becomes of its claim to a place."""
        self.tell(place)
        return self.hear()


Start = Callable[..., Claimant]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts claimants, which end with the test."""
    with ExitStack() as stack:

        def started(host: str, ahead: int = 0, **environment: str) -> Claimant:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.support.claimant", host, str(ahead)],
                    env=os.environ | environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            return Claimant(process)

        yield started


@pytest.fixture(params=["folder", "S3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where nothing is yet."""
    if request.param == "folder":
        return str(tmp_path / "results" / "x")
    server: S3Server = request.getfixturevalue("s3_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{server.make_bucket()}/x"


def test_of_some_that_begin_at_the_same_moment_one_goes_on(place: str, start: Start) -> None:
    """Each time; the others are told who does, and how to follow it."""
    claimants = [start(f"host-{number}") for number in range(CLAIMANTS)]
    for number in range(ROUNDS):
        where = f"{place}-{number}"
        for each in claimants:
            each.tell(where)
        told = [each.hear() for each in claimants]
        assert told.count("held") == 1, told
        holder = claimants[told.index("held")]
        for line in set(told) - {"held"}:
            who = f"process {holder.process.pid} on host-{told.index('held')}|another launch"
            how = f"Follow it: mnistcmp watch {where}; or end it, or choose another --output"
            assert re.fullmatch(rf"{where} {REFUSED}({who})\. {how}\.", line), line
        holder.tell()
        assert holder.hear() == "let go"
        assert ResultsStore(where).location.times(PREFIX) == {}


def test_a_killed_launch_s_claim_is_taken_over(place: str, start: Start) -> None:
    """Of a machine that cannot be seen after a while, as is said; of this one at once."""
    first, second = start("here"), start("there")
    assert first.claim(place) == "held"
    first.process.kill()
    first.process.wait()
    began = time.monotonic()
    assert second.claim(place) == "held"
    assert time.monotonic() - began > 1
    assert second.waited == [f"{place} is claimed by process {first.process.pid} on here. {WAITS}"]
    second.process.kill()
    second.process.wait()
    third = start("there")
    began = time.monotonic()
    assert third.claim(place) == "held"
    assert third.waited == []
    third.tell()
    assert third.hear() == "let go"
    assert ResultsStore(place).location.times(PREFIX) == {}


def test_one_that_is_silent_for_too_long_stores_nothing_more(place: str, start: Start) -> None:
    """As of a machine that slept, whose runs are trained elsewhere meanwhile."""
    first, second = start("here"), start("there")
    assert first.claim(place) == "held"
    first.process.send_signal(signal.SIGSTOP)
    assert second.claim(place) == "held"
    # Before its claim is looked after again.
    first.tell()
    first.process.send_signal(signal.SIGCONT)
    assert first.hear().startswith(f"{place} is another launch's now, or was emptied")
    second.tell()
    assert second.hear() == "let go"


@pytest.mark.parametrize("ahead", [-7200, 7200])
def test_the_store_s_clock_may_be_wrong(ahead: int, tmp_path: Path, start: Start) -> None:
    """Whoever lives is not taken for dead, nor the other way round."""
    first, second = (start(host, ahead) for host in ("here", "there"))
    assert first.claim(tmp_path) == "held"
    time.sleep(SILENCE)
    assert f"{REFUSED}process {first.process.pid} on here" in second.claim(tmp_path)
    first.process.kill()
    assert second.claim(tmp_path) == "held"


def test_a_job_takes_its_own_claim_over_at_once(tmp_path: Path, start: Start) -> None:
    """Its driver was lost with the head, and is elsewhere now."""
    job = {CONFIG_VARIABLE: '{"metadata": {"job_submission_id": "x-1"}}'}
    first, second = start("here", **job), start("there", **job)
    assert first.claim(tmp_path) == "held"
    first.process.kill()
    first.process.wait()
    began = time.monotonic()
    assert second.claim(tmp_path) == "held"
    assert time.monotonic() - began < SILENCE


def test_a_job_is_told_of_with_how_to_attach_to_it(tmp_path: Path, start: Start) -> None:
    """By whoever launches into its folder."""
    job = start("here", **{CONFIG_VARIABLE: '{"metadata": {"job_submission_id": "x-1"}}'})
    assert job.claim(tmp_path) == "held"
    assert "by the job x-1, process" in (line := start("there").claim(tmp_path))
    assert "Follow it: mnistcmp attach x-1; or end it" in line
