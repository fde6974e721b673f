"""`mnistcmp tune`: a search over recipe fields, chosen by validation accuracy."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnistcmp.cli import options
from mnistcmp.cli.durations import seconds_of
from mnistcmp.cli.launch import choose_place
from mnistcmp.display.terminal import Terminal
from mnistcmp.errors import UserError

if TYPE_CHECKING:
    from mnistcmp.cluster.places import Place
    from mnistcmp.tune.search import Search

EXAMPLES = """
Examples:

  mnistcmp tune                                            the report's six learning rates

  mnistcmp tune --grid "lr=0.001,0.005;batch_size=16,32"   a grid of two fields

  mnistcmp tune --search random --samples 20 --range lr=0.0005:0.05 --grid activation=relu,tanh

  mnistcmp tune --search bayes --samples 20 --range lr=0.0005:0.05 --asha

  mnistcmp tune --race --seeds 10                          fewer seeds for what is clearly worse
"""


def tune(
    study_file: options.StudyFile = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE,...",
            help="Values of a recipe's field, of several with ';' between them; may be given "
            "several times. Default: the report's learning rates.",
        ),
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option(
            "--range",
            metavar="FIELD=LOW:HIGH",
            help="Ends of a field that random and bayes draw; may be given several times. By its "
            "logarithm where they are ten times apart.",
        ),
    ] = None,
    search: Annotated[
        Literal["grid", "random", "bayes"],
        typer.Option(help="Every point, random ones, or those that Optuna's TPE expects most of."),
    ] = "grid",
    samples: Annotated[
        int | None, typer.Option(min=1, help="Points of random and bayes. Default: 16.")
    ] = None,
    search_seed: Annotated[
        int, typer.Option(min=0, help="Of random and bayes: the same seed draws the same points.")
    ] = 0,
    asha: Annotated[
        bool, typer.Option("--asha", help="Stop points early that fall behind the others (ASHA).")
    ] = False,
    race: Annotated[
        bool,
        typer.Option(
            "--race",
            help="Add seeds a few at a time, and none to points that are clearly worse than the "
            "best, seed by seed. Default of --seeds: 10.",
        ),
    ] = False,
    architecture: options.Architectures = None,
    seeds: options.Seeds = None,
    epochs: options.Epochs = None,
    recipe: options.RecipeName = None,
    output: options.Output = None,
    fresh: options.Fresh = False,
    dry_run: options.DryRun = False,
    address: options.Address = None,
    local: options.Local = False,
    workers: options.Workers = None,
    device: options.Device = "auto",
    detach: options.Detach = False,
    budget: options.Budget = None,
    json: options.Json = False,
) -> None:
    """Search for a recipe: train points of a grid, random ones, or those that look promising.

    The study is one of one recipe; each point is trained with three seeds unless the study file or
    --seeds say otherwise. It runs where a launch does: on the cluster that is named or up (see
    --address), else on this machine.

    Validation accuracy alone chooses; test pairs are not even loaded into workers. The best
    point's recipe is left as a study file, to be launched and tested.

    Runs that the results folder already has are not trained again, so an interrupted search
    goes on where it stopped.
    """
    from mnistcmp.api.launching import check_budget
    from mnistcmp.cli.selection import select_studies
    from mnistcmp.cli.view import View
    from mnistcmp.cluster.custom import check_custom_networks
    from mnistcmp.tune.search import DEFAULT_SEEDS, plan_search

    if asha and race:
        raise UserError("--asha and --race are two rules to stop points by. Take one of them.")
    (study,) = select_studies(
        study_file, architectures=architecture, seeds=seeds, epochs=epochs, recipe=recipe
    )
    planned = plan_search(
        check_custom_networks(study),
        seeds=DEFAULT_SEEDS if seeds is None and study_file is None and not race else None,
        grids=grid or (),
        ranges=ranges or (),
        method=search,
        samples=samples,
        seed=search_seed,
        rule="asha" if asha else "race" if race else "none",
        output=output,
        fresh=fresh,
        device=device,
        budget=None if budget is None else seconds_of(budget, option="--budget"),
    )
    points = planned.points()
    check_budget(planned.study_of(points) if points else planned.study, planned.budget)
    place = choose_place(address, local, device, workers, detach=detach)
    view = View(place, json="report" if json else None)
    if dry_run:
        _print_plan(planned, place, view.terminal)
    elif status := view.follow(place.run(planned), detach=detach):
        raise typer.Exit(status)


def _print_plan(search: "Search", place: "Place", terminal: Terminal) -> None:
    """The points, or the space that they are looked for in, and what is there already."""
    from mnistcmp.results.store import ResultsStore
    from mnistcmp.study.seeds import describe_seeds
    from mnistcmp.tune.folder import SearchFolder
    from mnistcmp.tune.space import in_short

    output = place.output(search)
    here = (output.fresh() if search.fresh else output).here
    where, points = "on the cluster, what it has already is not seen from here", search.points()
    rows = [{"field": in_short(d.field), "values": d.describe()} for d in search.dimensions]
    if here is None:
        rows = [{"point": point.name} for point in points] or rows
    else:
        folder = SearchFolder(search, ResultsStore(here))
        folder.check(points)
        where, settled = str(folder.store.location), folder.settled
        there = [(folder.named(point).name, settled.get(point.recipe)) for point in points]
        rows = [
            {"point": name, "there already": known.state if known else "no"}
            for name, known in there
        ] or rows
    terminal.show(f"Plan of search {search.name}", rows)
    names = search.study.architectures
    terminal.say(
        f"{search.size} points, each of {len(names)} architectures with the seeds "
        f"{describe_seeds(search.seeds)}: {search.size * len(names) * len(search.seeds)} runs"
        f"{'' if search.rule == 'none' else ', at most'}. Results folder: {where}. Nothing was "
        "done."
    )
