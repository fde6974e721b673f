"""The shape of the containers' cluster, as processes of this machine."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mnistcmp.cluster.address import STATE_FOLDER, ClusterState
from mnistcmp.cluster.labels import own_labels
from mnistcmp.errors import UserError

OBJECT_STORE_BYTES = 256 * 2**20
STOP_SECONDS = 40
"""Longer than the 30 s that Ray takes at most to drain a node."""


class Processes:
    """Head and workers as `ray start --block`, each in a session of its own."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.logs_folder = checkout / STATE_FOLDER / "logs"

    def results_there(self, results: Path) -> str:
        """The same folder."""
        return str(results)

    def up(
        self,
        state: ClusterState,
        before: ClusterState | None,
        wait_for_workers: Callable[[int], None],
    ) -> ClusterState:
        """Starts the processes; those that are up already stay if they are what is asked for."""
        if before is not None:
            same = (before.workers, before.worker_cpus) == (state.workers, state.worker_cpus)
            if same and all(_is_alive(int(pid), born) for pid, born in before.pids.items()):
                return before
            self.down(before)
        self.logs_folder.mkdir(exist_ok=True)
        temporary = tempfile.mkdtemp(prefix="mnistcmp-ray-")
        state = replace(state, temporary=temporary)
        try:
            return self._start(state, temporary, wait_for_workers)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _start(
        self, state: ClusterState, temporary: str, wait_for_workers: Callable[[int], None]
    ) -> ClusterState:
        gcs = _free_port()
        head = self._ray_start(
            "head",
            "--head",
            f"--port={gcs}",
            "--num-cpus=0",
            "--dashboard-host=127.0.0.1",
            f"--dashboard-port={state.address.rsplit(':', 1)[1]}",
            f"--temp-dir={temporary}",
        )
        processes = [head]
        try:
            _wait_for_port(gcs, head)
            for number in range(1, state.workers + 1):
                processes.append(
                    self._ray_start(
                        f"worker-{number}",
                        f"--address=127.0.0.1:{gcs}",
                        f"--num-cpus={state.worker_cpus}",
                    )
                )
                # One after the other: nodes that start at once on one machine may choose the same
                # socket, and one of them then waits for itself.
                wait_for_workers(number)
        except BaseException:
            for process in processes:
                _stop(process.pid)
            raise
        return replace(state, pids={str(p.pid): _born(p.pid) for p in processes})

    def _ray_start(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Ports of a node's helpers are left to Ray: several nodes share this machine."""
        environment = os.environ | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.checkout / STATE_FOLDER / "token"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "MNISTCMP_JOBS": str(self.checkout / "jobs"),
            "MNISTCMP_PYTHON": sys.executable,
            "MNISTCMP_RESULTS": str(self.checkout / "results"),
        }
        for variable in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
            environment.pop(variable, None)
        labels = ",".join(f"{key}={value}" for key, value in own_labels().items())
        with (self.logs_folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("ray")),
                    "start",
                    "--block",
                    "--node-ip-address=127.0.0.1",
                    f"--node-name={name}",
                    f"--labels={labels}",
                    f"--object-store-memory={OBJECT_STORE_BYTES}",
                    "--dashboard-agent-listen-port=0",
                    *arguments,
                ],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.checkout,
            )

    def down(self, state: ClusterState) -> None:
        """Stops exactly the processes that `up` started, workers first."""
        for pid, born in reversed(state.pids.items()):
            if _is_alive(int(pid), born):
                _stop(int(pid))
        if state.temporary:
            shutil.rmtree(state.temporary, ignore_errors=True)

    def status(self, state: ClusterState) -> str:
        """A line per process."""
        names = ["head", *(f"worker-{n}" for n in range(1, state.workers + 1))]
        return "\n".join(
            f"{name}  process {pid}  {'up' if _is_alive(int(pid), born) else 'gone'}"
            for name, (pid, born) in zip(names, state.pids.items(), strict=False)
        )

    def logs(self, _state: ClusterState) -> None:
        """Prints the processes' logs."""
        for path in sorted(self.logs_folder.glob("*.log")):
            print(f"== {path.name}")
            print(path.read_text(encoding="utf-8", errors="replace"))


def _born(pid: int) -> str:
    """When a process started, as ps tells it; empty where there is none (or a zombie)."""
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return "" if not answer or answer[0].startswith("Z") else " ".join(answer[1:])


def _is_alive(pid: int, born: str) -> bool:
    return bool(born) and _born(pid) == born


def _stop(pid: int) -> None:
    """SIGTERM, which lets Ray drain the node, and at last SIGKILL to the process's own session."""
    born = _born(pid)
    try:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while _is_alive(pid, born) and time.monotonic() < deadline:
            time.sleep(0.1)
        if _is_alive(pid, born):
            os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Workers that start before the head listens would give up."""
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise UserError("Ray's head did not start; its log is .cluster/logs/head.log.")
