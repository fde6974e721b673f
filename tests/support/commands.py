"""The command line: in the test's own process, or as users call it."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from mnistcmp.cli import main

TRAINING = ("torch", "torchvision", "ray", "numba", "optuna", "threadpoolctl")
"""What training and its distribution need, and a client does without."""

Done = subprocess.CompletedProcess[bytes]
"""A command that ended, and what it printed."""

IN_TURN = """
import sys
sys.path.append(sys.path.pop(0))
from mnistcmp.cli import main
import os
folder, *lines = sys.argv[1:]
for number, line in enumerate(lines):
    for stream, name in ((1, "out"), (2, "err")):
        file = os.open(os.path.join(folder, f"{number}.{name}"), os.O_WRONLY | os.O_CREAT)
        os.dup2(file, stream)
        os.close(file)
    sys.argv = ["mnistcmp", *line.split()]
    status = 0
    try:
        main()
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    with open(os.path.join(folder, f"{number}.status"), "w") as file:
        file.write(str(status))
"""
"""Goes through command lines as `python -m mnistcmp` would, each with streams of its own."""


def run_command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command, in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", ["mnistcmp", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def without_modules(folder: Path, *names: str) -> dict[str, str]:
    """What to add to an environment so that these modules cannot be imported, by whoever asks."""
    folder.mkdir()
    for name in names:
        error = f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')\n"
        (folder / f"{name}.py").write_text(error, encoding="utf-8")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths)}


def without_clusters() -> dict[str, str]:
    """The environment without what names a cluster."""
    named = ("RAY_", "MNISTCMP_")
    return {name: value for name, value in os.environ.items() if not name.startswith(named)}


def mnistcmp(
    folder: Path, environment: Mapping[str, str], *arguments: str, within: Iterable[str] = ()
) -> "subprocess.CompletedProcess[str]":
    """The command, in a process and a folder of its own, started by the command `within`."""
    return subprocess.run(
        [*within, sys.executable, "-m", "mnistcmp", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def mnistcmp_in_turn(
    folder: Path, environment: Mapping[str, str], lines: Iterable[str], streams: Path
) -> dict[str, Done]:
    """Commands, one after the other in one process and folder; importing is most of what they do.

    What they print goes to files in the folder `streams`.
    """
    lines = list(lines)
    done = subprocess.run(
        [sys.executable, "-c", IN_TURN, str(streams), *lines],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
        timeout=600,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    found = {}
    for number, line in enumerate(lines):
        status, out, err = (
            (streams / f"{number}.{name}").read_bytes() for name in ("status", "out", "err")
        )
        found[line] = subprocess.CompletedProcess(line.split(), int(status), out, err)
    return found
