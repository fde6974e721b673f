"""What nodes of a Ray are started with."""

import subprocess
import sys
from pathlib import Path

from mnistcmp.cluster.node import SETTINGS

PROJECT = Path(__file__).parents[2]


def test_the_image_has_the_settings_of_every_node() -> None:
    """KubeRay's pods start Ray by a command of their own, and have the image's environment."""
    lines = (PROJECT / "docker" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assigned = [line.removeprefix("ENV ").strip(" \\").split("=") for line in lines]
    assert {name: rest[0] for name, *rest in assigned if name in SETTINGS} == SETTINGS


def test_a_script_can_have_them_as_assignments() -> None:
    """As the one for Slurm, which exports them."""
    command = [sys.executable, "-m", "mnistcmp.cluster.node", "--settings"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert dict(each.split("=") for each in done.stdout.split()) == SETTINGS
