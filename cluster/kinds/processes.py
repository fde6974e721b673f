"""The shape of the containers' cluster, as processes of this machine.

Its details: `pids`, each process id with its start time, so that no other process is taken for it,
the head first; `gcs_port`, where workers join; `temporary`, Ray's own folder.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from typing_extensions import override

from kinds.base import Kind
from mnistcmp.cluster.address import ClusterState
from mnistcmp.cluster.node import SETTINGS, start_options
from mnistcmp.errors import UserError

STOP_SECONDS = 40
"""Longer than the 30 s that Ray takes at most to drain a node."""


class Processes(Kind):
    """Head and workers as `ray start --block`, each in a session of its own."""

    name = "processes"

    @override
    def is_available(self) -> bool:
        return True

    @override
    def results_there(self, results: Path) -> str:
        return str(results)

    @override
    def up(self, state: ClusterState) -> ClusterState:
        pids = state.details.get("pids", {})
        alive = {pid: born for pid, born in pids.items() if _is_alive(pid, born)}
        if pids and next(iter(pids)) in alive:
            return self._scale(_with(state, pids=alive))
        # Workers without their head are of no use.
        self.down(state)
        return self._scale(self._start_head(state))

    def _start_head(self, state: ClusterState) -> ClusterState:
        port, temporary = _free_port(), tempfile.mkdtemp(prefix="mnistcmp-ray-")
        head = self._ray_start(
            "head",
            "--head",
            f"--port={port}",
            "--num-cpus=0",
            "--num-gpus=0",
            "--dashboard-host=127.0.0.1",
            f"--dashboard-port={state.address.rsplit(':', 1)[1]}",
            f"--temp-dir={temporary}",
        )
        pids = {str(head.pid): _born(head.pid)}
        state = replace(state, details={"pids": pids, "gcs_port": port, "temporary": temporary})
        try:
            _wait_for_port(port, head)
        except BaseException:
            self.down(state)
            raise
        return state

    def _scale(self, state: ClusterState) -> ClusterState:
        """Adds or stops workers, one after the other.

        Nodes that start at once on one machine may choose the same socket, and one of them then
        waits for itself.
        """
        pids = dict(state.details["pids"])
        try:
            while len(pids) > state.workers + 1:
                pid, _ = pids.popitem()
                _stop(int(pid))
            while len(pids) < state.workers + 1:
                worker = self._ray_start(
                    f"worker-{secrets.token_hex(2)}",
                    f"--address=127.0.0.1:{state.details['gcs_port']}",
                    f"--num-cpus={state.worker_cpus}",
                    f"--num-gpus={state.gpus}",
                )
                pids[str(worker.pid)] = _born(worker.pid)
                self.wait_for_workers(state, len(pids) - 1)
        except BaseException:
            # Noted, so that `down` finds what was started.
            _with(state, pids=pids).write(self.checkout)
            raise
        return _with(state, pids=pids)

    def _ray_start(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Starts a node; ports of its helpers are left to Ray: several nodes share this machine."""
        environment = os.environ | {
            **SETTINGS,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token_file),
            "RAY_USAGE_STATS_ENABLED": "0",
            "MNISTCMP_JOBS": str(self.checkout / "jobs"),
            "MNISTCMP_PYTHON": sys.executable,
            "MNISTCMP_RESULTS": str(self.checkout / "results"),
        }
        for variable in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_AUTH_TOKEN"):
            environment.pop(variable, None)
        logs = self.state_folder / "logs"
        logs.mkdir(exist_ok=True)
        with (logs / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("ray")),
                    "start",
                    "--block",
                    *start_options(),
                    "--node-ip-address=127.0.0.1",
                    f"--node-name={name}",
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

    @override
    def down(self, state: ClusterState) -> None:
        # Workers first.
        for pid, born in reversed(state.details.get("pids", {}).items()):
            if _is_alive(pid, born):
                _stop(int(pid))
        if "temporary" in state.details:
            shutil.rmtree(state.details["temporary"], ignore_errors=True)

    @override
    def status(self, state: ClusterState) -> str:
        return "\n".join(
            f"{'worker' if number else 'head'}  process {pid}  "
            f"{'up' if _is_alive(pid, born) else 'gone'}"
            for number, (pid, born) in enumerate(state.details["pids"].items())
        )

    @override
    def logs(self, state: ClusterState) -> str:
        return "\n".join(
            f"== {path.name}\n{path.read_text(encoding='utf-8', errors='replace')}"
            for path in sorted((self.state_folder / "logs").glob("*.log"))
        )


def _with(state: ClusterState, **details: Any) -> ClusterState:  # noqa: ANN401 - JSON
    return replace(state, details=state.details | details)


def _born(pid: int | str) -> str:
    """When a process started, in seconds; empty where there is none (or a zombie)."""
    try:
        process = psutil.Process(int(pid))
        is_zombie = process.status() == psutil.STATUS_ZOMBIE
        return "" if is_zombie else f"{process.create_time():.0f}"
    except psutil.NoSuchProcess:
        return ""


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
