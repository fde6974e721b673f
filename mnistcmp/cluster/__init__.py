"""Running a study on Ray. Nothing else in the package imports Ray."""

from mnistcmp.cluster.driver import Progress as Progress
from mnistcmp.cluster.driver import choose_device as choose_device
from mnistcmp.cluster.driver import run_study as run_study
from mnistcmp.cluster.local import Resources as Resources
from mnistcmp.cluster.local import existing_ray as existing_ray
from mnistcmp.cluster.local import local_ray as local_ray
from mnistcmp.cluster.local import runtime_address as runtime_address
