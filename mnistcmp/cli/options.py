"""Options that several commands have."""

from pathlib import Path
from typing import Annotated, Literal

import typer

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder for MNIST. Default: MNISTCMP_DATA_DIR, else the user's cache."),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option(help="auto takes GPUs where there are any.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan; train and write nothing.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training pairs.")]
JsonLines = Annotated[
    bool,
    typer.Option(
        "--json-lines", help="Print what happens as one JSON object per line, for scripts."
    ),
]
Local = Annotated[
    bool, typer.Option("--local", help="On this machine, even where there is a cluster.")
]
