"""What a cluster executes: one launch, or another kind of work.

Its only argument is the work as JSON, or a file of it, such as table1.json beside this one. It is
started on a cluster's head by the job that `mnistcmp launch` submits, or by `ray symmetric-run`.
"""

import sys

from mnistcmp.cluster.keeping import keep_job

KINDS = {
    "launch": "mnistcmp.cluster.launch:Launch",
    "search": "mnistcmp.tune.search:Search",
}
"""What a request's `kind` may be, and what reads it; the first is what it is without one."""

if __name__ == "__main__":
    sys.exit(keep_job(" ".join(sys.argv[1:]), KINDS))
