"""A launch's counts for Prometheus, through Ray's own metrics, on the node of its driver."""

from typing import Final

from ray.util.metrics import Counter, Gauge

from mnistcmp.cluster.events import Progress

RUNS: Final = "mnistcmp_runs_"


class Metrics:
    """Two gauges and a counter of a launch, each of its study.

    Setting one takes 2 µs; Ray's agent of the node, which is there in any case, answers whoever
    collects them, as `ray_mnistcmp_runs_done_total`, `..._failed` and `..._in_training`.
    """

    def __init__(self, study: str) -> None:
        self._tags = {"study": study}
        self._counted = 0
        self._done = Counter(f"{RUNS}done", "Runs that are finished and stored", ("study",))
        self._failed = Gauge(f"{RUNS}failed", "Runs of the launch that failed", ("study",))
        self._training = Gauge(f"{RUNS}in_training", "Runs that workers train", ("study",))

    def note(self, progress: Progress) -> None:
        """Takes down how far the launch is."""
        if new := progress.finished - self._counted:
            self._done.inc(new, self._tags)
        self._counted = progress.finished
        self._failed.set(progress.failed, self._tags)
        self._training.set(progress.running, self._tags)
