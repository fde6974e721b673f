"""`mnistcmp launch`: trains what is missing of a study, and reports."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import INTERRUPTED
from mnistcmp.cli.durations import seconds_of
from mnistcmp.display.terminal import Terminal
from mnistcmp.errors import UserError

if TYPE_CHECKING:
    from mnistcmp.cluster.launch import Launch
    from mnistcmp.cluster.places import Place
    from mnistcmp.training.device import DeviceChoice

EXAMPLES = """
Examples:

  mnistcmp launch --all                          the report's Table I, 50 runs

  mnistcmp launch --all --epochs 1 --seeds 2     a first try, half a minute

  mnistcmp launch -a baseline --recipe plain     the baseline without dropout and batch norm

  mnistcmp launch -a mypackage.nets:MyNet        your own network, beside Table I's in its folder

  mnistcmp launch --all --until-clear 1          seeds until all is clear, or within a point

  mnistcmp launch my-study.toml --dry-run        what a study file would do
"""


def launch(
    study_file: options.StudyFile = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="The whole Table I: five architectures, ten seeds. The default."
        ),
    ] = False,
    study: Annotated[
        list[str] | None,
        typer.Option(
            "--study",
            "-s",
            metavar="NAME",
            help="A named study, or all of them, one after the other; may be given several times. "
            "'mnistcmp studies' lists them.",
        ),
    ] = None,
    architecture: options.Architectures = None,
    seeds: options.Seeds = None,
    epochs: options.Epochs = None,
    recipe: options.RecipeName = None,
    until_clear: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            help="Add seeds, a few at a time, until each comparison is clear or shown to be "
            "smaller than that.",
        ),
    ] = None,
    max_seeds: Annotated[
        int | None,
        typer.Option(metavar="N", help="Seeds that --until-clear adds at most. Default: 40."),
    ] = None,
    output: options.Output = None,
    fresh: options.Fresh = False,
    dry_run: options.DryRun = False,
    address: options.Address = None,
    local: options.Local = False,
    workers: options.Workers = None,
    device: options.Device = "auto",
    weights: Annotated[
        Literal["best", "none"],
        typer.Option(
            help="best keeps the tested weights of each run trained (0.3 to 0.6 MB), for "
            "'mnistcmp predict'."
        ),
    ] = "none",
    detach: options.Detach = False,
    run_timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.001,
            help="End a run that takes longer, or runs that are trained together so many times as "
            "long, and go on. Default: see docs/custom-network.md.",
        ),
    ] = None,
    max_failures: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Train no more once so many runs have failed."),
    ] = None,
    budget: options.Budget = None,
    show: Annotated[
        bool,
        typer.Option("--open", help="Open the page that follows the launch ('mnistcmp watch')."),
    ] = False,
    notify: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Post the answer there as JSON when the launch ends. A cluster's dashboard shows "
            "the URL.",
        ),
    ] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(
            metavar="mlflow|tensorboard",
            help="Show the runs there while they train; may be given twice. mlflow goes to "
            "MLFLOW_TRACKING_URI, else sqlite:///mlflow.db; tensorboard to a folder of that name.",
        ),
    ] = None,
    json_lines: options.JsonLines = False,
) -> None:
    """Train a study's runs and print the report.

    They are trained on the cluster that is named or up (see --address), else on this machine.

    Runs that the results folder already has are not trained again, so an interrupted launch goes
    on where it stopped.
    """
    from mnistcmp.api.launching import make_launch
    from mnistcmp.cli.selection import select_studies

    studies = select_studies(
        study_file,
        names=study,
        everything=everything,
        architectures=architecture,
        seeds=seeds,
        epochs=epochs,
        recipe=recipe,
        until_clear=until_clear,
        most_seeds=max_seeds,
    )
    place = choose_place(address, local, device, workers, detach=detach)
    if detach and track:
        raise UserError("--track follows a launch and --detach leaves it. Take one of them.")
    if detach and show:
        raise UserError(
            "--open shows what is followed, and --detach follows nothing. Take one of them; "
            "'mnistcmp watch RESULTS' opens the page at any time."
        )
    launches = [
        make_launch(
            chosen,
            output=f"{output.rstrip('/')}/{chosen.name}" if output and len(studies) > 1 else output,
            fresh=fresh,
            device=device,
            weights=weights,
            run_timeout=run_timeout,
            max_failures=max_failures,
            budget=None if budget is None else seconds_of(budget, option="--budget"),
            notify=notify,
        )
        for chosen in studies
    ]
    if dry_run:
        for each in launches:
            _print_plan(each, place, Terminal(stderr=json_lines))
    elif status := _launch_each(
        launches, place, json=json_lines, detach=detach, show=show, track=track or []
    ):
        raise typer.Exit(status)


def choose_place(
    address: str | None,
    local: bool,
    device: "DeviceChoice",
    workers: int | None,
    *,
    detach: bool = False,
) -> "Place":
    """The cluster that is named or up, else this machine.

    Raises:
        UserError: Options contradict each other, or ask for what is not there.
    """
    from mnistcmp.api.launching import HERE
    from mnistcmp.api.launching import choose_place as choose
    from mnistcmp.cluster.places import LocalPlace

    if local and address:
        raise UserError("--local and --address cannot go together. Take one of them.")
    place = choose(HERE if local else address, device=device, workers=workers)
    if detach and isinstance(place, LocalPlace):
        raise UserError(
            "--detach submits to a cluster, and none is named or up. Name one with --address, or "
            "start one here: make cluster-up."
        )
    return place


def _print_plan(launch: "Launch", place: "Place", terminal: Terminal) -> None:
    """What a launch would train, and under which recipe."""
    from mnistcmp.report.numbers import plural
    from mnistcmp.results.store import ResultsStore
    from mnistcmp.study.seeds import describe_seeds

    study, output = launch.study, place.output(launch)
    missing, where = study.runs(), "on the cluster, what it has already is not seen from here"
    if launch.fresh:
        output = output.fresh()
    if output.here is not None:
        store = ResultsStore(output.here)
        store.check(study)
        missing, where = store.missing(study.runs()), str(store.location)
    lefts = Counter((run.architecture, run.recipe) for run in missing)
    rows = []
    for condition in study.conditions:
        left = lefts[condition.architecture, condition.recipe]
        cells = {
            "condition": condition.name,
            "seeds": describe_seeds(study.seeds),
            "there already": str(len(study.seeds) - left),
            "to train": str(left) if study.until_clear is None else f"at most {left}",
        }
        rows.append(cells)
    terminal.show(f"Plan of study {study.name}", rows)
    for name, recipe in {c.recipe_name: c.recipe for c in study.conditions}.items():
        fields = recipe.model_dump(mode="json").items()
        terminal.say(f"Recipe {name}: {', '.join(f'{k} {v}' for k, v in fields)}.")
    at_most = "" if study.until_clear is None else ", at most"
    terminal.say(
        f"Results folder: {where}. {plural(len(missing), 'run')} to train{at_most}. "
        "Nothing was done."
    )


def _launch_each(
    launches: list["Launch"],
    place: "Place",
    *,
    json: bool,
    detach: bool,
    show: bool,
    track: Sequence[str],
) -> int:
    """One launch after the other, until one is interrupted; the worst exit status.

    With `detach`, the next one is submitted as soon as one is, and they share the cluster.
    """
    from mnistcmp.cli.view import View
    from mnistcmp.cluster.places import LocalPlace
    from mnistcmp.cluster.tracking import tracked

    status = 0
    for number, launch in enumerate(launches, start=1):
        view = View(place, json="lines" if json else None, opens=show)
        if isinstance(place, LocalPlace):
            view.say(f"Study {launch.name} on this machine: no cluster is named.")
        events = tracked(place.run(launch), launch.study, track, view.say)
        status = max(status, view.follow(events, detach=detach))
        if status == INTERRUPTED:
            if left := ", ".join(launch.name for launch in launches[number:]):
                view.say(f"Not started: {left}.")
            break
    return status
