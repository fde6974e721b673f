"""What a node of a Ray is started with: what it shares, its processors, labels of its software.

Ray shows labels before a job is submitted. `python -m mnistcmp.cluster.node` prints all that
`ray start` is to be given on a node; with `--settings`, what its environment is to have.
"""

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from mnistcmp import __version__

SETTINGS = {
    "RAY_health_check_period_ms": "2000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "4",
    "RAY_grpc_client_keepalive_time_ms": "10000",
    "RAY_grpc_client_keepalive_timeout_ms": "10000",
}
"""Environment of every process of a cluster's Ray: a node that is cut off is given up within half a
minute, and nobody waits for it. By default, calls to it are waited for up to seven minutes, and
tasks for healthy nodes are queued behind them."""

OBJECT_STORE_BYTES = 256 * 2**20
"""MNIST takes 55 MB of it, a run's result 0.1 MB; Ray's default is a third of the memory."""


def processors(cgroups: Path = Path("/sys/fs/cgroup"), own: Path | None = None) -> int:
    """How many processors this process may keep busy: by its affinity and its cgroups' quotas."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quotas = _quotas(cgroups, own or Path("/proc/self/cgroup"))
    return max(1, int(min([float(allowed or 1), *quotas])))


def _quotas(cgroups: Path, own: Path) -> Iterator[float]:
    """Processors' worth of time that this process's cgroups allow, of both versions."""
    with suppress(OSError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _, kinds, name = line.split(":", 2)
            if kinds and "cpu" not in kinds.split(","):
                continue
            top = cgroups / "cpu" if kinds else cgroups
            folder = top / name.lstrip("/")
            # In a container the name may be that of the host's tree, where only the top is seen.
            for place in {top, folder, *(p for p in folder.parents if p.is_relative_to(top))}:
                with suppress(OSError, ValueError, ZeroDivisionError):
                    if kinds:
                        quota = (place / "cpu.cfs_quota_us").read_text(encoding="utf-8")
                        period = (place / "cpu.cfs_period_us").read_text(encoding="utf-8")
                    else:
                        quota, period = (place / "cpu.max").read_text(encoding="utf-8").split()
                    if int(quota) > 0:
                        yield int(quota) / int(period)


def own_labels() -> dict[str, str]:
    """The versions of this machine's software that jobs depend on."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"mnistcmp-version": __version__, "python-version": python}


def required_labels(driver: Mapping[str, str]) -> dict[str, str]:
    """The labels that a node has to have which trains for a driver on a node with such labels.

    A worker of another version may be there while a cluster is renewed. Nodes of a Ray that was
    started otherwise have no labels, and none are asked for.
    """
    return {name: driver[name] for name in own_labels() if name in driver}


def start_options() -> list[str]:
    """Options of `ray start`."""
    labels = ",".join(f"{key}={value}" for key, value in own_labels().items())
    return [f"--labels={labels}", f"--object-store-memory={OBJECT_STORE_BYTES}"]


if __name__ == "__main__":
    settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    print(*(settings if sys.argv[1:] == ["--settings"] else start_options()))  # noqa: T201
