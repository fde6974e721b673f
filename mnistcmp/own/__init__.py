"""Networks that are not this package's: found by name, imported, told apart by their source.

Nothing here imports torch; what is imported may.
"""

from mnistcmp.own.loading import make_network as make_network
from mnistcmp.own.names import OwnName as OwnName
from mnistcmp.own.names import is_own as is_own
from mnistcmp.own.names import parse_name as parse_name
from mnistcmp.own.source import Source as Source
from mnistcmp.own.source import find_source as find_source
