"""What a machine, its environment and its cluster are fit for, each tried by what launches use.

What takes torch and Ray is tried in a process of its own, which may lack them, or die of them.
"""

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Literal

from mnistcmp import __version__
from mnistcmp.cluster.address import find_cluster
from mnistcmp.cluster.docker import NO_ENGINE, docker_answers
from mnistcmp.cluster.node import OBJECT_STORE_BYTES, processors
from mnistcmp.errors import UserError, in_short

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - Ray's own choice
LAUNCH_BYTES, WORKER_BYTES = 0.9e9, 0.6e9
"""Memory of a launch of Table I (driver, Ray), and of each of its workers."""
START_SECONDS = 180
"""Patience with the first task of a Ray."""
INSTALL = "Install mnistcmp with all that it trains with: pip install mnistcmp."
TRYING = """
import sys
sys.path.append(sys.path.pop(0))
from mnistcmp.cluster.doctor import try_launching
try_launching()
"""
"""Modules of the working folder come last, as for the command itself."""

State = Literal["ok", "note", "fails"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What was found of one thing."""

    about: str
    state: State
    """`fails`: nothing can be trained here; `note`: something else than that does not work."""
    text: str
    """What there is, or what is wrong and what to do."""


def examine(output: str, address: str | None) -> Iterator[Finding]:
    """Looks at everything, in the order in which it is shown; results would go to `output`."""
    yield _ok("Python", f"{platform.python_version()}, mnistcmp {__version__}")
    yield from _tried()
    yield _shared_memory()
    yield from _checked("results", "fails", lambda: _results(output))
    yield from _checked("Docker", "note", _docker)
    yield from _checked("cluster", "note", lambda: _cluster(address))


def _ok(about: str, text: str) -> Finding:
    return Finding(about=about, state="ok", text=text)


def _note(about: str, text: str) -> Finding:
    return Finding(about=about, state="note", text=text)


def _checked(
    about: str, otherwise: State, check: Callable[[], Iterator[Finding]]
) -> Iterator[Finding]:
    """What a check finds, and what it raises as a finding of its own."""
    try:
        yield from check()
    except ModuleNotFoundError as error:
        text = f"{error.name} is not installed, as for a client only. {INSTALL}"
        yield Finding(about=about, state=otherwise, text=text)
    except UserError as error:
        yield Finding(about=about, state=otherwise, text=str(error))
    except Exception as error:  # noqa: BLE001 - whatever a broken library raises
        text = f"{in_short(error)}. {INSTALL}"
        yield Finding(about=about, state=otherwise, text=text)


def _tried() -> Iterator[Finding]:
    """What a process finds that does what a launch does."""
    command = [sys.executable, "-c", TRYING]
    with subprocess.Popen(  # noqa: S603 - this Python, with the lines above
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    ) as process:
        for line in process.stdout or ():
            yield Finding(**json.loads(line))
    if status := process.returncode:
        signals = {each.value: each.name for each in signal.Signals}
        how = f"was killed by {signals.get(-status, -status)}" if status < 0 else "ended itself"
        more = "Is there too little memory?" if -status == signal.SIGKILL else INSTALL
        yield Finding(
            about="a launch", state="fails", text=f"the process that tried it {how}. {more}"
        )


def try_launching() -> None:
    """Prints, in a process of its own, what it finds as a line of JSON each."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as told:
        # Whatever libraries print.
        os.dup2(2, 1)
        for about, check in (("torch", _torch), ("MNIST", _mnist), ("Ray", _ray)):
            for finding in _checked(about, "fails", check):
                print(json.dumps(asdict(finding)), file=told, flush=True)


def _torch() -> Iterator[Finding]:
    import torch  # noqa: PLC0415 - in a process of its own

    yield _ok(
        "torch",
        f"{torch.__version__}, {torch.get_num_threads()} threads; a launch has one of one thread "
        f"on each of {processors()} processors",
    )
    names = [torch.cuda.get_device_name(gpu) for gpu in range(torch.cuda.device_count())]
    if names or not shutil.which("nvidia-smi"):
        yield _ok("GPU", ", ".join(names) or "none, and none is needed")
    else:
        why = "built for the CPU" if torch.version.cuda is None else "without a driver that fits"
        yield _note(
            "GPU",
            f"this machine has NVIDIA's tools, and torch {torch.__version__} sees no GPU: it is "
            f"{why}. Install the build for CUDA, if the GPU is to be used.",
        )


def _mnist() -> Iterator[Finding]:
    from mnistcmp.data.mnist import load_mnist  # noqa: PLC0415 - imports torch

    digits = load_mnist()
    count = len(digits.train.labels) + len(digits.test.labels)
    yield _ok("MNIST", f"{count:,} digits, verified; they ship with the package")


def _ray() -> Iterator[Finding]:
    """A Ray is started, and its worker trains."""
    import ray  # noqa: PLC0415 - in a process of its own

    from mnistcmp.cluster.session import local_ray  # noqa: PLC0415 - imports Ray
    from mnistcmp.training.process import warm_up  # noqa: PLC0415 - imports torch

    started = time.monotonic()
    with local_ray(1):
        task = ray.remote(num_cpus=1)(warm_up).remote()
        try:
            ray.get(task, timeout=START_SECONDS)
        except ray.exceptions.GetTimeoutError as error:
            raise UserError(
                f"Ray {ray.__version__} starts, and its worker does nothing within "
                f"{START_SECONDS} s. Is the machine busy?"
            ) from error
        seconds = time.monotonic() - started
        yield _ok("Ray", f"{ray.__version__}, its worker trains {seconds:.0f} s after its start")
        yield _memory(ray.cluster_resources()["memory"])  # type: ignore[no-untyped-call]


def _memory(free: float) -> Finding:
    """By Ray's count of what it has for tasks, which knows a container's limit."""
    needed = LAUNCH_BYTES + WORKER_BYTES * processors()
    found = f"{free / 1e9:.1f} GB for tasks, of which a launch takes {needed / 1e9:.1f}"
    if free >= needed:
        return _ok("memory", found)
    fewer = max(1, int((free - LAUNCH_BYTES) / WORKER_BYTES))
    return _note("memory", f"{found}. Free some, or train fewer at a time: --workers {fewer}.")


def _shared_memory() -> Finding:
    about = str(SHARED_MEMORY)
    if not SHARED_MEMORY.exists():
        return _ok(about, "not on this system; Ray needs none here")
    free = shutil.disk_usage(SHARED_MEMORY).free
    found = f"{free / 2**20:,.0f} MiB free, of which Ray takes {OBJECT_STORE_BYTES >> 20}"
    if free >= OBJECT_STORE_BYTES:
        return _ok(about, found)
    return _note(
        about,
        f"{found}: it will use the disk in its place, which is slower. Give it more: docker run "
        "--shm-size 384m, in Kubernetes an emptyDir of medium Memory, else mount -o "
        "remount,size=384m /dev/shm.",
    )


def _results(output: str) -> Iterator[Finding]:
    from mnistcmp.results.location import Location, is_uri  # noqa: PLC0415 - imports Arrow

    place = Location(output)
    place.check_writable()
    # Asks an object store, which may not be there, or not for these keys.
    place.exists()
    can = (
        "answers; whether it can be written, a launch will see"
        if is_uri(output)
        else "can be written"
    )
    yield _ok("results", f"{place} {can}")


def _docker() -> Iterator[Finding]:
    yield _ok("Docker", "an engine answers") if docker_answers() else _note("Docker", NO_ENGINE)


def _cluster(address: str | None) -> Iterator[Finding]:
    from mnistcmp.cluster.client import ClusterClient  # noqa: PLC0415 - there may be no cluster
    from mnistcmp.report.numbers import plural  # noqa: PLC0415 - as above

    cluster = find_cluster(address)
    if cluster is None:
        yield _ok("cluster", "none is named or up: launches train on this machine")
        return
    client = ClusterClient(cluster)
    nodes = client.nodes()
    found = f"{cluster.address} ({cluster.found}) answers: {plural(len(nodes), 'node')}"
    yield _ok("token", "one is sent to the cluster" if cluster.token else "the cluster asks none")
    try:
        other = client.check("auto")
        yield _ok("cluster", f"{found}{'' if other else ', of the same versions as here'}")
        for what in other:
            yield _note("cluster", f"it {what}: it gets no tasks. Build it from this checkout.")
    except PackageNotFoundError:
        yield _note("cluster", f"{found}. Jobs can be followed, not submitted, without Ray here.")
