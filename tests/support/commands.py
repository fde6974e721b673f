"""The command line in the test's own process."""

import sys

import pytest

from mnistcmp.cli import main


def run_command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command, in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", ["mnistcmp", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)
