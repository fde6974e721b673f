"""Every command, in ASCII, among runs that diverged and files that are in the way."""

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
import typer

from mnistcmp.cli.app import app
from mnistcmp.cluster.address import ADDRESS_VARIABLES
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.study import Run, Study
from tests.support.commands import Done, mnistcmp_in_turn
from tests.support.stored import diverged, store_failure

pytestmark = pytest.mark.process

IN_THE_WAY = (
    "calendar", "code", "copy", "dataclasses", "hashlib", "inspect", "json", "logging", "platform",
    "profile", "queue", "random", "select", "signal", "socket", "statistics", "string", "tempfile",
    "token", "uuid",
)  # fmt: skip
"""Modules of Python's own, as people call files of theirs."""

COMMANDS = {
    "launch --all --dry-run --local": 0,
    "launch -a siamese-shared-axu --local": 2,
    "tune --dry-run --local": 0,
    "report results": 0,
    "report results --json": 0,
    "report results --markdown": 0,
    "report results --html": 0,
    "watch results --host 192.0.2.1": 2,
    "failures results": 0,
    "rerun results nonesuch": 2,
    "studies softmax": 0,
    "studies softmax --toml": 0,
    "recipes plain": 0,
    "schema": 0,
    "predict results a.png b.png": 2,
    "compare baseline siamese-shared-aux --results results": 2,
    "compare results results": 0,
    "figures results --format svg": 0,
    "architectures baseline": 0,
    "bench everything": 2,
    "doctor": 0,
    "jobs": 2,
    "status": 2,
    "logs": 2,
    "attach": 2,
    "stop job": 2,
    "data verify": 0,
    "data sheet": 0,
    "export csv results": 0,
    "export parquet results": 0,
    "export tensorboard results": 0,
    "export mlflow results": 0,
}
"""With their exit statuses."""


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, study: Study, finish: Callable[[Run], Finished]
) -> dict[str, Done]:
    """The commands, gone through in a working folder with such results and such files."""
    folder = tmp_path_factory.mktemp("crowded")
    store = ResultsStore(folder / "results")
    store.prepare(study)
    for run in study.runs():
        done = finish(run)
        if run.architecture == "baseline":
            done = replace(done, result=diverged(done.result))
        store.write(pack(study.name, [done]))
    store_failure(store, study, seed=1)
    for name in IN_THE_WAY:
        (folder / f"{name}.py").write_text("raise SystemExit('in the way')\n")
    unnamed = {k: v for k, v in os.environ.items() if k not in {*ADDRESS_VARIABLES, "COLUMNS"}}
    ascii_streams = {"PYTHONIOENCODING": "ascii", "NO_COLOR": "1"}
    streams = tmp_path_factory.mktemp("streams")
    return mnistcmp_in_turn(folder, unnamed | ascii_streams, COMMANDS, streams)


def test_every_command_is_gone_through() -> None:
    """A new one joins the list below."""
    command = typer.main.get_command(app)
    names = [
        f"{name} {inner}".strip()
        for name, found in command.commands.items()  # type: ignore[attr-defined]
        for inner in getattr(found, "commands", {"": None})
    ]
    for name in names:
        assert any(line.startswith(name) for line in COMMANDS), name


@pytest.mark.parametrize(("arguments", "status"), COMMANDS.items())
def test_no_command_ends_in_a_traceback(done: dict[str, Done], arguments: str, status: int) -> None:
    """It does its work, or says in one line why not, in characters that the stream has."""
    command = done[arguments]
    printed = command.stdout + command.stderr
    assert command.returncode == status, command.stderr
    assert b"Traceback" not in printed
    assert b"in the way" not in printed
    assert printed.isascii()
    assert command.stderr.count(b"\n") == (1 if status else 0), command.stderr
