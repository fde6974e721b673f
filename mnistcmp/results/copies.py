"""Rows as one file elsewhere, for other programs."""

from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv


def write_copy(rows: pa.Table, path: Path, form: Literal["csv", "parquet"]) -> None:
    """Writes rows; in CSV a null is nothing between two commas, and times end in Z.

    Raises:
        OSError: The file cannot be written.
    """
    with path.open("wb") as file:
        if form == "csv":
            csv.write_csv(rows, file)
        else:
            pq.write_table(rows, file, compression="zstd")
