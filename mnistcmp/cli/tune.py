"""`mnistcmp tune`: a search over recipe fields, chosen by validation accuracy."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnistcmp.cli import options
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
    json: options.Json = False,
) -> None:
    """Search for a recipe: train points of a grid, random ones, or those that look promising.

    The study is one of one recipe; each point is trained with three seeds unless the study file or
    --seeds say otherwise. A search runs on this machine.

    Validation accuracy alone chooses; test pairs are not even loaded into workers. The best
    point's recipe is left as a study file, to be launched and tested.

    Points that the results folder already has are not trained again, so an interrupted search
    goes on where it stopped.
    """
    from mnistcmp.cli.selection import select_studies
    from mnistcmp.cli.view import SearchView
    from mnistcmp.cluster.custom import check_custom_networks
    from mnistcmp.cluster.places import ClusterPlace
    from mnistcmp.tune.search import DEFAULT_SEEDS, plan_search

    (study,) = select_studies(
        study_file, architectures=architecture, seeds=seeds, epochs=epochs, recipe=recipe
    )
    planned = plan_search(
        check_custom_networks(study),
        seeds=DEFAULT_SEEDS if seeds is None and study_file is None else None,
        grids=grid or (),
        ranges=ranges or (),
        method=search,
        samples=samples,
        seed=search_seed,
        stops_early=asha,
        output=output,
        fresh=fresh,
        device=device,
    )
    place = choose_place(address, local, device, workers)
    if isinstance(place, ClusterPlace):
        raise UserError(
            f"a search runs on this machine, and {place.cluster.found} names a cluster. Take "
            "--local."
        )
    if dry_run:
        _print_plan(planned, place, Terminal(stderr=json))
    elif status := SearchView(place, json=json).follow(place.run(planned)):
        raise typer.Exit(status)


def _print_plan(search: "Search", place: "Place", terminal: Terminal) -> None:
    """The points, or the space that they are looked for in, and what is there already."""
    from mnistcmp.results.store import ResultsStore
    from mnistcmp.study.seeds import describe_seeds
    from mnistcmp.tune.folder import SearchFolder
    from mnistcmp.tune.space import in_short

    output = place.output(search)
    store = ResultsStore((output.fresh() if search.fresh else output).there)
    folder = SearchFolder(search, store)
    points = search.points()
    folder.check(points)
    rows = [{"field": in_short(d.field), "values": d.describe()} for d in search.dimensions]
    if points:
        there = [folder.settled.get(point.recipe) for point in points]
        rows = [
            {"point": folder.named(point).name, "there already": known.state if known else "no"}
            for point, known in zip(points, there, strict=True)
        ]
    terminal.show(f"Plan of search {search.name}", rows)
    names = search.study.architectures
    terminal.say(
        f"{search.size} points, each of {len(names)} architectures with the seeds "
        f"{describe_seeds(search.seeds)}: {search.size * len(names) * len(search.seeds)} runs. "
        f"Results folder: {store.location}. Nothing was done."
    )
