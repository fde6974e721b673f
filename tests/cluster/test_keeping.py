"""What keeps a job going whose driver or head dies."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnistcmp.cluster.jobs import CONFIG_VARIABLE
from mnistcmp.cluster.keeping import (
    FOLDER,
    MOST_TIMES,
    STOPPED_WITH_HEAD,
    Kept,
    Note,
    keep_job,
    resume_jobs,
)
from mnistcmp.cluster.places import RESULTS_VARIABLE

KEPT = Kept(id="x-1", request='{"study": {}}', output="x", has_files=False)
KINDS = {"launch": "mnistcmp.cluster.launch:Launch"}


class _Client:
    """Takes down what is submitted."""

    def __init__(self) -> None:
        self.submitted: list[tuple[str, str, str, str | None]] = []

    def submit_request(self, job_id: str, request: str, *, output: str, files: str | None) -> None:
        self.submitted.append((job_id, request, output, files))


def _resume(folder: Path) -> list[tuple[str, str, str, str | None]]:
    client: Any = _Client()
    resume_jobs(folder, lambda: client)
    found: list[tuple[str, str, str, str | None]] = client.submitted
    return found


def _as_job(monkeypatch: pytest.MonkeyPatch, results: Path) -> None:
    """As in a job's process on a cluster whose results are in a folder."""
    monkeypatch.setenv(RESULTS_VARIABLE, str(results))
    config = {"metadata": {"job_submission_id": "x-1", "mnistcmp_output": "x"}, "runtime_env": {}}
    monkeypatch.setenv(CONFIG_VARIABLE, json.dumps(config))


def test_a_job_that_had_not_ended_is_submitted_again(tmp_path: Path) -> None:
    """With the same id and request, and no more often than is sensible."""
    Note(tmp_path, KEPT).write()
    for _ in range(MOST_TIMES):
        assert _resume(tmp_path) == [("x-1", '{"study": {}}', "x", None)]
    assert _resume(tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_a_job_that_a_user_stopped_is_not(tmp_path: Path) -> None:
    """One that was told to stop just before the head began was told by the head that went down."""
    now = time.time()
    Note(tmp_path, replace(KEPT, stopped_at=now - STOPPED_WITH_HEAD - 1)).write()
    Note(tmp_path, replace(KEPT, id="x-2", stopped_at=now - 5)).write()
    assert [job for job, *_ in _resume(tmp_path)] == ["x-2"]
    assert [path.name for path in tmp_path.iterdir()] == ["x-2.json"]


def test_what_is_no_note_is_left_alone(tmp_path: Path) -> None:
    """Cut off, of another kind, or with what notes have not."""
    for number, text in enumerate(["", "[]", '{"id": "x"}', '{"id": 3, "more": 1}', "\udcff"]):
        (tmp_path / f"{number}.json").write_bytes(text.encode(errors="surrogateescape"))
    assert _resume(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 5


def test_a_driver_that_is_killed_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The note is there meanwhile, and gone at the end; a fresh folder is chosen once."""
    _as_job(monkeypatch, tmp_path)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "y").touch()
    seen = tmp_path / "seen"

    def run_job(request: str, _: object) -> int:
        with seen.open("a") as file:
            file.write(json.loads(request)["output"] + "\n")
        assert (tmp_path / FOLDER / "x-1.json").exists()
        if len(seen.read_text().splitlines()) < 3:
            (tmp_path / "x-2").mkdir(exist_ok=True)
            os.kill(os.getpid(), signal.SIGKILL)
        return 1

    monkeypatch.setattr("mnistcmp.cluster.keeping.run_job", run_job)
    monkeypatch.setattr("mnistcmp.cluster.keeping.LONGEST_WAIT", 0.0)
    request = json.dumps({"study": {"name": "x"}, "fresh": True})
    assert keep_job(request, KINDS) == 1
    assert seen.read_text().splitlines() == [str(tmp_path / "x-2")] * 3
    assert capfd.readouterr().out.count("The driver was killed by SIGKILL") == 2
    assert not list((tmp_path / FOLDER).iterdir())


def test_a_driver_that_always_dies_ends_the_job(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """And is said so."""
    monkeypatch.setattr(
        "mnistcmp.cluster.keeping.run_job", lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    )
    monkeypatch.setattr("mnistcmp.cluster.keeping.LONGEST_WAIT", 0.0)
    assert keep_job('{"study": {"name": "x"}}', KINDS) == 1
    assert f"The driver died {MOST_TIMES + 1} times" in capfd.readouterr().out


def test_a_wrong_request_is_refused_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is tried again that was understood."""
    _as_job(monkeypatch, tmp_path)
    assert keep_job("{}", KINDS) == 2
    assert capfd.readouterr().out.count("refused") == 1
    assert not list((tmp_path / FOLDER).iterdir())


def test_notes_that_cannot_be_written_end_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the results folder is not there."""
    _as_job(monkeypatch, tmp_path)
    (tmp_path / FOLDER).touch()
    monkeypatch.setattr("mnistcmp.cluster.keeping.run_job", lambda *_: 0)
    assert keep_job('{"study": {"name": "x"}}', KINDS) == 0
