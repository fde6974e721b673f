"""Where work can be done: on this machine, on the cluster that one is in, or on one far away."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from typing_extensions import override

from mnistcmp.cluster.address import Cluster
from mnistcmp.cluster.events import BrokeOff, Event, Submitted, Waits, from_line, output_of
from mnistcmp.cluster.live import recorded
from mnistcmp.cluster.work import Work
from mnistcmp.errors import UserError
from mnistcmp.files import expand_home
from mnistcmp.results.location import is_uri
from mnistcmp.results.output import Output

if TYPE_CHECKING:
    from mnistcmp.cluster.client import ClusterClient
    from mnistcmp.cluster.jobs import Job
    from mnistcmp.cluster.session import Resources
    from mnistcmp.data.mnist import Mnist

E = TypeVar("E", bound=Event)

RESULTS_VARIABLE = "MNISTCMP_RESULTS"
"""A cluster's results folder, below which its jobs' relative outputs are."""


class Place(ABC):
    """Where work can be done. Every method raises a UserError where that cannot be."""

    @abstractmethod
    def output(self, work: Work) -> Output:
        """Where the results of work go, apart from what `fresh` may add."""

    @abstractmethod
    def run(self, work: Work) -> Generator[Event, None, None]:
        """Does the work, and tells what happens."""

    def seen(self, output: str) -> str | None:
        """What this machine calls an output that an event names; None where it does not see it."""
        return output

    def as_seen(self, event: E) -> E:
        """An event whose output, if it names one, has the name that this machine sees it by."""
        output = output_of(event)
        seen = None if output is None else self.seen(output)
        return event if seen is None else replace(event, output=seen)  # type: ignore[type-var]


class RayPlace(Place):
    """A place whose driver is this process."""

    loses_folder: ClassVar[bool] = False
    """Whether Ray may take the working folder away, which imports of torch's ask for."""

    @abstractmethod
    def connect(self) -> "AbstractContextManager[Resources]":
        """Ray, for as long as one is in the context."""

    @abstractmethod
    def mnist(self) -> "Mnist":
        """The digits to train on."""

    @override
    def run(self, work: Work) -> Generator[Event, None, None]:
        output = self.output(work)
        there = (output.fresh() if work.fresh else output).there
        yield from recorded(work.drive(self, there), there)


class LocalPlace(RayPlace):
    """This machine, with a Ray of its own for each work."""

    def __init__(
        self, *, workers: int | None = None, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.workers, self._say = workers, say

    @override
    def output(self, work: Work) -> Output:
        return Output.local(work.output, work.name)

    @override
    def connect(self) -> "AbstractContextManager[Resources]":
        from mnistcmp.cluster.session import local_ray  # noqa: PLC0415 - imports Ray

        self._say("Starting Ray ...")
        return local_ray(self.workers)

    @override
    def mnist(self) -> "Mnist":
        from mnistcmp.data.mnist import load_mnist  # noqa: PLC0415 - not needed to submit

        return load_mnist()


class OpenPlace(LocalPlace):
    """This machine, with a Ray that runs already, and digits that are read already."""

    def __init__(self, resources: "Resources", mnist: "Mnist") -> None:
        super().__init__()
        self._resources, self._mnist = resources, mnist

    @override
    def connect(self) -> "AbstractContextManager[Resources]":
        return nullcontext(self._resources)

    @override
    def mnist(self) -> "Mnist":
        return self._mnist


class JoinedPlace(LocalPlace):
    """The cluster that this machine is part of, as a job's driver finds it."""

    loses_folder = True

    @override
    def output(self, work: Work) -> Output:
        folder = expand_home(os.environ.get(RESULTS_VARIABLE, ""))
        return Output.joined(work.output, work.name, folder or None)

    @override
    def connect(self) -> "AbstractContextManager[Resources]":
        from mnistcmp.cluster.session import joined_ray  # noqa: PLC0415 - imports Ray

        return joined_ray()


class ClusterPlace(Place):
    """A cluster: work is submitted to its dashboard as a job, whose log tells what happens."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    @override
    def output(self, work: Work) -> Output:
        return Output.submitted(work.output, work.name, self.cluster.shared)

    @override
    def seen(self, output: str) -> str | None:
        if is_uri(output):
            return output
        return None if self.cluster.shared is None else self.cluster.shared.name_here(output)

    def client(self) -> "ClusterClient":
        """A connection to the dashboard."""
        from mnistcmp.cluster.client import ClusterClient  # noqa: PLC0415 - imports Ray

        return ClusterClient(self.cluster)

    @override
    def run(self, work: Work) -> Generator[Event, None, None]:
        output = self.output(work)
        client = self.client()
        client.check(work.device)
        job = client.submit(work, output.there)
        where = f"{self.cluster.address} ({self.cluster.found})"
        yield Submitted(study=work.name, job=job, cluster=where)
        yield from self.follow(client, job)

    @staticmethod
    def follow(client: "ClusterClient", job_id: str) -> Generator[Event, None, None]:
        """What a job's driver tells, from its beginning to its end."""
        from mnistcmp.cluster.follow import follow_log  # noqa: PLC0415 - as its client

        has_ended = False
        try:
            for line in follow_log(client, job_id):
                event = from_line(line) if isinstance(line, str) else line
                # A driver tells its last before the job has ended; one that is started anew, again.
                if event is not None and not (has_ended and isinstance(event, Waits)):
                    has_ended = event.is_last
                    yield event
        except UserError:
            if not has_ended:
                raise
        if not has_ended:
            yield BrokeOff(message=_why_it_ended(client.job(job_id)))


def _why_it_ended(job: "Job") -> str:
    """For a job that did not get to its report."""
    where = f"Finished runs are kept; see 'mnistcmp logs {job.id}'; the same command goes on"
    if job.status == "STOPPED":
        return f"the job {job.id} was stopped before its end. {where}."
    reason = (job.message.strip().splitlines() or ["no reason given"])[0].rstrip(".")
    return f"the job {job.id} broke off: {reason}. {where}."
