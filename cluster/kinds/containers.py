"""A cluster of containers, by Docker Compose."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from typing_extensions import override

from kinds.base import Kind
from mnistcmp import __version__
from mnistcmp.cluster.address import ClusterState
from mnistcmp.cluster.docker import NO_ENGINE, OTHERWISE, docker_answers
from mnistcmp.errors import UserError

IMAGE_USER = 10001
"""The image's own user, which a cluster of root's runs as: root is not root's choice for jobs."""

CREDENTIALS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


class Containers(Kind):
    """Head and workers as containers of one compose project per checkout."""

    name = "containers"
    unavailable = NO_ENGINE

    @override
    def is_available(self) -> bool:
        return docker_answers()

    @override
    def results_there(self, results: Path) -> str:
        return "/results"  # where compose.yaml mounts them

    @override
    def up(self, state: ClusterState) -> ClusterState:
        # The image is built anew where the code has changed.
        _run(["make", "--no-print-directory", "-C", str(self.checkout), "image"], show=True)
        self._write_credentials()
        if os.getuid() == 0:
            # Root's files are closed to the image's user.
            for path in (Path(state.results), self.token_file, self._credentials_file):
                os.chown(path, IMAGE_USER, IMAGE_USER)
        self._compose(state, "up", "--detach", "--scale", f"worker={state.workers}")
        return state

    @override
    def down(self, state: ClusterState) -> None:
        self._compose(state, "down", "--volumes", "--remove-orphans")
        self._credentials_file.unlink(missing_ok=True)

    @override
    def status(self, state: ClusterState) -> str:
        return self._compose(state, "ps")

    @override
    def logs(self, state: ClusterState) -> str:
        return self._compose(state, "logs", "--no-color", "--tail=200")

    @property
    def _credentials_file(self) -> Path:
        return self.state_folder / "aws_credentials"

    def _write_credentials(self) -> None:
        """Writes this environment's keys of an object store, if any, where the head alone reads."""
        found = {name: os.environ.get(name.upper(), "") for name in CREDENTIALS}
        lines = [f"{name} = {value}" for name, value in found.items() if value]
        self._credentials_file.touch(mode=0o600)
        # In place: a head that runs has this file, and no other of its name.
        self._credentials_file.write_text("\n".join(["[default]", *lines, ""]), encoding="utf-8")

    def _compose(self, state: ClusterState, *arguments: str) -> str:
        digest = hashlib.sha256(str(self.checkout).encode()).hexdigest()[:8]
        command = [*_compose_command(), "--project-name", f"mnistcmp-{digest}"]
        for name in ["compose.yaml", *(["compose.gpu.yaml"] if state.gpus else [])]:
            command += ["--file", str(self.checkout / "docker" / name)]
        user, group = os.getuid(), os.getgid()
        variables = {
            "MNISTCMP_IMAGE": f"mnistcmp:{__version__}-{'gpu' if state.gpus else 'cpu'}",
            "MNISTCMP_USER": f"{user}:{group}" if user else f"{IMAGE_USER}:{IMAGE_USER}",
            "MNISTCMP_RESULTS_HERE": state.results,
            "MNISTCMP_TOKEN_FILE": str(self.token_file),
            "MNISTCMP_CREDENTIALS_FILE": str(self._credentials_file),
            "CLUSTER_PORT": state.address.rsplit(":", 1)[1],
            "WORKER_CPUS": str(state.worker_cpus),
        }
        return _run([*command, *arguments], variables=variables).stdout


def _compose_command() -> list[str]:
    """`docker compose`, or the older docker-compose."""
    if _run(["docker", "compose", "version"], check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise UserError(
        "neither 'docker compose' nor docker-compose is installed. Install one of them, or "
        f"{OTHERWISE}"
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
