"""Executes docs/first-study.ipynb in an empty folder, and keeps what it printed in it.

python -m tests.support.notebook
"""

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tests.support.commands import without_clusters

NOTEBOOK = Path(__file__).parents[2] / "docs" / "first-study.ipynb"


def executed(folder: Path) -> nbformat.NotebookNode:
    """The notebook with its outputs, of a kernel whose working folder is `folder`."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    environment = {k: value for k, value in without_clusters().items() if k != "MPLBACKEND"}
    return NotebookClient(notebook, timeout=300).execute(cwd=str(folder), env=environment)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as empty:
        nbformat.write(executed(Path(empty)), NOTEBOOK)
    sys.stdout.write(f"{NOTEBOOK} is executed.\n")
