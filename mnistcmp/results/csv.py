"""Rows as a CSV file."""

from pathlib import Path

import pyarrow as pa
from pyarrow import csv


def write_csv(rows: pa.Table, path: Path) -> None:
    """Writes rows with a header; a null is nothing between two commas, times end in Z.

    Raises:
        OSError: The file cannot be written.
    """
    csv.write_csv(rows, str(path))
