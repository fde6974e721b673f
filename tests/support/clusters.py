"""Clusters that tests start in a checkout of their own, with the project's own command."""

import runpy
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mnistcmp.cluster.address import ClusterState
from tests.support.commands import without_clusters

PROJECT = Path(__file__).resolve().parents[2]
KINDS: dict[str, str] = runpy.run_path(str(PROJECT / "jobs" / "run.py"))["KINDS"]
"""What a cluster's jobs can be."""
SCRIPT = (sys.executable, "-m", "mnistcmp")
INTERRUPTIBLE = (
    sys.executable,
    "-c",
    (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from mnistcmp.cli import main; main()"
    ),
)
"""The command as in a terminal. What a shell starts in the background ignores Ctrl-C, and so does
what that starts, these tests perhaps."""


@dataclass(frozen=True)
class Checkout:
    """A copy of what a cluster is started from, and the environment of a user in it."""

    folder: Path
    port: int
    environment: dict[str, str]

    @property
    def address(self) -> str:
        """The dashboard's."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def results(self) -> Path:
        """Where the cluster's results appear."""
        return self.folder / "results"

    def state(self) -> ClusterState:
        """What is up."""
        state = ClusterState.read(self.folder)
        assert state is not None
        return state

    def manage(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """`cluster/manage.py`, which `make cluster-...` calls."""
        script = str(self.folder / "cluster" / "manage.py")
        return self._run([sys.executable, script, *arguments], **environment)

    def up(self, engine: str, workers: int = 2) -> "subprocess.CompletedProcess[str]":
        """`make cluster-up`."""
        return self.manage(
            "up", "--engine", engine, "--port", str(self.port), "--workers", str(workers)
        )

    def mnistcmp(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """The command, called in the checkout."""
        return self._run([*SCRIPT, *arguments], **environment)

    def python(self, program: str) -> "subprocess.CompletedProcess[str]":
        """A program of a user's, run in the checkout."""
        (self.folder / "program.py").write_text(program, encoding="utf-8")
        return self._run([sys.executable, "program.py"])

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """The command, running beside the test and open to Ctrl-C."""
        return subprocess.Popen(
            [*INTERRUPTIBLE, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _run(self, command: list[str], **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )


def make_checkout(folder: Path, port: int, **environment: str) -> Checkout:
    """A copy of the project's files in a folder, as git has them and as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    kept = {k: value for k, value in without_clusters().items() if not k.startswith("AWS_")}
    return Checkout(folder, port, kept | environment)
