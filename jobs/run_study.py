"""What a cluster executes for `mnistcmp launch`: one study, as the JSON of its only argument says.

Started on a cluster's head by the job that `mnistcmp launch` submits, or by `ray symmetric-run`.
"""

import sys

from mnistcmp.cluster.job import run_job

if __name__ == "__main__":
    sys.exit(run_job(sys.argv[1]))
