"""Options and arguments that several commands have."""

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from mnistcmp.errors import UserError

Address = Annotated[
    str | None,
    typer.Option(
        help="A cluster's dashboard, http://HOST:8265. Default: the one that MNISTCMP_ADDRESS or "
        "Ray's own variables name, or that 'make cluster-up' started here."
    ),
]
Architectures = Annotated[
    list[str] | None,
    typer.Option(
        "--architecture",
        "-a",
        help="Only this one; may be given several times. 'mnistcmp architectures' lists them; "
        "PACKAGE.MODULE:NAME is a network of your own.",
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION",
        help="Begin nothing more after so long, as 90s, 30m or 1h30m; what is in training then "
        "ends.",
    ),
]
Detach = Annotated[
    bool,
    typer.Option(
        "--detach", help="Submit to the cluster and come back; 'mnistcmp attach' follows."
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option(help="auto takes GPUs where there are any.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan; train and write nothing.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training pairs.")]
Folder = Annotated[Path, typer.Option("--output", "-o", help="Folder for the files.")]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Train all anew, in a new folder beside the old one.")
]
IntervalsOption = Annotated[
    Literal["student", "bca"],
    typer.Option(help="Student's t, or the bootstrap: bias-corrected and accelerated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, numbers unrounded.")]
JsonLines = Annotated[
    bool,
    typer.Option(
        "--json-lines", help="Print what happens as one JSON object per line, for scripts."
    ),
]
Local = Annotated[
    bool, typer.Option("--local", help="On this machine, even where there is a cluster.")
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="Results folder, or s3://BUCKET/PREFIX; of several studies, the folder that gets one "
        "for each. Default: results/STUDY, of a search results/tune-STUDY.",
    ),
]
RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        help="default, reference-code, report-text or plain, in place of a study's recipe; in a "
        "study of several, the first three say where softmax stands in each.",
    ),
]
Results = Annotated[
    str, typer.Argument(help="Results folder or URI, as 'mnistcmp launch' named it.")
]
Seeds = Annotated[
    str | None,
    typer.Option(help="A count (10 is seeds 0 to 9) or a list (0-4,7). 0 is seed 0 alone."),
]
StudyFile = Annotated[
    Path | None,
    typer.Argument(metavar="[STUDY.toml]", help="A study file; else the study is Table I."),
]
Within = Annotated[
    float | None,
    typer.Option(
        metavar="POINTS",
        help="Test too whether each difference is smaller than that (two one-sided t tests).",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Runs at a time here. Default: one per processor."),
]


def check_points(option: str, points: float, *, example: str) -> None:
    """Looks whether an option's points are above 0.

    Raises:
        UserError: They are not, or without end.
    """
    if not 0 < points < math.inf:
        raise UserError(f"{option} {points:g}: expected points above 0, as in {example}.")
