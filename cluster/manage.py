"""`make cluster-up`, `cluster-down`, `cluster-status` and `cluster-logs`: a cluster on this host.

Containers where a Docker engine answers, else the same shape as processes: a head without CPUs for
tasks, and workers. What is up is noted in .cluster, with the cluster's token.
"""

import argparse
import secrets
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from containers import Containers, engine_answers
from processes import Processes

from mnistcmp.cluster.address import STATE_FOLDER, Cluster, ClusterState
from mnistcmp.cluster.client import ClusterClient
from mnistcmp.errors import UserError

CHECKOUT = Path(__file__).resolve().parents[1]
JOIN_SECONDS = 180


def main() -> int:
    """Runs one of the four commands; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status", "logs"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--worker-cpus", type=int, default=1)
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="per worker")
    parser.add_argument("--port", type=int, default=8265, help="of the dashboard, on 127.0.0.1")
    parser.add_argument("--engine", choices=("auto", "containers", "processes"), default="auto")
    options = parser.parse_args()
    try:
        if options.command == "up":
            up(options)
        else:
            state = ClusterState.read(CHECKOUT)
            if state is None:
                print("No cluster is up here. 'make cluster-up' starts one.")
            elif options.command == "down":
                down(state)
            elif options.command == "status":
                print(_backend(state.kind).status(state))
            else:
                _backend(state.kind).logs(state)
    except UserError as error:
        print(f"cluster: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def up(options: argparse.Namespace) -> None:
    """Starts the cluster, or changes the one that is up, and waits until all workers have joined.

    Raises:
        UserError: It cannot be started; nothing of it is left.
    """
    if options.workers < 1 or options.worker_cpus < 1:
        raise UserError("a cluster needs at least WORKERS=1 with WORKER_CPUS=1.")
    started = time.monotonic()
    kind = _choose_kind(options.engine)
    address = f"http://127.0.0.1:{options.port}"
    before = ClusterState.read(CHECKOUT)
    if before is not None and (before.kind, before.address) != (kind, address):
        raise UserError(
            f"a cluster of {before.kind} is up here already, at {before.address}. "
            "Run 'make cluster-down' first."
        )
    if before is not None and (before.worker_cpus, before.gpus) != (
        options.worker_cpus,
        options.gpus,
    ):
        raise UserError(
            f"the cluster that is up has workers with {before.worker_cpus} CPUs and {before.gpus} "
            "GPUs. Only their number can change; run 'make cluster-down' first."
        )
    if before is None:
        _expect_free(options.port)
    token = _ensure_token()
    results = CHECKOUT / "results"
    results.mkdir(exist_ok=True)
    backend = _backend(kind)
    state = ClusterState(
        address=address,
        kind=kind,
        results=str(results),
        results_there=backend.results_there(results),
        workers=options.workers,
        worker_cpus=options.worker_cpus,
        gpus=options.gpus,
    )
    cluster = Cluster(address=address, found="make cluster-up", token=token)

    def wait_for_workers(count: int) -> None:
        _wait_for_nodes(cluster, count + 1)

    try:
        state = backend.up(state, before, wait_for_workers)
        state.write(CHECKOUT)
        wait_for_workers(state.workers)
    except BaseException:
        # What was up before, and its jobs, are left as they are.
        if before is None:
            with suppress(UserError):
                backend.down(ClusterState.read(CHECKOUT) or state)
            _forget()
        raise
    print(
        f"The cluster is up after {time.monotonic() - started:.1f} s: a head and {state.workers} "
        f"workers ({kind}) with {state.worker_cpus} CPUs each, at {address}. "
        "Next: mnistcmp launch --all"
    )


def down(state: ClusterState) -> None:
    """Stops what is up, and forgets it; results and token stay."""
    _backend(state.kind).down(state)
    _forget()
    print("The cluster is down.")


def _forget() -> None:
    (CHECKOUT / STATE_FOLDER / "state.json").unlink(missing_ok=True)


def _backend(kind: str) -> Containers | Processes:
    return Containers(CHECKOUT) if kind == "containers" else Processes(CHECKOUT)


def _choose_kind(engine: str) -> str:
    if engine == "processes":
        return engine
    if engine_answers():
        return "containers"
    if engine == "containers":
        raise UserError(
            "no Docker engine answers. Start one, or start the cluster as processes: "
            "make cluster-up ENGINE=processes."
        )
    print("No Docker engine answers: starting the cluster as processes of this machine.")
    return "processes"


def _expect_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(
                f"port {port} is taken, by another cluster perhaps: {error.strerror}. "
                "Choose another: make cluster-up CLUSTER_PORT=8266."
            ) from error


def _ensure_token() -> str:
    """The checkout's token, made once, for its owner's eyes only."""
    folder = CHECKOUT / STATE_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "token"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="ascii")
    return path.read_text(encoding="ascii")


def _wait_for_nodes(cluster: Cluster, count: int) -> None:
    """Until exactly so many nodes are alive, the head among them."""
    deadline = time.monotonic() + JOIN_SECONDS
    problem = ""
    while time.monotonic() < deadline:
        try:
            alive = len(ClusterClient(cluster).nodes())
            if alive == count:
                return
            problem = f"{alive} of {count} nodes are there"
        except UserError as error:
            problem = str(error)
        time.sleep(0.3)
    raise UserError(f"the cluster was not complete after {JOIN_SECONDS} s: {problem}")


if __name__ == "__main__":
    sys.exit(main())
