"""What a node says of its software, as labels that Ray shows before a job is submitted.

`python -m mnistcmp.cluster.labels` prints them as `ray start --labels` takes them.
"""

import platform

from mnistcmp import __version__

MNISTCMP = "mnistcmp-version"
PYTHON = "python-version"


def own_labels() -> dict[str, str]:
    """Of this machine's software."""
    return {MNISTCMP: __version__, PYTHON: ".".join(platform.python_version_tuple()[:2])}


if __name__ == "__main__":
    print(",".join(f"{key}={value}" for key, value in own_labels().items()))  # noqa: T201
