"""What a node of a cluster is started with: how much it shares, and labels of its software.

Ray shows labels before a job is submitted. `python -m mnistcmp.cluster.node` prints all that
`ray start` is to be given on a node.
"""

import platform

from mnistcmp import __version__

OBJECT_STORE_BYTES = 256 * 2**20
"""MNIST takes 55 MB of it, a run's result 0.1 MB; Ray's default is a third of the memory."""


def own_labels() -> dict[str, str]:
    """The versions of this machine's software that jobs depend on."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"mnistcmp-version": __version__, "python-version": python}


def start_options() -> list[str]:
    """Options of `ray start`."""
    labels = ",".join(f"{key}={value}" for key, value in own_labels().items())
    return [f"--labels={labels}", f"--object-store-memory={OBJECT_STORE_BYTES}"]


if __name__ == "__main__":
    print(*start_options())  # noqa: T201
