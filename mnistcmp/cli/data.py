"""`mnistcmp data`: MNIST, verified and looked at."""

from pathlib import Path
from typing import Annotated

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import echo
from mnistcmp.files import whole_file


def verify(data_dir: options.DataDir = None) -> None:
    """Check the four MNIST files against their checksums, unpacking them where missing."""
    from mnistcmp.data.cache import MD5, ensure_mnist
    from mnistcmp.data.cache import data_dir as data_folder

    raw = ensure_mnist(data_folder(data_dir))
    for name, checksum in MD5.items():
        echo(f"{name}  MD5 {checksum}  ok")
    echo(f"MNIST is complete in {raw}")


def sheet(
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write.")] = Path(
        "pairs.png"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Whose test pairs to show.")] = 0,
    data_dir: options.DataDir = None,
) -> None:
    """Draw a sheet of a seed's test pairs as PNG, with their digits and labels."""
    from mnistcmp.data.cache import data_dir as data_folder
    from mnistcmp.data.mnist import load_mnist
    from mnistcmp.report.figures.sheet import save_sheet

    mnist = load_mnist(data_folder(data_dir))
    with whole_file(output, "the picture") as file:
        save_sheet(mnist, file, seed=seed)
    echo(f"Test pairs of seed {seed} are in {output}")
