"""Launching on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING

from mnistcmp.cli import exit_status
from mnistcmp.cli.page import leave_page
from mnistcmp.cli.selection import default_output
from mnistcmp.cli.view import view_of
from mnistcmp.cluster.driver import LaunchRequest, run_launch
from mnistcmp.cluster.session import local_ray
from mnistcmp.data.cache import data_dir as data_folder
from mnistcmp.data.mnist import load_mnist
from mnistcmp.results.location import fresh_place
from mnistcmp.results.weights import WeightsChoice
from mnistcmp.study.study import Study

if TYPE_CHECKING:
    from mnistcmp.training.device import DeviceChoice


def launch_here(
    study: Study,
    *,
    output: str | None,
    fresh: bool,
    device: "DeviceChoice",
    weights: WeightsChoice,
    data_dir: Path | None,
    workers: int | None,
    json_lines: bool,
) -> int:
    """Trains on this machine; the exit status."""
    place = output or default_output(study)
    request = LaunchRequest(
        study=study,
        output=fresh_place(place) if fresh else place,
        device=device,
        weights=weights,
    )
    with view_of(json_lines) as view:
        view.console.print(
            f"Study {study.name} on this machine: no cluster is named.", highlight=False
        )
        try:
            run_launch(
                request,
                load_mnist=lambda: load_mnist(data_folder(data_dir)),
                connect=lambda: local_ray(workers),
                tell=view.show,
            )
        except KeyboardInterrupt:
            view.close()
            view.console.print(
                f"Interrupted. {view.finished} new runs are kept in {request.output}; a launch "
                "into the same folder goes on from there.",
                highlight=False,
                markup=False,
            )
            return exit_status.INTERRUPTED
    if view.reported is not None:
        leave_page(request.output, view.reported.report, view.console, data_dir)
    return view.status
