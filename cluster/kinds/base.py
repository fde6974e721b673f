"""What a kind of cluster does for `make cluster-up` and its sisters.

To add one, write its module beside this one and name its class in `KINDS` of manage.py.
"""

import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from mnistcmp.cluster.address import STATE_FOLDER, Cluster, ClusterState
from mnistcmp.cluster.client import ClusterClient
from mnistcmp.errors import UserError

JOIN_SECONDS = 180


class Kind(ABC):
    """A head without CPUs for tasks, and workers, on this host."""

    name: ClassVar[str]
    """As `ENGINE` names it."""
    unavailable: ClassVar[str] = ""
    """What is said where `is_available` is not so."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.state_folder = checkout / STATE_FOLDER
        self.token_file = self.state_folder / "token"

    @abstractmethod
    def is_available(self) -> bool:
        """Whether such a cluster can be started on this host.

        Raises:
            UserError: It could, but not by this user.
        """

    @abstractmethod
    def results_there(self, results: Path) -> str:
        """The cluster's name of the results folder."""

    @abstractmethod
    def up(self, state: ClusterState) -> ClusterState:
        """Starts what is wanted, or adds to and takes from what is up, whose `details` it gets.

        Returns:
            The state with what this kind has to know later.

        Raises:
            UserError: It cannot be started.
        """

    @abstractmethod
    def down(self, state: ClusterState) -> None:
        """Stops exactly what `up` started."""

    @abstractmethod
    def status(self, state: ClusterState) -> str:
        """What is up, a line each."""

    @abstractmethod
    def logs(self, state: ClusterState) -> str:
        """What head and workers printed."""

    def wait_for_workers(self, state: ClusterState, count: int) -> None:
        """Waits until exactly so many workers have joined the head.

        Raises:
            UserError: They have not in time.
        """
        token = self.token_file.read_text(encoding="ascii")
        cluster = Cluster(address=state.address, found="make cluster-up", token=token)
        deadline = time.monotonic() + JOIN_SECONDS
        problem = ""
        while time.monotonic() < deadline:
            try:
                alive = len(ClusterClient(cluster).nodes())
                if alive == count + 1:
                    return
                problem = f"{alive} of {count + 1} nodes are there"
            except UserError as error:
                problem = str(error)
            time.sleep(0.3)
        raise UserError(f"the cluster was not complete after {JOIN_SECONDS} s: {problem}")
