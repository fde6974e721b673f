"""Rows as one file elsewhere, for other programs: CSV, or Parquet."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv


def write_csv(rows: pa.Table, path: Path) -> None:
    """Writes rows with a header; a null is nothing between two commas, times end in Z.

    Raises:
        OSError: The file cannot be written.
    """
    with path.open("wb") as file:
        csv.write_csv(rows, file)


def write_parquet(rows: pa.Table, path: Path) -> None:
    """Writes rows as one Parquet file.

    Raises:
        OSError: The file cannot be written.
    """
    with path.open("wb") as file:
        pq.write_table(rows, file, compression="zstd")
