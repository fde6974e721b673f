"""A launch where Ray is: from the request to stored results and a report."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from mnistcmp.cluster.custom import train_as_planned
from mnistcmp.cluster.events import ConditionProgress, Ended, Event, Progress, Reported, Started
from mnistcmp.cluster.fanout import Train, fan_out, train_keeping_weights, train_on, warm_up
from mnistcmp.cluster.placement import choose_pools
from mnistcmp.cluster.session import Resources
from mnistcmp.cluster.stacks import plan_stacks
from mnistcmp.data.mnist import Mnist
from mnistcmp.report.build import build_report
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.weights import WeightsChoice
from mnistcmp.study.study import Study
from mnistcmp.training.device import DeviceChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchRequest:
    """What to train, where to keep it, and on what."""

    study: Study
    output: str
    """A folder, or a URI of an object store."""
    device: DeviceChoice = "auto"
    weights: WeightsChoice = "none"
    """Whether each run's best weights are stored with it."""


def run_launch(
    request: LaunchRequest,
    load_mnist: Callable[[], Mnist],
    connect: Callable[[], AbstractContextManager[Resources]],
    tell: Callable[[Event], None],
    *,
    train: Train | None = None,
) -> None:
    """Trains what is missing of a study, stores each run as it comes back, and reports.

    Tells `Started`, then `Progress` after each run, at last `Reported`. Without a missing run it
    only reports, and starts no Ray.

    Raises:
        UserError: The output, the data or the device cannot be used. Finished runs are kept.
    """
    if train is None:
        train = train_keeping_weights if request.weights == "best" else train_on
    study, store = request.study, ResultsStore(request.output)
    if study.sources:
        train = partial(train_as_planned, train, study.sources)
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
            combined = store.combined()
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
            stacks = plan_stacks(missing, pools)
            workers = sum(pool.slots for pool in pools)
            left = Counter(combined.condition_of(run).name for run in missing)
            progress = Progress(
                total=len(missing),
                workers=workers,
                slots=sum(len(stack) for stack in stacks[:workers]),
                conditions=[
                    ConditionProgress(condition=condition.name, total=left[condition.name])
                    for condition in combined.conditions
                    if left[condition.name]
                ],
            )
            started = time.monotonic()
            tell(progress)
            for outcome in fan_out(stacks, mnist, pools, train=train):
                ended = progress.note(outcome, combined.condition_of(outcome.run).name)
                if isinstance(outcome, Finished):
                    store.write_finished(study.name, outcome)
                else:
                    store.write_failed(study.name, outcome)
                    failed.append(ended)
                progress.elapsed = time.monotonic() - started
                tell(progress)
    report = build_report(store) if store.finished_run_ids() else None
    tell(Reported(output=request.output, trained=len(missing), failed=tuple(failed), report=report))
