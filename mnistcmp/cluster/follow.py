"""A job's log, followed to its end, past a dashboard that is away for a while."""

import time
from collections.abc import Iterator

from mnistcmp.cluster.client import ClusterClient
from mnistcmp.cluster.events import Waits
from mnistcmp.errors import UserError

LOST_SECONDS = 120
"""How long a job is followed while its dashboard does not answer, or, started anew, has not got it
yet."""
SAID_SECONDS = 5
"""After so many of them it is said."""
AGAIN = "Looking for it for two minutes ..."


def follow_log(client: ClusterClient, job_id: str, *, every: float = 0.5) -> Iterator[str | Waits]:
    """Each line of a job's log, once and in order, until the job has ended.

    The log is read whole each time, and once more after the end: Ray's log streams may break off
    and lose their last lines. A dashboard that does not answer is asked again for two minutes, of
    which `Waits` tells; a job that was submitted again meanwhile, by a head that came back, tells
    anew.

    Args:
        client: Of the job's cluster.
        job_id: The job.
        every: Seconds until the log is read again.

    Raises:
        UserError: The job is lost from sight.
    """
    shown, last, lost_since, said = 0, "", None, False
    while True:
        try:
            job = client.job_now(job_id)
            lines = client.log(job_id).splitlines()
        except UserError as error:
            lost_since = lost_since or time.monotonic()
            lost = time.monotonic() - lost_since
            if lost > LOST_SECONDS:
                raise UserError(
                    f"the job {job_id} was lost from sight {LOST_SECONDS} s ago: {error} What it "
                    "had finished is kept. A head that comes back goes on with it (mnistcmp attach "
                    f"{job_id}); else launch again, which trains what is missing."
                ) from error
            if lost > SAID_SECONDS and not said:
                said = True
                yield Waits(message=f"The job {job_id} is not seen: {error} {AGAIN}")
            time.sleep(every)
            continue
        lost_since, said = None, False
        # The last line of a running job may not be whole yet.
        if lines[shown - 1 : shown] != [last] and shown:
            shown = 0
        whole = len(lines) if job.ended else max(shown, len(lines) - 1)
        yield from lines[shown:whole]
        shown, last = whole, lines[whole - 1] if whole else ""
        if job.ended:
            return
        time.sleep(every)
