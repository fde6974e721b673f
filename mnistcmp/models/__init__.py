"""The networks of the report, one readable definition each."""

from mnistcmp.models.baseline import Baseline as Baseline
from mnistcmp.models.exact import ExactComparison as ExactComparison
from mnistcmp.models.layers import LayerRow as LayerRow
from mnistcmp.models.layers import layer_table as layer_table
from mnistcmp.models.layers import parameter_count as parameter_count
from mnistcmp.models.outputs import Outputs as Outputs
from mnistcmp.models.siamese import Siamese as Siamese
