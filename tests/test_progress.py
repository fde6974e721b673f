"""The progress display."""

import io

import pytest
from rich.console import Console

from mnistcmp.cli.progress import ProgressDisplay
from mnistcmp.cluster.events import Ended, Progress


@pytest.mark.parametrize("width", [80, 120])
def test_progress_fits_the_terminal(width: int) -> None:
    """Every number of it, on as many lines as it takes."""
    text = io.StringIO()
    display = ProgressDisplay(Console(file=text, force_terminal=True, width=width))
    display.update(
        Progress(
            total=50,
            slots=2,
            finished=12,
            failed=1,
            elapsed=60,
            best=Ended(architecture="siamese-shared-aux", seed=0, accuracy=0.978),
            latest=Ended(architecture="baseline", seed=3, error="OSError: no [/dev/shm/x]"),
        )
    )
    display.close()
    for shown in (
        "13/50 runs, 2 running, 1 failed",
        "left 0:02:51",
        "latest baseline seed 3 failed: OSError: no [/dev/shm/x]",
        "best siamese-shared-aux seed 0 97.8%",
    ):
        assert shown in text.getvalue()
