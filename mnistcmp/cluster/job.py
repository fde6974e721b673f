"""The driver of a submitted job: the launch as at home, its events printed into the job's log."""

import os
import sys
import time
from pathlib import Path

from mnistcmp.cluster.custom import check_custom_networks
from mnistcmp.cluster.driver import LaunchRequest, run_launch
from mnistcmp.cluster.events import Event, Progress, Refused, Reported, to_line
from mnistcmp.cluster.request import read_request
from mnistcmp.cluster.session import joined_ray
from mnistcmp.data.cache import data_dir
from mnistcmp.data.mnist import load_mnist
from mnistcmp.errors import UserError
from mnistcmp.results.location import fresh_place, is_uri

RESULTS_VARIABLE = "MNISTCMP_RESULTS"
"""The cluster's results folder, below which relative outputs are."""

SECONDS_BETWEEN_PROGRESS = 0.5
"""So that the log of a study of very many short runs stays readable."""


def run_job(arguments: list[str]) -> int:
    """Runs a launch request, the JSON of a `JobRequest`, on the cluster around.

    Returns:
        The exit status: 0 done, 1 some runs failed, 2 the request could not be carried out.
    """
    tell = _Teller()
    try:
        request = read_request(" ".join(arguments))
        study = check_custom_networks(request.build_study())
        output = place_output(request.output or study.name)
        run_launch(
            LaunchRequest(
                study=study,
                output=fresh_place(output) if request.fresh else output,
                device=request.device,
                weights=request.weights,
            ),
            load_mnist=lambda: load_mnist(data_dir()),
            connect=joined_ray,
            tell=tell,
        )
    except UserError as error:
        tell(Refused(message=str(error)))
        return 2
    return 1 if tell.failed else 0


def place_output(output: str) -> str:
    """Where an output is on the cluster.

    Raises:
        UserError: It is relative, and the cluster has no results folder.
    """
    if is_uri(output) or Path(output).is_absolute():
        return output
    folder = os.environ.get(RESULTS_VARIABLE)
    if folder is None:
        raise UserError(
            f"the cluster has no results folder for '{output}'. Take --output with a URI, or with "
            "an absolute path that the cluster's head can write."
        )
    return str(Path(folder) / output)


class _Teller:
    """Prints events, the progress not more often than it is read."""

    def __init__(self) -> None:
        self.failed = False
        self._last = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.failed = bool(event.failed)
            now = time.monotonic()
            if event.done < event.total and now - self._last < SECONDS_BETWEEN_PROGRESS:
                return
            self._last = now
        sys.stdout.write(to_line(event) + "\n")
        if isinstance(event, Reported):
            sys.stdout.write(f"Done. Results are in {event.output}.\n")
        sys.stdout.flush()
