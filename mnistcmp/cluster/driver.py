"""A launch where Ray is: trains what is missing, stores it, and tells how far it is."""

import math
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

from mnistcmp.cluster.events import Event, Looked, Reported, Started
from mnistcmp.cluster.launch import Launch, Trained
from mnistcmp.cluster.live import refuse_second
from mnistcmp.cluster.notify import notify
from mnistcmp.cluster.placement import choose_pools
from mnistcmp.cluster.places import OpenPlace, RayPlace
from mnistcmp.cluster.stacks import plan_stacks
from mnistcmp.cluster.tally import Tally
from mnistcmp.cluster.tasks import Again, fan_out, warm_up
from mnistcmp.report.build import build_report
from mnistcmp.report.numbers import plural
from mnistcmp.report.until import next_runs
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import Returned
from mnistcmp.study.study import Run

SECONDS_A_WORKER = 0.01
"""Between two accounts of one worker, for each that there is: one takes the driver 1.2 ms."""


def drive_launch(launch: Launch, place: RayPlace, output: str) -> Generator[Event, None, None]:
    """Trains what is missing of a study, stores what comes back, and reports.

    Tells `Started`, then `Progress` now and then and at the end, at last `Reported`. Without a
    missing run it only reports, and starts no Ray.

    Raises:
        UserError: The output, the data or the device cannot be used. Finished runs are kept.
    """
    store = ResultsStore(output)
    store.check(launch.study)
    refuse_second(store.location)
    ended = Reported(output=output, trained=0, report=None)
    if wanted := next_runs(store, launch.study):
        ended = yield from _in_batches(launch, place, store, wanted, ended)
    report = build_report(store) if store.finished_run_ids() else None
    ended = replace(ended, report=report)
    if launch.notify is not None and report is not None:
        notice = notify(launch.notify, report, trained=ended.trained, failed=len(ended.failed))
        ended = replace(ended, notice=notice)
    yield ended


def _in_batches(
    launch: Launch, place: RayPlace, store: ResultsStore, wanted: Sequence[Run], ended: Reported
) -> Generator[Event, None, Reported]:
    """Trains what is wanted, and of a study with a rule what each further look needs."""
    kept: int | None = len(launch.study.runs()) - len(store.missing(launch.study.runs()))
    tried = set[str]()
    with place.connect() as resources:
        opened = OpenPlace(resources, place.mnist())
        # Ray took seconds to start.
        refuse_second(store.location)
        while wanted:
            most = launch.max_failures and launch.max_failures - len(ended.failed)
            left_to_fail = launch.model_copy(update={"max_failures": most})
            tally = yield from _train(left_to_fail, opened, store, wanted, kept=kept)
            tried.update(run.run_id for run in wanted)
            ended = replace(
                ended,
                trained=ended.trained + len(wanted) - tally.left,
                failed=(*ended.failed, *tally.failed),
            )
            if tally.left:
                left = f"{plural(tally.left, 'run')} of the launch are not trained"
                return replace(ended, stopped=f"Stopped as --max-failures asks: {left}.")
            if launch.study.until_clear is None:
                return ended
            wanted, kept = next_runs(store, launch.study, tried), None
            yield _looked(store)
    return ended


def _looked(store: ResultsStore) -> Looked:
    rule = build_report(store).until
    assert rule is not None  # noqa: S101 - for mypy
    answered = [name for name, answer in rule.answers.items() if answer.outcome != "open"]
    return Looked(
        seeds=max((answer.seeds for answer in rule.answers.values()), default=0),
        most=rule.looks[-1],
        answered=tuple(answered),
        open=tuple(name for name in rule.answers if name not in answered),
    )


def _train(
    launch: Launch,
    place: RayPlace,
    store: ResultsStore,
    missing: Sequence[Run],
    *,
    kept: int | None,
) -> Generator[Event, None, Tally]:
    """Trains runs; where it is known how many were there already, it tells first that it begins."""
    study = launch.study
    asked = launch.worker
    with place.connect() as resources:
        pools = choose_pools(launch.device, resources.nodes, place=resources.place)
        workers = sum(pool.slots for pool in pools)
        warm_up(min(workers, len(missing)))
        mnist = place.mnist()
        store.prepare(study)
        if kept is not None:
            yield Started(
                place=resources.place,
                cpus=sum(node.cpus for node in resources.nodes),
                gpus=sum(node.gpus for node in resources.nodes),
                output=str(store.location),
                total=len(missing),
                kept=kept,
            )
        stacks = plan_stacks(missing, pools)
        tally = Tally(stacks, workers=workers, combined=store.combined())
        yield tally.progress()
        try:
            worker = replace(asked, seconds_between=max(1.0, workers * SECONDS_A_WORKER))
            with closing(fan_out(study.name, stacks, mnist, pools, worker)) as tasks:
                for told in tasks:
                    match told:
                        case stack, Trained() as trained:
                            tally.note_epoch(stack, trained)
                        case stack, Again(stacks=parts):
                            tally.note_lost(stack, parts)
                        case stack, Returned() as returned:
                            store.write(returned)
                            tally.note(stack, returned.outcomes)
                            if len(tally.failed) >= (launch.max_failures or math.inf):
                                break
                    if tally.due():
                        yield tally.progress()
            if tally.left:
                yield tally.progress()
        except KeyboardInterrupt:
            # Whoever is told that the launch was interrupted wants to know what is kept.
            yield tally.progress()
            raise
    return tally
