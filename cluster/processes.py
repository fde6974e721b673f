"""The shape of the containers' cluster, as processes of this machine."""

import os
import secrets
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
        """Starts the processes, or as many workers more or fewer as are asked for now."""
        self.logs_folder.mkdir(exist_ok=True)
        if before is None or not _is_alive(*next(iter(before.pids.items()))):
            if before is not None:
                self.down(before)
            temporary = tempfile.mkdtemp(prefix="mnistcmp-ray-")
            state = replace(state, temporary=temporary, gcs_port=_free_port())
            return self._scale(self._start_head(state), wait_for_workers)
        alive = {pid: born for pid, born in before.pids.items() if _is_alive(pid, born)}
        return self._scale(replace(before, workers=state.workers, pids=alive), wait_for_workers)

    def _start_head(self, state: ClusterState) -> ClusterState:
        head = self._ray_start(
            "head",
            "--head",
            f"--port={state.gcs_port}",
            "--num-cpus=0",
            "--num-gpus=0",
            "--dashboard-host=127.0.0.1",
            f"--dashboard-port={state.address.rsplit(':', 1)[1]}",
            f"--temp-dir={state.temporary}",
        )
        state = replace(state, pids={str(head.pid): _born(head.pid)})
        try:
            _wait_for_port(state.gcs_port, head)
        except BaseException:
            self.down(state)
            raise
        return state

    def _scale(self, state: ClusterState, wait_for_workers: Callable[[int], None]) -> ClusterState:
        """Adds or stops workers, one after the other.

        Nodes that start at once on one machine may choose the same socket, and one of them then
        waits for itself.
        """
        pids = dict(state.pids)
        try:
            while len(pids) > state.workers + 1:
                pid, _ = pids.popitem()
                _stop(int(pid))
            while len(pids) < state.workers + 1:
                worker = self._ray_start(
                    f"worker-{secrets.token_hex(2)}",
                    f"--address=127.0.0.1:{state.gcs_port}",
                    f"--num-cpus={state.worker_cpus}",
                    f"--num-gpus={state.gpus}",
                )
                pids[str(worker.pid)] = _born(worker.pid)
                wait_for_workers(len(pids) - 1)
        except BaseException:
            # Noted, so that `down` finds what was started.
            replace(state, pids=pids).write(self.checkout)
            raise
        return replace(state, pids=pids)

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
        for variable in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_AUTH_TOKEN"):
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
            if _is_alive(pid, born):
                _stop(int(pid))
        if state.temporary:
            shutil.rmtree(state.temporary, ignore_errors=True)

    def status(self, state: ClusterState) -> str:
        """A line per process."""
        return "\n".join(
            f"{'worker' if number else 'head'}  process {pid}  "
            f"{'up' if _is_alive(pid, born) else 'gone'}"
            for number, (pid, born) in enumerate(state.pids.items())
        )

    def logs(self, _state: ClusterState) -> None:
        """Prints the processes' logs."""
        for path in sorted(self.logs_folder.glob("*.log")):
            print(f"== {path.name}")
            print(path.read_text(encoding="utf-8", errors="replace"))


def _born(pid: int | str) -> str:
    """When a process started, as ps tells it; empty where there is none (or a zombie)."""
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return "" if not answer or answer[0].startswith("Z") else " ".join(answer[1:])


def _is_alive(pid: int | str, born: str) -> bool:
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
