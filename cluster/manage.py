"""`make cluster-up`, `cluster-down`, `cluster-status` and `cluster-logs`: a cluster on this host.

What is up is noted in .cluster, with the cluster's token.
"""

import argparse
import secrets
import shutil
import socket
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kinds.base import Kind
from kinds.containers import Containers
from kinds.processes import Processes

from mnistcmp.cluster.address import STATE_FOLDER, ClusterState
from mnistcmp.cluster.keeping import FOLDER
from mnistcmp.errors import UserError

CHECKOUT = Path(__file__).resolve().parents[1]
KINDS: dict[str, Kind] = {kind.name: kind(CHECKOUT) for kind in (Containers, Processes)}
"""The first that is available is taken where none is asked for."""


def main() -> int:
    """Runs one of the four commands; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status", "logs"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--worker-cpus", type=int, default=1)
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="per worker")
    parser.add_argument("--port", type=int, default=8265, help="of the dashboard, on 127.0.0.1")
    parser.add_argument("--engine", choices=("auto", *KINDS), default="auto")
    options = parser.parse_args()
    try:
        if options.command == "up":
            up(options)
        elif (state := ClusterState.read(CHECKOUT)) is None:
            print("No cluster is up here. 'make cluster-up' starts one.")
        elif options.command == "down":
            KINDS[state.kind].down(state)
            _forget()
            # A cluster that is taken down is not to go on with its jobs when it is up again.
            shutil.rmtree(Path(state.results) / FOLDER, ignore_errors=True)
            print("The cluster is down.")
        else:
            kind = KINDS[state.kind]
            print((kind.status if options.command == "status" else kind.logs)(state))
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
    results = CHECKOUT / "results"
    state = ClusterState(
        address=f"http://127.0.0.1:{options.port}",
        kind=kind.name,
        results=str(results),
        results_there=kind.results_there(results),
        workers=options.workers,
        worker_cpus=options.worker_cpus,
        gpus=options.gpus,
    )
    before = ClusterState.read(CHECKOUT)
    if before is None:
        _expect_free(options.port)
    else:
        _expect_like(before, state)
        state = replace(state, details=before.details)
    _ensure_token(kind.token_file)
    results.mkdir(exist_ok=True)
    try:
        state = kind.up(state)
        state.write(CHECKOUT)
        kind.wait_for_workers(state, state.workers)
    except BaseException:
        # What was up before, and its jobs, are left as they are.
        if before is None:
            with suppress(UserError):
                kind.down(ClusterState.read(CHECKOUT) or state)
            _forget()
        raise
    print(
        f"The cluster is up after {time.monotonic() - started:.1f} s: a head and {state.workers} "
        f"workers ({kind.name}) with {state.worker_cpus} CPUs each, at {state.address}. "
        "Next: mnistcmp launch --all"
    )


def _forget() -> None:
    """Results and token stay."""
    (CHECKOUT / STATE_FOLDER / "state.json").unlink(missing_ok=True)


def _choose_kind(engine: str) -> Kind:
    passed_over = ""
    for kind in KINDS.values() if engine == "auto" else [KINDS[engine]]:
        if kind.is_available():
            if passed_over:
                print(f"Starting the cluster as {kind.name}: {passed_over}")
            return kind
        passed_over = kind.unavailable
    raise UserError(passed_over)


def _expect_like(before: ClusterState, state: ClusterState) -> None:
    """Only the number of workers of what is up can change."""
    if (before.kind, before.address) != (state.kind, state.address):
        raise UserError(
            f"a cluster of {before.kind} is up here already, at {before.address}. "
            "Run 'make cluster-down' first."
        )
    if (before.worker_cpus, before.gpus) != (state.worker_cpus, state.gpus):
        raise UserError(
            f"the cluster that is up has workers with {before.worker_cpus} CPUs and {before.gpus} "
            "GPUs. Only their number can change; run 'make cluster-down' first."
        )


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


def _ensure_token(path: Path) -> None:
    """Makes the checkout's token once, for its owner's eyes only."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="ascii")


if __name__ == "__main__":
    sys.exit(main())
