"""`mnistcmp launch`: trains what is missing of a study, and reports."""

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from mnistcmp.cli.console import make_console

if TYPE_CHECKING:
    from mnistcmp.cluster import Resources
    from mnistcmp.data import Mnist
    from mnistcmp.results import Failed, ResultsStore
    from mnistcmp.study import Run, Study
    from mnistcmp.training import DeviceChoice

EXIT_RUNS_FAILED = 1
EXIT_INTERRUPTED = 130

EXAMPLES = """
Examples:

  mnistcmp launch --all                          the report's Table I, 50 runs

  mnistcmp launch --all --recipe reference-code  the same, softmax as in the report's code

  mnistcmp launch -a siamese-shared --seeds 0-4,7 --epochs 20

  mnistcmp launch my-study.toml --dry-run        what a study file would do
"""


def launch(
    study_file: Annotated[
        Path | None,
        typer.Argument(metavar="[STUDY.toml]", help="A study file; else the study is Table I."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The whole Table I: five architectures, ten seeds.")
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
        str | None, typer.Option(help="default, reference-code or report-text (see the README).")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Results folder. Default: results/STUDY."),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Train all runs anew, in a new folder beside the old one."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan; train and write nothing.")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="On this machine, whatever RAY_ADDRESS says.")
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
        typer.Option(help="Folder for MNIST. Default: MNISTCMP_DATA_DIR, else the user's cache."),
    ] = None,
) -> None:
    """Train a study's runs and print the report.

    Runs that the results folder already has are not trained again, so an interrupted launch goes
    on where it stopped.
    """
    from mnistcmp.cli.selection import default_output, fresh_folder, select_study
    from mnistcmp.cluster import existing_ray, local_ray
    from mnistcmp.data import data_dir as data_folder
    from mnistcmp.data import load_mnist
    from mnistcmp.report import build_report, print_report
    from mnistcmp.results import ResultsStore
    from mnistcmp.training import resolve_device

    console = make_console()
    study = select_study(
        study_file,
        everything=everything,
        architectures=architecture,
        seeds=seeds,
        epochs=epochs,
        recipe=recipe,
    )
    folder = output or default_output(study)
    store = ResultsStore(fresh_folder(folder) if fresh else folder)
    store.check(study)
    missing = store.missing(study.runs())
    if dry_run:
        _print_plan(study, missing, store, console)
        return
    if not missing:
        console.print(f"All {len(study.runs())} runs are in {store.folder} already.")
        print_report(build_report(store), console)
        return
    address = None if local else os.environ.get("RAY_ADDRESS")
    if address is None:
        resolve_device(device)
    mnist = load_mnist(data_folder(data_dir))
    failed = _train(
        study,
        missing,
        store,
        mnist,
        ray=existing_ray(address) if address else local_ray(workers),
        device=device,
        console=console,
    )
    if store.finished_run_ids():
        print_report(build_report(store), console)
    if failed:
        console.print(
            f"{len(failed)} of {len(missing)} runs failed; their errors are in "
            f"{store.folder / 'failures'}. The same command tries them again:",
            style="red",
        )
        for failure in failed:
            line = f"  {failure.run.architecture} seed {failure.run.seed}: {failure.error}"
            console.print(line, style="red", markup=False)
        raise typer.Exit(EXIT_RUNS_FAILED)


def _train(
    study: "Study",
    missing: tuple["Run", ...],
    store: "ResultsStore",
    mnist: "Mnist",
    *,
    ray: AbstractContextManager["Resources"],
    device: "DeviceChoice",
    console: Console,
) -> list["Failed"]:
    """Trains the missing runs and returns those that failed."""
    from mnistcmp.cli.progress import progress_display
    from mnistcmp.cluster import choose_device, run_study

    planned = len(study.runs())
    kept = f", {planned - len(missing)} are there already" if planned > len(missing) else ""
    console.print(f"Study {study.name}: {len(missing)} runs to train{kept}. Starting Ray ...")
    try:
        with ray as resources:
            chosen = choose_device(device, resources)
            store.prepare(study)
            console.print(
                f"Training on {resources.place}: {resources.cpus} CPUs, {resources.gpus} GPUs, "
                f"device {chosen}. Results go to {store.folder}."
            )
            with progress_display(console) as on_progress:
                return run_study(
                    study,
                    missing,
                    store,
                    mnist,
                    device=chosen,
                    resources=resources,
                    on_progress=on_progress,
                ).failed
    except KeyboardInterrupt:
        left = len(store.missing(missing))
        console.print(
            f"Interrupted: {len(missing) - left} new runs are kept in {store.folder}, "
            f"{left} are left. The same command goes on from there."
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _print_plan(
    study: "Study", missing: tuple["Run", ...], store: "ResultsStore", console: Console
) -> None:
    """What a launch would train, and under which recipe."""
    from mnistcmp.study import format_seeds

    table = Table(title=f"Plan of study {study.name}", title_justify="left")
    for header in ("architecture", "seeds", "there already", "to train"):
        table.add_column(header, justify="left" if header == "architecture" else "right")
    for name in study.architectures:
        left = sum(run.architecture == name for run in missing)
        there = len(study.seeds) - left
        table.add_row(name, format_seeds(study.seeds), str(there), str(left))
    console.print(table)
    fields = study.recipe.model_dump(mode="json").items()
    console.print(f"Recipe {study.recipe.label}: {', '.join(f'{k} {v}' for k, v in fields)}.")
    console.print(
        f"Results folder: {store.folder}. {len(missing)} runs to train. Nothing was done."
    )
