"""Keeps a job going: its driver is started again if it dies, and the job if the head does.

A job that has begun is noted in `.jobs` of the cluster's results folder, which outlives the head.
A head that starts submits what is noted there again: `python -m mnistcmp.cluster.keeping`.
"""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mnistcmp.cluster.address import find_cluster
from mnistcmp.cluster.client import ClusterClient
from mnistcmp.cluster.job import read_request, run_job
from mnistcmp.cluster.jobs import CONFIG_VARIABLE, OUTPUT_KEY
from mnistcmp.cluster.places import RESULTS_VARIABLE, JoinedPlace
from mnistcmp.errors import UserError
from mnistcmp.files import whole_file

FOLDER = ".jobs"
MOST_TIMES = 5
"""How often a driver is started again, and a job submitted: what ends them may be their own."""
LONGEST_WAIT = 30.0
"""Seconds until a driver is started again; the first wait is of one, each further is doubled."""
STOPPED_WITH_HEAD = 120.0
"""A job that was told to stop less than so many seconds before a head started was told by the head
that went down, not by a user."""
DASHBOARD_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A job as it is submitted again."""

    id: str
    request: str
    output: str
    has_files: bool
    """Whether files were shipped with it: a copy of them is beside the note."""
    times: int = 0
    """That it was submitted again."""
    stopped_at: float | None = None
    """When it was told to stop, in seconds since 1970."""


_JSON = TypeAdapter(Kept)


def keep_job(request: str, kinds: Mapping[str, str]) -> int:
    """Does what a request asks for, as `run_job`, whatever becomes of its driver's process.

    Returns:
        The exit status of `run_job`; 1 where the driver died too often.
    """
    request = _with_one_output(request, kinds)
    note = _note(request)
    status = _supervised(lambda: run_job(request, kinds), note)
    if note is not None:
        note.end()
    return status


def _with_one_output(request: str, kinds: Mapping[str, str]) -> str:
    """A request for a fresh folder as one for that folder, which each driver then goes on with."""
    with suppress(UserError):
        work = read_request(request, kinds)
        if work.fresh:
            there = JoinedPlace().output(work).fresh().there
            return work.model_copy(update={"output": there, "fresh": False}).to_json()
    return request


def _supervised(drive: Callable[[], int], note: "Note | None") -> int:
    stopped = False

    def stop(_: int, __: FrameType | None) -> None:
        # Ray tells the driver itself, too.
        nonlocal stopped
        stopped = True
        if note is not None:
            note.mark_stopped()

    before = signal.signal(signal.SIGTERM, stop)
    try:
        for times in range(MOST_TIMES + 1):
            driver = get_context("fork").Process(target=_drive, args=(drive,))
            driver.start()
            driver.join()
            status = driver.exitcode or 0
            if status >= 0 or stopped:
                return abs(status)
            name = signal.Signals(-status).name
            wait = min(LONGEST_WAIT, 2.0**times)
            _say(f"The driver was killed by {name}; it is started again in {wait:.0f} s.")
            time.sleep(wait)
            if stopped:
                return 1
        _say(f"The driver died {MOST_TIMES + 1} times; it is not started again.")
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)


def _drive(drive: Callable[[], int]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.exit(drive())


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Note:
    """A job's note, which outlives the head. What stands in the way of it ends no training."""

    def __init__(self, folder: Path, kept: Kept) -> None:
        self._folder, self.kept = folder, kept

    @property
    def file(self) -> Path:
        """Of the note."""
        return self._folder / f"{self.kept.id}.json"

    @property
    def files(self) -> Path:
        """Of the job: its working folder."""
        return self._folder / f"{self.kept.id}.files"

    def write(self, **changes: Any) -> None:  # noqa: ANN401 - fields of `Kept`
        """Writes the note, with changes to it."""
        self.kept = replace(self.kept, **changes)
        with suppress(UserError), whole_file(self.file, "the note of a job") as file:
            file.write_text(json.dumps(asdict(self.kept)), encoding="utf-8")

    def mark_stopped(self) -> None:
        """Notes that the job was told to stop; why is known when a head starts."""
        self.write(stopped_at=time.time())

    def end(self) -> None:
        """Forgets a job that has ended, unless it was told to."""
        if self.kept.stopped_at is None:
            self.forget()

    def forget(self) -> None:
        """Deletes the note."""
        with suppress(OSError):
            self.file.unlink(missing_ok=True)
        shutil.rmtree(self.files, ignore_errors=True)


def _note(request: str) -> Note | None:
    """The note of this process's job; None outside of one, or where there is no results folder."""
    folder = os.environ.get(RESULTS_VARIABLE)
    try:
        config = json.loads(os.environ.get(CONFIG_VARIABLE, ""))
        metadata, environment = config["metadata"], config.get("runtime_env") or {}
        kept = Kept(
            id=metadata["job_submission_id"],
            request=request,
            output=metadata[OUTPUT_KEY],
            has_files="working_dir" in environment,
        )
    except (ValueError, KeyError, TypeError):
        return None
    if folder is None or not Path(folder).is_dir():
        return None
    note = Note(Path(folder) / FOLDER, kept)
    if (before := _read(note.file)) is not None:
        # Of a job that was submitted again.
        note.kept = replace(kept, times=before.times)
    note.write()
    if kept.has_files and not note.files.exists():
        with suppress(UserError), whole_file(note.files, "a job's files") as files:
            shutil.copytree(Path.cwd(), files)
    return note


def _read(file: Path) -> Kept | None:
    """What a note says; None where there is none, or it is not one of these."""
    try:
        kept = _JSON.validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
    # Files are named, and deleted, by the id.
    return kept if kept.id == file.stem else None


def resume_jobs(folder: Path, client: Callable[[], ClusterClient]) -> list[str]:
    """Submits the jobs again that a head before had not ended; their ids.

    Args:
        folder: Where the notes are.
        client: Connects to the head's dashboard.
    """
    started, resumed = time.time(), []
    for file in sorted(folder.glob("*.json")):
        if (kept := _read(file)) is None:
            continue
        note = Note(folder, kept)
        stopped_at = note.kept.stopped_at
        by_user = stopped_at is not None and started - stopped_at > STOPPED_WITH_HEAD
        if by_user or note.kept.times >= MOST_TIMES:
            note.forget()
            continue
        note.write(times=note.kept.times + 1, stopped_at=None)
        with suppress(UserError):
            client().submit_request(
                note.kept.id,
                note.kept.request,
                output=note.kept.output,
                files=str(note.files) if note.kept.has_files else None,
            )
            resumed.append(note.kept.id)
    return resumed


def _client() -> ClusterClient:
    """Of the dashboard on this machine, once it answers and a worker has come back."""
    deadline = time.monotonic() + DASHBOARD_SECONDS
    while True:
        try:
            cluster = find_cluster("http://127.0.0.1:8265")
            assert cluster is not None  # noqa: S101 - it is named
            client = ClusterClient(cluster)
            if any(node.cpus for node in client.resources()) or time.monotonic() > deadline:
                return client
        except UserError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)


if __name__ == "__main__":
    kept_in = Path(os.environ.get(RESULTS_VARIABLE, "")) / FOLDER
    for job_id in resume_jobs(kept_in, _client):
        _say(f"The job {job_id} goes on.")
