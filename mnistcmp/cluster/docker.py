"""Whether a Docker engine answers on this machine."""

import shutil
import subprocess

from mnistcmp.errors import UserError

OTHERWISE = "start the cluster as processes: make cluster-up ENGINE=processes."
NO_ENGINE = f"no Docker engine answers. Start one, or {OTHERWISE}"
PATIENCE = 30
"""Seconds for an answer of the engine."""


def docker_answers() -> bool:
    """Whether one does.

    Raises:
        UserError: One would, but not to this user.
    """
    if shutil.which("docker") is None:
        return False
    try:
        done = subprocess.run(
            ["docker", "info"],  # noqa: S607 - wherever it is
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    if "permission denied" in done.stderr.lower():
        raise UserError(
            "a Docker engine is there, and this user may not use it. Join the group 'docker', "
            f"or {OTHERWISE}"
        )
    return done.returncode == 0
