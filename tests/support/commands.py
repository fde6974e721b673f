"""The command line: in the test's own process, or as users call it."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mnistcmp.cli import main


def run_command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command, in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", ["mnistcmp", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def mnistcmp(
    folder: Path, environment: Mapping[str, str], *arguments: str
) -> "subprocess.CompletedProcess[str]":
    """The command, in a process and a folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", "mnistcmp", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
