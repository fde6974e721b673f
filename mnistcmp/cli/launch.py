"""`mnistcmp launch`: trains what is missing of a study, and reports."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnistcmp.cli import exit_status
from mnistcmp.cli.console import make_console
from mnistcmp.cli.options import DataDir, Device, DryRun, Epochs, JsonLines, Local
from mnistcmp.errors import UserError

if TYPE_CHECKING:
    from mnistcmp.cluster.launch import Launch
    from mnistcmp.cluster.places import Place
    from mnistcmp.training.device import DeviceChoice

EXAMPLES = """
Examples:

  mnistcmp launch --all                          the report's Table I, 50 runs

  mnistcmp launch --all --epochs 1 --seeds 2     a first try, half a minute

  mnistcmp launch --all --recipe reference-code  softmax as in the report's code

  mnistcmp launch -a baseline --recipe plain     the baseline without dropout and batch norm

  mnistcmp launch -a siamese-shared --seeds 0-4,7 --epochs 20

  mnistcmp launch -a mypackage.nets:MyNet        your own network, beside Table I's in its folder

  mnistcmp launch --study activation             a named study; 'mnistcmp studies' lists them

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
    architecture: Annotated[
        list[str] | None,
        typer.Option(
            "--architecture",
            "-a",
            help="Only this one; may be given several times. 'mnistcmp architectures' lists them; "
            "PACKAGE.MODULE:NAME is a network of your own.",
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(help="A count (10 is seeds 0 to 9) or a list (0-4,7). 0 is seed 0 alone."),
    ] = None,
    epochs: Epochs = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="default, reference-code, report-text or plain, in place of a study's recipe; in "
            "a study of several, the first three say where softmax stands in each."
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Results folder, or s3://BUCKET/PREFIX; of several studies, the folder that gets "
            "one for each. Default: results/STUDY.",
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Train all runs anew, in a new folder beside the old one."),
    ] = False,
    dry_run: DryRun = False,
    address: Annotated[
        str | None,
        typer.Option(help="A cluster's dashboard, http://HOST:8265. Default: see above."),
    ] = None,
    local: Local = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Runs at a time on this machine. Default: one per processor."),
    ] = None,
    device: Device = "auto",
    weights: Annotated[
        Literal["best", "none"],
        typer.Option(
            help="best keeps the tested weights of each run trained (0.3 to 0.6 MB), for "
            "'mnistcmp predict'."
        ),
    ] = "none",
    json_lines: JsonLines = False,
    data_dir: DataDir = None,
) -> None:
    """Train a study's runs and print the report.

    They are trained on the cluster that --address, MNISTCMP_ADDRESS or Ray's own variables name, or
    that 'make cluster-up' started here; without one, on this machine.

    Runs that the results folder already has are not trained again, so an interrupted launch goes
    on where it stopped.
    """
    from mnistcmp.cli.selection import select_studies
    from mnistcmp.cluster.custom import check_custom_networks
    from mnistcmp.cluster.launch import Launch

    studies = select_studies(
        study_file,
        names=study,
        everything=everything,
        architectures=architecture,
        seeds=seeds,
        epochs=epochs,
        recipe=recipe,
    )
    place = choose_place(
        address, local=local, device=device, output=output, workers=workers, data_dir=data_dir
    )
    launches = [
        Launch(
            study=check_custom_networks(chosen),
            output=f"{output.rstrip('/')}/{chosen.name}" if output and len(studies) > 1 else output,
            fresh=fresh,
            device=device,
            weights=weights,
        )
        for chosen in studies
    ]
    if dry_run:
        from mnistcmp.cli.dry_run import print_plan

        for each in launches:
            print_plan(each, place.output(each), make_console(stderr=json_lines))
        return
    if status := _launch_each(launches, place, json_lines=json_lines, data_dir=data_dir):
        raise typer.Exit(status)


def choose_place(
    address: str | None,
    *,
    local: bool,
    device: "DeviceChoice",
    output: str | None,
    workers: int | None,
    data_dir: Path | None,
) -> "Place":
    """The cluster that is named or up, else this machine.

    Raises:
        UserError: Options contradict each other, or ask for what is not there.
    """
    from mnistcmp.cluster.address import find_cluster
    from mnistcmp.cluster.places import ClusterPlace, LocalPlace

    if output is not None and not output.strip():
        raise UserError("--output is empty. Name a folder or s3://BUCKET/PREFIX, or leave it out.")
    if local and address:
        raise UserError("--local and --address cannot go together. Take one of them.")
    cluster = None if local else find_cluster(address)
    if cluster is None:
        from mnistcmp.training.device import resolve_device

        resolve_device(device)
        return LocalPlace(workers=workers, data_dir=data_dir)
    if workers is not None or data_dir is not None:
        option = "--workers" if workers is not None else "--data-dir"
        raise UserError(f"{option} is for this machine; with a cluster, take --local too.")
    return ClusterPlace(cluster)


def _launch_each(
    launches: list["Launch"], place: "Place", *, json_lines: bool, data_dir: Path | None
) -> int:
    """One launch after the other, until one is interrupted; the worst exit status."""
    from mnistcmp.cli.view import LaunchView
    from mnistcmp.cluster.places import LocalPlace

    status = 0
    for number, launch in enumerate(launches, start=1):
        view = LaunchView(place, json_lines=json_lines, data_dir=data_dir)
        if isinstance(place, LocalPlace):
            view.say(f"Study {launch.name} on this machine: no cluster is named.")
        status = max(status, view.follow(place.run(launch)))
        if status == exit_status.INTERRUPTED:
            if left := ", ".join(launch.name for launch in launches[number:]):
                view.say(f"Not started: {left}.")
            break
    return status
