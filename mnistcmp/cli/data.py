"""`mnistcmp data`: MNIST, verified and looked at."""

from pathlib import Path
from typing import Annotated

import typer

from mnistcmp.cli.console import echo
from mnistcmp.files import whole_file


def verify() -> None:
    """Check the four MNIST files against their checksums."""
    from mnistcmp.data.mnist import MD5, read_verified

    for name, checksum in MD5.items():
        read_verified(name)
        echo(f"{name}  MD5 {checksum}  ok")


def sheet(
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write.")] = Path(
        "pairs.png"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Whose test pairs to show.")] = 0,
) -> None:
    """Draw a sheet of a seed's test pairs as PNG, with their digits and labels."""
    from mnistcmp.data.mnist import load_mnist
    from mnistcmp.report.figures.sheet import save_sheet

    mnist = load_mnist()
    with whole_file(output, "the picture") as file:
        save_sheet(mnist, file, seed=seed)
    echo(f"Test pairs of seed {seed} are in {output}")
