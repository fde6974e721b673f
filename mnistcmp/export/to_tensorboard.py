"""Runs as TensorBoard's event files."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnistcmp.export.runs import BEST, Exported, FinishedRun, finished_runs, import_extra
from mnistcmp.files import whole_file
from mnistcmp.results.store import ResultsStore


def export_tensorboard(store: ResultsStore, folder: Path) -> Exported:
    """Writes a folder for each finished run; one that is there already is left as it is.

    Raises:
        UserError: TensorBoard is not installed, there are no results, or the folder cannot be
            written.
    """
    import_extra("tensorboard", "tensorboard", needed_by="mnistcmp export tensorboard")
    new = kept = 0
    for run in finished_runs(store):
        target = folder / run.row["study"] / run.name
        if target.exists():
            kept += 1
            continue
        with whole_file(target, "the run") as whole:
            _write(run, whole)
        new += 1
    return Exported(place=str(folder), new=new, kept=kept)


def _write(run: FinishedRun, folder: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra, and torch

    finished = run.row["finished_at"].timestamp()
    with quiet_writers(), SummaryWriter(str(folder)) as writer:
        for name in BEST:
            for epoch, value in enumerate(run.epochs[name], start=1):
                writer.add_scalar(tag_of(name), value, epoch, walltime=finished)
        # The dot: into the run's own folder, not into one below.
        writer.add_hparams(run.parameters, run.metrics, run_name=".")


def tag_of(name: str) -> str:
    """What a column of `epochs` is called, so that charts of one score stand together."""
    of, score = name.split("_")
    return f"{score}/{of}"


@contextmanager
def quiet_writers() -> Iterator[None]:
    """Keeps the threads of writers from printing what they fail at, which is raised here again."""
    printing = threading.excepthook

    def print_others(failed: threading.ExceptHookArgs) -> None:
        if not type(failed.thread).__module__.startswith("tensorboard."):
            printing(failed)

    threading.excepthook = print_others
    try:
        yield
    finally:
        threading.excepthook = printing
