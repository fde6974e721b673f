"""What a cluster executes for `mnistcmp launch`: one study.

Its only argument is JSON, as `mnistcmp.cluster.request` describes it.

Started on a cluster's head by the job that `mnistcmp launch` submits, or by `ray symmetric-run`.
"""

import sys

from mnistcmp.cluster.job import run_job

if __name__ == "__main__":
    sys.exit(run_job(sys.argv[1:]))
