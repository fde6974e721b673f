"""Runs as TensorBoard's event files."""

import threading
from pathlib import Path

from mnistcmp.export.runs import BEST, Exported, FinishedRun, finished_runs
from mnistcmp.files import whole_file
from mnistcmp.results.store import ResultsStore


def export_tensorboard(store: ResultsStore, folder: Path) -> Exported:
    """Writes a folder for each finished run; one that is there already is left as it is.

    Raises:
        UserError: TensorBoard is not installed, there are no results, or the folder cannot be
            written.
    """
    new = kept = 0
    for run in finished_runs(store, "tensorboard", "tensorboard"):
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
    # What its thread fails at is raised here again, and need not be printed there.
    printing, threading.excepthook = threading.excepthook, lambda _: None
    try:
        with SummaryWriter(str(folder)) as writer:
            for name in BEST:
                of, score = name.split("_")
                for epoch, value in enumerate(run.epochs[name], start=1):
                    writer.add_scalar(f"{score}/{of}", value, epoch, walltime=finished)
            # The dot: into the run's own folder, not into one below.
            writer.add_hparams(run.parameters, run.metrics, run_name=".")
    finally:
        threading.excepthook = printing
