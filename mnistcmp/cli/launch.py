"""`mnistcmp launch`: trains what is missing of a study, and reports."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from mnistcmp.cli import exit_status
from mnistcmp.cli.console import make_console
from mnistcmp.errors import UserError

if TYPE_CHECKING:
    from mnistcmp.study import Study
    from mnistcmp.training import DeviceChoice

EXAMPLES = """
Examples:

  mnistcmp launch --all                          the report's Table I, 50 runs

  mnistcmp launch --all --epochs 1 --seeds 2     a first try, half a minute

  mnistcmp launch --all --recipe reference-code  softmax as in the report's code

  mnistcmp launch -a siamese-shared --seeds 0-4,7 --epochs 20

  mnistcmp launch my-study.toml --dry-run        what a study file would do
"""


def launch(
    study_file: Annotated[
        Path | None,
        typer.Argument(metavar="[STUDY.toml]", help="A study file; else the study is Table I."),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="The whole Table I: five architectures, ten seeds. The default."
        ),
    ] = False,
    architecture: Annotated[
        list[str] | None,
        typer.Option(
            "--architecture",
            "-a",
            help="Only this one; may be given several times. 'mnistcmp architectures' lists them.",
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(help="A count (10 is seeds 0 to 9) or a list (0-4,7). 0 is seed 0 alone."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training pairs.")] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="default, reference-code or report-text, in place of a study file's whole recipe."
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Results folder, or s3://BUCKET/PREFIX. Default: results/STUDY.",
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Train all runs anew, in a new folder beside the old one."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan; train and write nothing.")
    ] = False,
    address: Annotated[
        str | None,
        typer.Option(help="A cluster's dashboard, http://HOST:8265. Default: see above."),
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="On this machine, even where there is a cluster.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Runs at a time on this machine. Default: one per processor."),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="auto takes GPUs where there are any.")
    ] = "auto",
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder for MNIST on this machine. Default: MNISTCMP_DATA_DIR, else the cache."
        ),
    ] = None,
) -> None:
    """Train a study's runs and print the report.

    They are trained on the cluster that --address, MNISTCMP_ADDRESS or Ray's own variables name, or
    that 'make cluster-up' started here; without one, on this machine.

    Runs that the results folder already has are not trained again, so an interrupted launch goes
    on where it stopped.
    """
    from mnistcmp.cli.selection import default_output, select_study
    from mnistcmp.cluster.address import find_cluster

    study = select_study(
        study_file,
        everything=everything,
        architectures=architecture,
        seeds=seeds,
        epochs=epochs,
        recipe=recipe,
    )
    if output is not None and not output.strip():
        raise UserError("--output is empty. Name a folder or s3://BUCKET/PREFIX, or leave it out.")
    if local and address:
        raise UserError("--local and --address cannot go together. Take one of them.")
    console = make_console()
    cluster = None if local else find_cluster(address)
    if cluster is None:
        from mnistcmp.training import resolve_device

        resolve_device(device)
    if dry_run:
        place: str | None = output or default_output(study)
        if cluster is not None:
            place = cluster.place_here(cluster.output_there(output, study.name))
        _print_plan(study, place, console, fresh=fresh)
        return
    if cluster is not None:
        from mnistcmp.cli.remote import launch_on_cluster

        if workers is not None or data_dir is not None:
            option = "--workers" if workers is not None else "--data-dir"
            raise UserError(f"{option} is for this machine; with a cluster, take --local too.")
        status = launch_on_cluster(
            cluster, study, output=output, fresh=fresh, device=device, console=console
        )
    else:
        status = _launch_here(
            study,
            output or default_output(study),
            fresh=fresh,
            device=device,
            data_dir=data_dir,
            workers=workers,
            console=console,
        )
    if status:
        raise typer.Exit(status)


def _launch_here(
    study: "Study",
    output: str,
    *,
    fresh: bool,
    device: "DeviceChoice",
    data_dir: Path | None,
    workers: int | None,
    console: Console,
) -> int:
    """Trains on this machine; the exit status."""
    from mnistcmp.cli.view import LaunchView
    from mnistcmp.cluster.driver import LaunchRequest, run_launch
    from mnistcmp.cluster.session import local_ray
    from mnistcmp.data import data_dir as data_folder
    from mnistcmp.data import load_mnist
    from mnistcmp.results import fresh_place

    request = LaunchRequest(
        study=study, output=fresh_place(output) if fresh else output, device=device
    )
    console.print(f"Study {study.name} on this machine: no cluster is named.", highlight=False)
    with LaunchView(console) as view:
        try:
            run_launch(
                request,
                load_mnist=lambda: load_mnist(data_folder(data_dir)),
                connect=lambda: local_ray(workers),
                tell=view.show,
            )
        except KeyboardInterrupt:
            view.close()
            console.print(
                f"Interrupted. {view.finished} new runs are kept in {request.output}; a launch "
                "into the same folder goes on from there.",
                highlight=False,
                markup=False,
            )
            return exit_status.INTERRUPTED
    return view.status


def _print_plan(study: "Study", output: str | None, console: Console, *, fresh: bool) -> None:
    """What a launch would train, and under which recipe; `output` is None where it is not seen."""
    from mnistcmp.results import ResultsStore, fresh_place
    from mnistcmp.study import describe_seeds

    missing, place = study.runs(), "on the cluster, what it has already is not seen from here"
    if output is not None:
        store = ResultsStore(fresh_place(output) if fresh else output)
        store.check(study)
        missing, place = store.missing(study.runs()), str(store.location)
    table = Table(title=f"Plan of study {study.name}", title_justify="left")
    for header in ("architecture", "seeds", "there already", "to train"):
        table.add_column(header, justify="left" if header == "architecture" else "right")
    for name in study.architectures:
        left = sum(run.architecture == name for run in missing)
        there = len(study.seeds) - left
        table.add_row(name, describe_seeds(study.seeds), str(there), str(left))
    console.print(table)
    fields = study.recipe.model_dump(mode="json").items()
    console.print(f"Recipe {study.recipe.label}: {', '.join(f'{k} {v}' for k, v in fields)}.")
    console.print(
        f"Results folder: {place}. {len(missing)} runs to train. Nothing was done.",
        highlight=False,
        markup=False,
    )
