"""Docker, as tests ask it."""

import shutil
import subprocess

import pytest

from mnistcmp import __version__
from tests.support.clusters import Checkout

IMAGE = f"mnistcmp:{__version__}-cpu"

CONFINED = (
    *("--rm", "--init", "--read-only", "--tmpfs", "/tmp:exec", "--shm-size", "384m"),  # noqa: S108
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "4096"),
)
"""How cluster/README.md starts one container."""


def docker(*arguments: str, program: str | None = None) -> str:
    """What a command of Docker's prints; the program is its standard input."""
    done = subprocess.run(
        ["docker", *arguments],  # noqa: S607 - docker
        input=program,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def containers(checkout: Checkout, service: str) -> list[str]:
    """Ids of a service's containers."""
    files = f"label=com.docker.compose.project.working_dir={checkout.folder / 'docker'}"
    name = f"label=com.docker.compose.service={service}"
    return docker("ps", "--quiet", "--no-trunc", "--filter", files, "--filter", name).split()


needs_docker = [
    pytest.mark.containers,
    pytest.mark.skipif(
        shutil.which("docker") is None or not docker("info", "--format", "{{.ServerVersion}}"),
        reason="no Docker engine answers",
    ),
]
