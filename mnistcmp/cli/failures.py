"""`mnistcmp failures` and `rerun`: why runs failed, and one run again to look into."""

import traceback
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import FAILED, echo, print_json
from mnistcmp.display.terminal import Terminal
from mnistcmp.errors import UserError, cut, in_short

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mnistcmp.results.store import ResultsStore
    from mnistcmp.study.study import Run, Study
    from mnistcmp.training.result import TrainingResult

MOST_SHOWN = 50
"""Failures that are listed; `--json` has all."""

SAME = 200
"""Characters in which two errors agree that are taken for one."""

RunId = typer.Argument(metavar="RUN", help="A run's id, or the first digits of it.")


def failures(
    results: options.Results,
    run: Annotated[str | None, RunId] = None,
    json: options.Json = False,
) -> None:
    """List the runs that failed last time, and why; of one run all that is known of it."""
    from mnistcmp.report.as_json import dumps
    from mnistcmp.report.numbers import plural
    from mnistcmp.results.store import ResultsStore

    store = ResultsStore(results)
    store.check_exists()
    rows = sorted(store.read("failures").to_pylist(), key=lambda row: row["failed_at"])
    times = store.times_failed()
    rows = [row | {"times": times[row["run_id"]]} for row in rows]
    if run is not None:
        rows = [row for row in rows if row["run_id"].startswith(run.lower())]
        if not rows:
            raise UserError(f"no run that failed in {results} begins with '{run}'. Leave it out.")
    if json:
        print_json(dumps([row | {"failed_at": row["failed_at"].isoformat()} for row in rows]))
    elif not rows:
        echo(f"No run of {results} has failed, or all have been trained since.")
    elif len(rows) == 1:
        (row,) = rows
        echo(f"{row['architecture']} seed {row['seed']}, run {row['run_id']}")
        where = row["host"] or "a lost worker"
        often = plural(row["times"], "time")
        echo(f"failed {row['failed_at']:%Y-%m-%d %H:%M:%S} UTC on {where}; {often} in all")
        echo(f"\n{row['traceback'].rstrip()}")
        echo(f"\nTo see it again, here: mnistcmp rerun {results} {row['run_id']} --pdb")
    else:
        shown = [
            {
                "run": row["run_id"],
                "architecture": row["architecture"],
                "seed": str(row["seed"]),
                "host": row["host"] or "",
                "times": str(row["times"]),
                "error": cut(row["error"]),
            }
            for row in rows[-MOST_SHOWN:]
        ]
        Terminal().show(f"The last {len(shown)} of {len(rows)} runs that failed", shown)


def rerun(
    results: options.Results,
    run: Annotated[str, RunId],
    debug: Annotated[
        bool, typer.Option("--pdb", help="Where it raises, look around with Python's debugger.")
    ] = False,
) -> None:
    """Train one run of a results folder again, here, in this process; nothing is stored.

    It gives the same numbers bit for bit on a like machine, or raises the same error.
    """
    import torch

    from mnistcmp.data.mnist import load_mnist
    from mnistcmp.networks.custom import ANY_ERROR
    from mnistcmp.results.store import ResultsStore
    from mnistcmp.study.sources import verify_launched_source
    from mnistcmp.training.process import one_thread
    from mnistcmp.training.training import train

    store = ResultsStore(results)
    store.check_exists()
    launches = store.launches()
    chosen = _find_run(store, launches, run)
    verify_launched_source(chosen.architecture, launches)
    mnist = load_mnist()
    echo(f"Training {chosen.architecture} seed {chosen.seed}, recipe {chosen.recipe.label}.")
    try:
        with one_thread():
            (result,) = train([chosen], mnist, torch.device("cpu"))
    except UserError:
        raise
    except ANY_ERROR as error:
        traceback.print_exc()
        if debug:
            import pdb  # noqa: T100 - asked for

            pdb.post_mortem(error.__traceback__)
        look = "" if debug else f" To look around there: mnistcmp rerun {results} {run} --pdb"
        echo(f"It raises {_as_stored(store, chosen, in_short(error))}.{look}")
        raise typer.Exit(FAILED) from error
    if result.diverged_epoch is not None:
        echo(f"It diverged in epoch {result.diverged_epoch}.")
    elif result.tested:
        echo(f"Test accuracy {result.test.accuracy:.2%}, best epoch {result.best_epoch}.")
    _compare(store, chosen, result)


def _as_stored(store: "ResultsStore", run: "Run", error: str) -> str:
    """An error beside the one that is stored of a run, in words."""
    rows = store.read("failures", ["run_id", "error"]).to_pylist()
    before = next((row["error"] for row in rows if row["run_id"] == run.run_id), None)
    if before is None:
        return f"{error}; no failure of it is stored"
    if before.rstrip(".")[:SAME] == error[:SAME]:
        return f"the stored error again: {error}"
    return f"{error}, and when it was launched {cut(before)}"


def _find_run(store: "ResultsStore", launches: "Iterable[Study]", wanted: str) -> "Run":
    """The one run of all launches into a folder whose id begins so."""
    runs = {run.run_id: run for study in launches for run in study.runs()}
    found = [run for run_id, run in runs.items() if run_id.startswith(wanted.lower())]
    if len(found) == 1:
        return found[0]
    many = f"{len(found)} runs of {store.location} begin" if found else "no run begins"
    raise UserError(
        f"{many} with '{wanted}'. Give a run's id, as 'mnistcmp failures' or the column run_id of "
        "'runs' has it."
    )


def _compare(store: "ResultsStore", run: "Run", result: "TrainingResult") -> None:
    """Says whether the numbers are those that are stored."""
    columns = ["run_id", "device", "test_loss", "test_accuracy", "best_epoch"]
    rows = [row for row in store.read("runs", columns).to_pylist() if row["run_id"] == run.run_id]
    if not rows:
        echo(
            "There are no numbers of it to compare with, and these are not stored either. "
            f"To store them, launch its study into {store.location} again."
        )
        return
    (row,) = rows
    if result.diverged_epoch is not None:
        return
    best = result.best_epoch
    test = (result.test.loss, result.test.accuracy) if row["test_loss"] is not None else (None,) * 2
    if (*test, best) == (row["test_loss"], row["test_accuracy"], row["best_epoch"]):
        echo("The same numbers as are stored, to the last bit.")
        return
    echo(
        f"Other numbers than are stored (trained on {row['device']}, "
        f"test accuracy {row['test_accuracy']}).",
        err=True,
    )
    raise typer.Exit(FAILED)
