"""Launches from Python: on this machine or a cluster, with progress, or event by event."""

import logging
import re
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from mnistcmp.api.results import Results
from mnistcmp.cluster.address import find_cluster
from mnistcmp.cluster.custom import check_custom_networks
from mnistcmp.cluster.events import BrokeOff, Event, Refused, Reported
from mnistcmp.cluster.launch import Launch
from mnistcmp.cluster.notify import check_url
from mnistcmp.cluster.places import ClusterPlace, LocalPlace, Place
from mnistcmp.cluster.tracking import tracked
from mnistcmp.display.progress import ProgressDisplay
from mnistcmp.display.terminal import Terminal
from mnistcmp.errors import UserError, look_up
from mnistcmp.files import expand_home
from mnistcmp.networks.architectures import ARCHITECTURES
from mnistcmp.report.numbers import seconds, some_of
from mnistcmp.study.named import STUDIES
from mnistcmp.study.study import Study
from mnistcmp.training.planning import seconds_of_a_run

# In a notebook, tqdm and Ray ask on their import for widgets that nothing here shows.
warnings.filterwarnings("ignore", message="IProgress not found")
logging.getLogger("ray.widgets.util").setLevel(logging.ERROR)

Device = Literal["auto", "cpu", "cuda"]
Weights = Literal["best", "none"]

HERE = "local"
"""In place of a cluster's address: this machine, even where a cluster is up."""


OPTION = re.compile(
    r"--(address|budget|device|epochs|fresh|local|max-failures|max-seeds|notify|output|recipe|"
    r"run-timeout|seeds|track|until-clear|weights|workers)\b(?: (auto|best|cpu|cuda|none)\b)?"
)
"""Of the command line, in what is said."""


def _in_python(text: str) -> str:
    """What is said of options, of the arguments that have their place here."""
    whole = {"address": "on", "fresh": "fresh=True", "local": f"on='{HERE}'"}

    def argument(option: re.Match[str]) -> str:
        name = whole.get(option[1], option[1].replace("-", "_"))
        return f"{name}='{option[2]}'" if option[2] else name

    return OPTION.sub(argument, text)


@contextmanager
def _python_words() -> Iterator[None]:
    """An error that is raised names arguments, where it has options of the command line."""
    try:
        yield
    except UserError as error:
        error.args = (_in_python(str(error)),)
        raise


def launch(
    study: Study | str,
    *,
    output: str | Path | None = None,
    on: str | None = None,
    workers: int | None = None,
    device: Device = "auto",
    weights: Weights = "none",
    fresh: bool = False,
    run_timeout: float | None = None,
    max_failures: int | None = None,
    budget: float | None = None,
    notify: str | None = None,
    track: Sequence[str] = (),
    progress: bool = True,
) -> Results:
    """Trains what is missing of a study, and returns what the results folder holds then.

    Args:
        study: A study, or the name of one that `mnistcmp studies` lists.
        output: A folder or `s3://BUCKET/PREFIX`; by default `results/STUDY`. Runs that it has are
            not trained again.
        on: `"local"`, or the address of a cluster's dashboard; by default the cluster that is named
            by the environment or up, else this machine.
        workers: Runs at a time on this machine; by default one for each processor.
        device: What trains; `"auto"` takes GPUs where there are any.
        weights: `"best"` keeps each run's tested weights, for `mnistcmp predict`.
        fresh: Whether a new folder is made beside an old one.
        run_timeout: Seconds after which a run is ended as failed; by default, one that hangs is.
        max_failures: How many runs fail before no more are trained; by default all are.
        budget: Seconds after which nothing more begins; what is in training then ends.
        notify: A URL to which the answer is posted when the launch ends.
        track: `"mlflow"`, `"tensorboard"`, or both: tools that show the runs while they train.
        progress: Whether progress is shown, in a terminal or a notebook.

    Raises:
        UserError: Something is asked for wrongly or cannot be had; what was trained is kept.
    """
    place, work = _place_and_work(
        study,
        output,
        on,
        workers,
        device=device,
        weights=weights,
        fresh=fresh,
        run_timeout=run_timeout,
        max_failures=max_failures,
        budget=budget,
        notify=notify,
    )
    with _python_words():
        if isinstance(place, ClusterPlace):
            # One that is not there is said before what folder it would have.
            place.client()
        seen = place.output(work).here
    if seen is None:
        raise UserError(
            "the cluster's results folder is not seen from here, so there would be nothing to "
            "return. Give output='s3://BUCKET/PREFIX', or take mnistcmp.events."
        )
    ended = None
    display = ProgressDisplay(Terminal())
    with closing(_run(place, work, track)) as told, closing(display):
        for event in told:
            if progress:
                display.show(event)
            if isinstance(event, Reported):
                ended = event
    assert ended is not None  # noqa: S101 - every other end raises
    for line in _complaints(ended):
        warnings.warn(line, stacklevel=2)
    return Results(ended.output)


def events(
    study: Study | str,
    *,
    output: str | Path | None = None,
    on: str | None = None,
    workers: int | None = None,
    device: Device = "auto",
    weights: Weights = "none",
    fresh: bool = False,
    run_timeout: float | None = None,
    max_failures: int | None = None,
    budget: float | None = None,
    notify: str | None = None,
    track: Sequence[str] = (),
) -> Generator[Event, None, None]:
    """Launches a study as `launch` does, and yields what happens while it trains.

    The events are those of `mnistcmp launch --json-lines`; docs/reference.md lists them. The last
    one is `Reported`. Whoever stops listening ends a launch on this machine, and leaves a cluster's
    job as it is.

    Raises:
        UserError: As `launch`, and before anything is yielded where that can be.
    """
    place, work = _place_and_work(
        study,
        output,
        on,
        workers,
        device=device,
        weights=weights,
        fresh=fresh,
        run_timeout=run_timeout,
        max_failures=max_failures,
        budget=budget,
        notify=notify,
    )
    return _run(place, work, track)


def choose_place(on: str | None, *, device: Device, workers: int | None) -> Place:
    """The cluster that is named or up, else this machine.

    Raises:
        UserError: It is not there, or has not what is asked for.
    """
    if workers is not None and workers < 1:
        raise UserError(f"the number of workers is {workers}; it has to be 1 or more.")
    cluster = None if on == HERE else find_cluster(on)
    if cluster is None:
        from mnistcmp.training.device import resolve_device  # noqa: PLC0415 - imports torch

        resolve_device(device)
        terminal = Terminal(stderr=True)
        say = terminal.say if terminal.file.isatty() else lambda _: None
        return LocalPlace(workers=workers, say=say)
    if workers is not None:
        raise UserError(
            "--workers is for this machine; with a cluster, take --local too, or leave it out."
        )
    return ClusterPlace(cluster)


def make_launch(study: Study, *, output: str | None, **options: Any) -> Launch:  # noqa: ANN401
    """A launch whose custom networks are checked.

    Args:
        study: What is trained.
        output: As it is asked for.
        options: Further fields of a `Launch`.

    Raises:
        UserError: A network cannot be trained, or something else is asked for wrongly.
    """
    if (url := options.get("notify")) is not None:
        check_url(url)
    check_budget(study, options.get("budget"))
    keep_weights = options.get("weights") == "best"
    study = check_custom_networks(study, keep_weights=keep_weights)
    return Launch(study=study, output=output, **options)


def check_budget(study: Study, budget: float | None) -> None:
    """Looks whether a run can end in a budget, which else would leave nothing, each time.

    Of a custom network it is not known how long a run takes.

    Raises:
        UserError: None can.
    """
    names = {condition.architecture for condition in study.conditions}
    if budget is None or names.difference(ARCHITECTURES):
        return
    shortest = min(seconds_of_a_run(c.architecture, c.recipe) for c in study.conditions)
    if budget < shortest:
        raise UserError(
            f"a budget of {seconds(budget)} is over before a run can end: the shortest takes about "
            f"{seconds(shortest)}. Give more, or fewer --epochs."
        )


@_python_words()
def _place_and_work(
    study: Study | str,
    output: str | Path | None,
    on: str | None,
    workers: int | None,
    *,
    device: Device,
    **options: Any,  # noqa: ANN401
) -> tuple[Place, Launch]:
    place = choose_place(on, device=device, workers=workers)
    if isinstance(study, str):
        study = look_up("study", study, STUDIES)
    if not isinstance(study, Study):
        raise UserError(
            f"an object of type {type(study).__name__} is no study. Give a Study or a name."
        )
    folder = None if output is None else expand_home(str(output))
    try:
        return place, make_launch(study, output=folder, device=device, **options)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise UserError(
            f"{problem['loc'][0]}: {problem['msg']}, not {problem['input']!r}."
        ) from error


def _run(place: Place, work: Launch, track: Sequence[str]) -> Generator[Event, None, None]:
    """What happens, with outputs as this machine names them; what ends badly is raised."""
    tools, say = [track] if isinstance(track, str) else track, Terminal(stderr=True).say
    with _python_words(), closing(tracked(place.run(work), work.study, tools, say)) as told:
        for event in told:
            if isinstance(event, Refused | BrokeOff):
                raise UserError(event.message)
            yield place.as_seen(event)


def _complaints(ended: Reported) -> list[str]:
    lines = [_in_python(line) for line in (ended.stopped, ended.notice) if line is not None]
    if ended.failed:
        which = some_of(len(ended.failed), ended.trained, "run")
        lines.append(
            f"{which} failed: {ended.failed[0].error}. 'failures' of the results says more."
        )
    return lines
