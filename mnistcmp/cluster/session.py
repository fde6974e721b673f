"""A connection to Ray: one of its own, or the cluster that this machine is part of."""

import logging
import os
import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from mnistcmp.cluster.node import OBJECT_STORE_BYTES, processors, required_labels
from mnistcmp.cluster.placement import Node
from mnistcmp.errors import UserError, in_short

# Ray reads these when it is imported or starts: no usage reports, no warning about a coming change
# of a variable that this package does not use, and no lines of its core in the terminal, which a
# driver's core would write there when a task ends while Ray does.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
# Ray tries a task again without end whose memory runs out. `Lost` says what becomes of it.
os.environ.setdefault("RAY_task_oom_retries", "0")

import ray
from ray._private import worker as ray_worker
from ray.job_config import JobConfig

LONGEST_FOLDER = 107 - len("/session_2026-11-26_10-37-34_861000_1234567/sockets/plasma_store")
"""Bytes of a folder's path below which Ray can still name its sockets."""

STDERR = 2

END_SECONDS = 5
"""Patience with tasks that are to end."""

to_end: "set[ray.ObjectRef[Any]]" = set()
"""Tasks whose results nobody fetches; they are ended before Ray is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """What a Ray has to offer."""

    nodes: tuple[Node, ...]
    place: str
    """For people: where it is."""
    log: Path | None = None
    """Where Ray's own messages go; the file is there once there was one."""


@contextmanager
def local_ray(workers: int | None) -> Iterator[Resources]:
    """A Ray of its own on this machine, with one worker per processor unless told otherwise.

    Another Ray on the machine is left alone. Ray's own messages are kept out of the terminal, and
    what it writes is deleted with it.

    Raises:
        UserError: Ray does not start.
    """
    # Ray would count GPUs that torch, in a build for the CPU, cannot use.
    import torch  # noqa: PLC0415 - joining a cluster needs none

    _check_loopback()
    with (
        tempfile.TemporaryDirectory(
            prefix="ray-", dir=_short_folder(), ignore_cleanup_errors=True
        ) as folder,
        _own_environment(),
        _kept_sigterm(),
        _session(
            address="local",
            num_cpus=workers or processors(),
            num_gpus=torch.cuda.device_count(),
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            _temp_dir=folder,
        ),
    ):
        # Ray's answer to SIGTERM is to abort with a traceback; `timeout`, systemd and schedulers of
        # batch jobs send it where a person presses Ctrl-C.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        with _messages_in_file() as log:
            yield replace(_resources("this machine"), log=log)


@contextmanager
def _messages_in_file() -> Iterator[Path]:
    """What Ray has to say of workers that died goes to a file, not into the terminal."""
    log = Path(tempfile.gettempdir()) / f"mnistcmp-ray-{secrets.token_hex(4)}.log"

    def write(data: dict[str, Any], ignore_prefix: bool) -> None:  # noqa: ARG001, FBT001 - Ray's
        with log.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in data["lines"])

    # There is no public way. Ray's thread looks the function up for each message.
    before, ray_worker.print_to_stdstream = ray_worker.print_to_stdstream, write
    try:
        yield log
    finally:
        ray_worker.print_to_stdstream = before


@contextmanager
def _kept_sigterm() -> Iterator[None]:
    """What a program does about SIGTERM is as before afterwards; Ray has an answer of its own."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def joined_ray() -> Iterator[Resources]:
    """The cluster that this machine is part of, as a job's driver finds it.

    Raises:
        UserError: There is none.
    """
    with _session(address="auto"):
        yield _resources("a cluster of {} nodes")


def end_tasks(references: "Collection[ray.ObjectRef[Any]]") -> None:
    """Ends tasks that still run, and waits until they have."""
    for reference in references:
        ray.cancel(reference, force=True)
    if references:
        ray.wait(list(references), num_returns=len(references), timeout=END_SECONDS)


class _NoFolders(list[str]):
    """Ray's list of folders that workers import from first.

    Ray adds the working folder, whose files may be named as modules of Python's own. What workers
    import is installed, or is found by `mnistcmp.networks.custom`, which looks there last.
    """

    def extend(self, _: object) -> None:
        """Adds none."""


@contextmanager
def _session(**options: Any) -> Iterator[None]:  # noqa: ANN401 - options of ray.init
    if ray.is_initialized():
        raise UserError(
            "this process has a Ray already, of another launch or of its own. Let that end, or "
            "call ray.shutdown()."
        )
    job = JobConfig()
    job._py_driver_sys_path = _NoFolders()  # noqa: SLF001 - there is no public way
    try:
        with _quiet():
            ray.init(log_to_driver=False, logging_level=logging.CRITICAL, job_config=job, **options)
    except BaseException as error:
        # Some of them are no more than an Exception.
        ray.shutdown()
        if not isinstance(error, Exception):
            raise
        raise UserError(f"Ray ({options['address']}) does not start: {in_short(error)}.") from error
    try:
        yield
    finally:
        end_tasks(to_end)
        to_end.clear()
        ray.shutdown()


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray's core says on standard error which level its messages have, before it has it."""
    kept, nothing = os.dup(STDERR), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, STDERR)
    try:
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)
        os.close(nothing)


def _resources(place: str) -> Resources:
    nodes = nodes_now()
    return Resources(nodes=nodes, place=place.format(len(nodes)))


def nodes_now() -> tuple[Node, ...]:
    """What the connected Ray's living nodes have; those of other versions are not counted."""
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    labels = _required(nodes)
    return tuple(
        Node.of(node["Resources"])
        for node in nodes
        if node["Alive"] and labels.items() <= node["Labels"].items()
    )


def labels_to_ask_for() -> dict[str, str]:
    """The labels that a node has to have for this driver's tasks."""
    return _required(ray.nodes())  # type: ignore[no-untyped-call]


def _required(nodes: list[dict[str, Any]]) -> dict[str, str]:
    own = ray.get_runtime_context().get_node_id()
    return required_labels(next((node["Labels"] for node in nodes if node["NodeID"] == own), {}))


@cache
def own_token() -> str:
    """One for all that this process starts: Ray reads it once."""
    return secrets.token_hex(32)


@contextmanager
def _own_environment() -> Iterator[None]:
    """A token in memory: none is written to the home folder, nor is a cluster's read.

    Ray's agent does not start without its documentation, which PYTHONOPTIMIZE=2 leaves out.
    """
    names = "RAY_AUTH_MODE", "PYTHONOPTIMIZE", "RAY_AUTH_TOKEN"
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ["RAY_AUTH_TOKEN"] = own_token()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _check_loopback() -> None:
    """Ray waits for ever where its processes cannot reach each other."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=END_SECONDS).close()
    except OSError as error:
        raise UserError(
            f"Ray's processes cannot reach each other at 127.0.0.1: {error.strerror or error}. "
            "Bring the loopback network up (ip link set lo up), or name a cluster with --address."
        ) from error


def _short_folder() -> str:
    """Where Ray's files of a session go: the temporary folder, unless its path is too long."""
    given = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    for folder in map(Path, (given, "/tmp", "/var/tmp", "/dev/shm")):  # noqa: S108 - others' too
        made = len(os.fsencode(folder / "ray-12345678"))
        if made <= LONGEST_FOLDER and os.access(folder, os.W_OK | os.X_OK):
            return str(folder)
    raise UserError(
        f"Ray cannot have its sockets in {given}: the path is too long, or cannot be written. Set "
        f"TMPDIR to a folder whose path has no more than {LONGEST_FOLDER - 13} bytes."
    )
