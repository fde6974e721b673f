"""A launch where Ray is: from the request to stored results and a report."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from mnistcmp.cluster.events import Ended, Event, Progress, Reported, Started
from mnistcmp.cluster.fanout import Train, fan_out, train_on, warm_up
from mnistcmp.cluster.placement import choose_pools
from mnistcmp.cluster.session import Resources
from mnistcmp.data import Mnist
from mnistcmp.report import build_report
from mnistcmp.results import Finished, ResultsStore
from mnistcmp.study import Study
from mnistcmp.training import DeviceChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchRequest:
    """What to train, where to keep it, and on what."""

    study: Study
    output: str
    """A folder, or a URI of an object store."""
    device: DeviceChoice = "auto"


def run_launch(
    request: LaunchRequest,
    load_mnist: Callable[[], Mnist],
    connect: Callable[[], AbstractContextManager[Resources]],
    tell: Callable[[Event], None],
    *,
    train: Train = train_on,
) -> None:
    """Trains what is missing of a study, stores each run as it comes back, and reports.

    Tells `Started`, then `Progress` after each run, at last `Reported`. Without a missing run it
    only reports, and starts no Ray.

    Raises:
        UserError: The output, the data or the device cannot be used. Finished runs are kept.
    """
    study, store = request.study, ResultsStore(request.output)
    store.check(study)
    planned = study.runs()
    missing = store.missing(planned)
    failed: list[Ended] = []
    if missing:
        with connect() as resources:
            pools = choose_pools(request.device, resources.nodes, place=resources.place)
            warm_up(pools)
            mnist = load_mnist()
            store.prepare(study)
            tell(
                Started(
                    place=resources.place,
                    cpus=sum(node.cpus for node in resources.nodes),
                    gpus=sum(node.gpus for node in resources.nodes),
                    output=request.output,
                    total=len(missing),
                    kept=len(planned) - len(missing),
                )
            )
            progress = Progress(total=len(missing), slots=sum(pool.slots for pool in pools))
            started = time.monotonic()
            tell(progress)
            for outcome in fan_out(missing, mnist, pools, train=train):
                ended = progress.note(outcome)
                if isinstance(outcome, Finished):
                    store.write_finished(study.name, outcome)
                else:
                    store.write_failed(study.name, outcome)
                    failed.append(ended)
                progress.elapsed = time.monotonic() - started
                tell(progress)
    report = build_report(store) if store.finished_run_ids() else None
    tell(Reported(output=request.output, trained=len(missing), failed=tuple(failed), report=report))
