"""What a command imports: a client has neither torch nor Ray, and help waits for nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from mnistcmp.results.store import ResultsStore
from tests.support.commands import (
    TRAINING,
    mnistcmp,
    mnistcmp_in_turn,
    without_clusters,
    without_modules,
)

pytestmark = pytest.mark.process

HEAVY = {*TRAINING, "aiohttp", "jinja2", "matplotlib", "numpy", "pandas", "pyarrow", "requests"}


def test_a_client_has_neither_torch_nor_ray(store: ResultsStore, tmp_path: Path) -> None:
    """To read results and list studies; tests/cluster/test_jobs.py follows jobs without them."""
    results = store.location.name
    lines = [
        f"report {results}",
        f"report {results} --markdown",
        f"report {results} --json",
        f"compare baseline siamese-shared-aux --results {results} --html page.html",
        f"failures {results}",
        f"export csv {results} -o tables",
        "studies",
        "studies activation",
        "recipes plain",
        "schema",
    ]
    client = without_clusters() | without_modules(tmp_path / "lacks", *TRAINING)
    for line, done in mnistcmp_in_turn(tmp_path, client, lines, tmp_path).items():
        assert (line, done.returncode, done.stderr) == (line, 0, b"")
        assert done.stdout


def test_what_a_client_lacks_is_named_in_one_line(store: ResultsStore, tmp_path: Path) -> None:
    """Not a traceback: the page draws digits, for which it needs torch."""
    client = without_clusters() | without_modules(tmp_path / "lacks", *TRAINING)
    line = f"report {store.location.name} --html -o page.html"
    done = mnistcmp(tmp_path, client, *line.split())
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "this needs torch, which is not installed here" in done.stderr
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("command", ["", "launch", "report", "tune"])
def test_help_imports_nothing_heavy(command: str) -> None:
    """Nor does tab completion, which imports as much."""
    program = (
        "import sys, contextlib\n"
        "from mnistcmp.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Usage" in done.stdout
    assert set(done.stderr.split()) & HEAVY == set()
