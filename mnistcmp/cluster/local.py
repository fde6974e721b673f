"""Ray on this machine, or the Ray that an address names."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mnistcmp.errors import UserError

# Ray reads these when it is imported: no usage reports, and no warning about a coming change of a
# variable that this package does not use.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray

OBJECT_STORE_BYTES = 256 * 2**20
"""MNIST takes 55 MB of it, a run's result 0.1 MB; Ray's default is a third of the memory."""

CONNECT_SECONDS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """What a Ray has to offer."""

    cpus: int
    gpus: int
    place: str
    """For people: where it is."""


@contextmanager
def local_ray(workers: int | None) -> Iterator[Resources]:
    """A Ray of its own on this machine, with one worker per processor unless told otherwise.

    Another Ray on the machine is left alone. Ray's own messages are kept out of the terminal.

    Raises:
        UserError: Ray does not start.
    """
    with _session(
        address="local",
        num_cpus=workers,
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
    ):
        yield _resources("this machine")


@contextmanager
def existing_ray(address: str) -> Iterator[Resources]:
    """The running Ray at an address, `auto` for the one that this machine is part of.

    Raises:
        UserError: No Ray answers there.
    """
    if address != "auto":
        _expect_listener(address)
    with _session(address=address):
        yield _resources(f"the Ray at {runtime_address()}")


def runtime_address() -> str:
    """HOST:PORT of the connected Ray, by which other processes can join it."""
    return str(ray.get_runtime_context().gcs_address)


def _expect_listener(address: str) -> None:
    """Ray itself would wait for minutes, and write to the terminal meanwhile."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise UserError(
            f"'{address}' is not the address of a running Ray. Allowed: auto, or HOST:PORT of its "
            "head, as 'ray start --head' prints it; or take --local."
        )
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"no Ray answers at {address}: {error}. Name a running one, or take --local."
        ) from error


@contextmanager
def _session(**options: Any) -> Iterator[None]:  # noqa: ANN401 - options of ray.init
    try:
        ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        where = options["address"]
        raise UserError(
            f"Ray at '{where}' does not answer: {reason} If it asks for a token, set "
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN; or take --local."
            if where != "local"
            else f"Ray does not start on this machine: {reason}"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _resources(place: str) -> Resources:
    found: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return Resources(cpus=int(found.get("CPU", 0)), gpus=int(found.get("GPU", 0)), place=place)
