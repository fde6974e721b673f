"""A launch where Ray is: trains what is missing, and reports."""

import math
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import replace

from mnistcmp.cluster.claim import claimed
from mnistcmp.cluster.crew import Crew
from mnistcmp.cluster.events import Event, Looked, Reported
from mnistcmp.cluster.launch import Launch, Worker
from mnistcmp.cluster.notify import notify
from mnistcmp.cluster.placement import choose_pools
from mnistcmp.cluster.places import RayPlace
from mnistcmp.cluster.stacks import plan_stacks
from mnistcmp.cluster.tasks import warm_up
from mnistcmp.cluster.work import Work
from mnistcmp.report.build import build_report
from mnistcmp.report.numbers import plural
from mnistcmp.report.until import next_runs
from mnistcmp.results.location import DamagedFileError
from mnistcmp.results.repair import set_aside
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.study import Run


def drive_launch(launch: Launch, place: RayPlace, output: str) -> Generator[Event, None, None]:
    """Trains what is missing of a study, stores what comes back, and reports.

    Tells `Waits` where another launch may hold the output, `Started`, then `Progress` now and then
    and at the end, at last `Reported`. Without a missing run it only reports, and starts no Ray.

    Raises:
        UserError: The output, the data or the device cannot be used. Finished runs are kept.
    """
    store = ResultsStore(output)
    ended = Reported(output=output, trained=0, report=None)
    with claimed(store) as waits:
        yield from waits
        with suppress(DamagedFileError):
            store.check(launch.study)
        if damaged := set_aside(store, with_weights=launch.weights == "best"):
            store.check(launch.study)
            ended = replace(ended, notice=damaged)
        if wanted := next_runs(store, launch.study):
            ended = yield from _train(launch, place, store, wanted, damaged)
    report = build_report(store) if store.finished_run_ids() else None
    ended = replace(ended, report=report)
    if launch.notify is not None and report is not None:
        notice = notify(launch.notify, report, trained=ended.trained, failed=len(ended.failed))
        ended = replace(ended, notice=notice)
    yield ended


def _train(
    launch: Launch, place: RayPlace, store: ResultsStore, wanted: Sequence[Run], damaged: str | None
) -> Generator[Event, None, Reported]:
    """Trains what is wanted, and of a study with a rule what each further look needs."""
    ended = Reported(output=str(store.location), trained=0, report=None)
    study = launch.study
    planned = study.runs()
    kept = len(planned) - len(store.missing(planned))
    tried, again = set[str](), Counter[str]()
    with gather_crew(launch, place, launch.worker, wanted) as crew:
        store.prepare(study)
        started = crew.started(store, total=len(wanted), kept=kept)
        yield replace(started, notice=damaged)
        while wanted:
            most = launch.max_failures and launch.max_failures - len(ended.failed)
            tally = yield from crew.train(study.name, wanted, store, max_failures=most)
            tried.update(run.run_id for run in wanted)
            again += tally.again
            ended = replace(
                ended,
                trained=ended.trained + len(wanted) - tally.left,
                failed=(*ended.failed, *tally.failed),
                again=why_again(again, crew),
            )
            if tally.left:
                return replace(ended, stopped=_why_stopped(crew, tally.left))
            if study.until_clear is None:
                return ended
            wanted = next_runs(store, study, tried)
            if store.finished_run_ids():
                yield _looked(store)
            if wanted and crew.is_over:
                return replace(ended, stopped=_why_stopped(crew, len(wanted)))
    return ended


def _why_stopped(crew: Crew, left: int) -> str:
    option = "--budget" if crew.is_over else "--max-failures"
    return (
        f"Stopped as {option} asks: {plural(left, 'run')} of the launch "
        f"{'is' if left == 1 else 'are'} not trained."
    )


@contextmanager
def gather_crew(work: Work, place: RayPlace, worker: Worker, runs: Sequence[Run]) -> Iterator[Crew]:
    """The workers at a place, for as long as one is in the context.

    Args:
        work: What is done.
        place: Where.
        worker: What each is to do. It is made before Ray, which may take a job's folder away.
        runs: What is trained first, for which workers are woken where all are needed.
    """
    deadline = time.monotonic() + (work.budget or math.inf)
    with ThreadPoolExecutor(1) as reader:
        # This process waits for seconds while Ray starts.
        mnist = reader.submit(place.mnist)
        if place.loses_folder:
            wait([mnist])
        with place.connect() as resources:
            pools = choose_pools(work.device, resources.nodes, place=resources.place)
            slots = sum(pool.slots for pool in pools)
            first = plan_stacks(runs, pools)[:slots]
            # With fewer stacks, Ray would give them to workers that are not being woken.
            if len(first) == slots:
                warm_up(stack[0].architecture for stack in first)
            yield Crew(
                resources=resources,
                device=work.device,
                pools=pools,
                mnist=mnist.result(),
                worker=worker,
                deadline=deadline,
            )


def why_again(times: Counter[str], crew: Crew) -> str | None:
    """What was trained again and why, in words; None where nothing was."""
    if not times:
        return None
    reasons = ", ".join(f"{why} ({plural(n, 'time')})" for why, n in times.most_common())
    log = crew.resources.log
    more = f" Ray's own words: {log}." if log is not None and log.exists() else ""
    return f"Trained again, or on from a checkpoint, because {reasons}.{more}"


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
