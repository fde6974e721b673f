"""Results as Parquet: what the tables hold, and the folder that they are kept in."""

from mnistcmp.results.compaction import Compacted as Compacted
from mnistcmp.results.compaction import compact as compact
from mnistcmp.results.csv import write_csv as write_csv
from mnistcmp.results.details import WantedRuns as WantedRuns
from mnistcmp.results.details import read_details as read_details
from mnistcmp.results.location import fresh_place as fresh_place
from mnistcmp.results.location import is_uri as is_uri
from mnistcmp.results.rows import Failed as Failed
from mnistcmp.results.rows import Finished as Finished
from mnistcmp.results.schema import SCHEMA_VERSION as SCHEMA_VERSION
from mnistcmp.results.schema import TABLES as TABLES
from mnistcmp.results.store import ResultsStore as ResultsStore
from mnistcmp.results.trials import Trial as Trial
from mnistcmp.results.weights import StoredWeights as StoredWeights
from mnistcmp.results.weights import WeightsChoice as WeightsChoice
