"""Results as Parquet: what the tables hold, and the folder that they are kept in."""

from mnistcmp.results.location import fresh_place as fresh_place
from mnistcmp.results.location import is_uri as is_uri
from mnistcmp.results.rows import Failed as Failed
from mnistcmp.results.rows import Finished as Finished
from mnistcmp.results.schema import SCHEMA_VERSION as SCHEMA_VERSION
from mnistcmp.results.schema import TABLES as TABLES
from mnistcmp.results.store import ResultsStore as ResultsStore
