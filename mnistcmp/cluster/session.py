"""A connection to Ray: one of its own, or the cluster that this machine is part of."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mnistcmp.cluster.node import OBJECT_STORE_BYTES
from mnistcmp.cluster.placement import Node
from mnistcmp.errors import UserError

# Ray reads these when it is imported: no usage reports, and no warning about a coming change of a
# variable that this package does not use.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """What a Ray has to offer."""

    nodes: tuple[Node, ...]
    place: str
    """For people: where it is."""


@contextmanager
def local_ray(workers: int | None) -> Iterator[Resources]:
    """A Ray of its own on this machine, with one worker per processor unless told otherwise.

    Another Ray on the machine is left alone. Ray's own messages are kept out of the terminal.

    Raises:
        UserError: Ray does not start.
    """
    # Ray would count GPUs that torch, in a build for the CPU, cannot use.
    import torch  # noqa: PLC0415 - joining a cluster needs none

    with _session(
        address="local",
        num_cpus=workers,
        num_gpus=torch.cuda.device_count(),
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
    ):
        # Ray's answer to SIGTERM is to abort with a traceback; `timeout`, systemd and schedulers of
        # batch jobs send it where a person presses Ctrl-C.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        yield _resources("this machine")


@contextmanager
def joined_ray() -> Iterator[Resources]:
    """The cluster that this machine is part of, as a job's driver finds it.

    Raises:
        UserError: There is none.
    """
    with _session(address="auto"):
        yield _resources("a cluster of {} nodes")


# Ray notes the command line, and does not start where an argument, a folder's name say, is no text.
ray._private.utils.get_entrypoint_name = lambda: "mnistcmp"  # noqa: SLF001


@contextmanager
def _session(**options: Any) -> Iterator[None]:  # noqa: ANN401 - options of ray.init
    try:
        ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"Ray ({options['address']}) does not start: {reason}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _resources(place: str) -> Resources:
    alive = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    nodes = tuple(Node.of(node["Resources"]) for node in alive)
    return Resources(nodes=nodes, place=place.format(len(nodes)))
