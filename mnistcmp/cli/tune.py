"""`mnistcmp tune`: a search over recipe fields, chosen by validation accuracy."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mnistcmp.cli.console import make_console
from mnistcmp.cli.options import DataDir, Device, DryRun, Epochs, Local
from mnistcmp.errors import UserError

EXAMPLES = """
Examples:

  mnistcmp tune                                            the report's six learning rates

  mnistcmp tune --grid "lr=0.001,0.005;batch_size=16,32"   a grid of two fields

  mnistcmp tune --search random --samples 20 --range lr=0.0005:0.05 --grid activation=relu,tanh

  mnistcmp tune --search bayes --samples 20 --range lr=0.0005:0.05 --asha
"""


def tune(
    study_file: Annotated[
        Path | None,
        typer.Argument(metavar="[STUDY.toml]", help="A study of one recipe; else Table I's."),
    ] = None,
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
    architecture: Annotated[
        list[str] | None,
        typer.Option(
            "--architecture",
            "-a",
            help="Only this one; may be given several times. Default: Table I's five.",
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="As for launch. Default: 3, or those of the study file.")
    ] = None,
    epochs: Epochs = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="default, reference-code, report-text or plain, to start from."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Results folder, or s3://BUCKET/PREFIX. Default: results/tune-STUDY.",
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Train all points anew, in a new folder.")
    ] = False,
    dry_run: DryRun = False,
    address: Annotated[
        str | None,
        typer.Option(help="A cluster's dashboard: refused, a search runs here."),
    ] = None,
    local: Local = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Points at a time. Default: one per processor.")
    ] = None,
    device: Device = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Search for a recipe: train points of a grid, random ones, or those that look promising.

    Validation accuracy alone chooses; test pairs are not even loaded into workers. The best
    point's recipe is left as a study file, to be launched and tested.

    Points that the results folder already has are not trained again, so an interrupted search
    goes on where it stopped.
    """
    from mnistcmp.cli.launch import choose_place
    from mnistcmp.cli.search import print_search_plan, show_search
    from mnistcmp.cli.selection import select_studies
    from mnistcmp.cluster.custom import check_custom_networks
    from mnistcmp.cluster.places import ClusterPlace
    from mnistcmp.tune.search import DEFAULT_SEEDS, plan_search

    (study,) = select_studies(
        study_file,
        names=None,
        everything=False,
        architectures=architecture,
        seeds=seeds,
        epochs=epochs,
        recipe=recipe,
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
    place = choose_place(
        address, local=local, device=device, output=output, workers=workers, data_dir=data_dir
    )
    if isinstance(place, ClusterPlace):
        raise UserError(
            f"a search runs on this machine, and {place.cluster.found} names a cluster. Take "
            "--local."
        )
    if dry_run:
        print_search_plan(planned, place.output(planned), make_console())
        return
    if status := show_search(place.run(planned), json=json):
        raise typer.Exit(status)
