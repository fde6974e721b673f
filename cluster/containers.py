"""A cluster of containers, by Docker Compose."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from mnistcmp import __version__
from mnistcmp.cluster.address import STATE_FOLDER, ClusterState
from mnistcmp.errors import UserError

IMAGE_USER = 10001
"""The image's own user, which a cluster of root's runs as: root is not root's choice for jobs."""


def engine_answers() -> bool:
    """Whether a Docker engine can be used.

    Raises:
        UserError: There is one, and this user may not use it.
    """
    if shutil.which("docker") is None:
        return False
    done = _run(["docker", "info"], check=False)
    if "permission denied" in done.stderr.lower():
        raise UserError(
            "a Docker engine is there, and this user may not use it. Join the group 'docker', or "
            "start the cluster as processes: make cluster-up ENGINE=processes."
        )
    return done.returncode == 0


class Containers:
    """Head and workers as containers of one compose project per checkout."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        digest = hashlib.sha256(str(checkout).encode()).hexdigest()[:8]
        self.project = f"mnistcmp-{digest}"

    def results_there(self, _results: Path) -> str:
        """Where compose.yaml mounts the results folder."""
        return "/results"

    def up(
        self,
        state: ClusterState,
        _before: ClusterState | None,
        _wait_for_workers: Callable[[int], None],
    ) -> ClusterState:
        """Builds the image where the code has changed, and starts or scales the containers."""
        _run(["make", "--no-print-directory", "-C", str(self.checkout), "image"], show=True)
        if os.getuid() == 0:
            # Root's files are closed to the image's user.
            for path in (Path(state.results), self.checkout / STATE_FOLDER / "token"):
                os.chown(path, IMAGE_USER, IMAGE_USER)
        arguments = ["up", "--detach", "--scale", f"worker={state.workers}"]
        self._compose(state, *arguments)
        return state

    def down(self, state: ClusterState) -> None:
        """Removes containers and network."""
        self._compose(state, "down", "--volumes", "--remove-orphans")

    def status(self, state: ClusterState) -> str:
        """Compose's own table."""
        return self._compose(state, "ps").stdout

    def logs(self, state: ClusterState) -> None:
        """Prints the containers' logs."""
        print(self._compose(state, "logs", "--no-color", "--tail=200").stdout)

    def _compose(self, state: ClusterState, *arguments: str) -> subprocess.CompletedProcess[str]:
        files = ["compose.yaml", *(["compose.gpu.yaml"] if state.gpus else [])]
        command = [*_compose_command(), "--project-name", self.project]
        for name in files:
            command += ["--file", str(self.checkout / "docker" / name)]
        port = state.address.rsplit(":", 1)[1]
        user, group = os.getuid(), os.getgid()
        variables = {
            "MNISTCMP_IMAGE": f"mnistcmp:{__version__}-{'gpu' if state.gpus else 'cpu'}",
            "MNISTCMP_USER": f"{user}:{group}" if user else f"{IMAGE_USER}:{IMAGE_USER}",
            "MNISTCMP_RESULTS_HERE": state.results,
            "MNISTCMP_TOKEN_FILE": str(self.checkout / STATE_FOLDER / "token"),
            "CLUSTER_PORT": port,
            "WORKER_CPUS": str(state.worker_cpus),
        }
        return _run([*command, *arguments], variables=variables)


def _compose_command() -> list[str]:
    """`docker compose`, or the older docker-compose."""
    if _run(["docker", "compose", "version"], check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise UserError(
        "neither 'docker compose' nor docker-compose is installed. Install one of them, or start "
        "the cluster as processes: make cluster-up ENGINE=processes."
    )


def _run(
    command: list[str],
    *,
    variables: dict[str, str] | None = None,
    check: bool = True,
    show: bool = False,
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        env=os.environ | (variables or {}),
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.PIPE,
        text=True,
        check=False,
    )
    if check and done.returncode:
        lines = [line for line in (done.stderr or "").splitlines() if line.strip()]
        reason = re.sub(r"\x1b\[[0-9;]*m", "", lines[-1]) if lines else "see above"
        raise UserError(f"'{' '.join(command[:2])} ... {command[-1]}' failed: {reason}")
    return done
