"""Placement, on the machine's Ray given a pretended GPU: Ray places by what it is told it has."""

from collections.abc import Iterator

import pytest
import ray

from mnistcmp.cluster.fanout import fan_out
from mnistcmp.cluster.placement import Pool, choose_pools
from mnistcmp.data import Mnist
from mnistcmp.errors import UserError
from mnistcmp.results import Finished
from mnistcmp.study import Run, Study
from mnistcmp.training import DeviceChoice, TrainingResult

CPU_ONLY = {"cpus": 2, "gpus": 0, "place": "here"}
MIXED = {"cpus": 3, "gpus": 1, "place": "here"}


@pytest.fixture
def mixed_ray() -> Iterator[None]:
    """Three CPUs and a GPU, as far as Ray knows."""
    ray.init(address="local", num_cpus=3, num_gpus=1, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.parametrize(
    ("choice", "resources", "pools"),
    [
        ("auto", CPU_ONLY, [("cpu", 2)]),
        ("auto", MIXED, [("cuda", 1), ("cpu", 2)]),
        ("cpu", MIXED, [("cpu", 3)]),
        ("cuda", MIXED, [("cuda", 1)]),
        ("auto", {"cpus": 4, "gpus": 4, "place": "here"}, [("cuda", 4)]),
        ("auto", {"cpus": 2, "gpus": 8, "place": "here"}, [("cuda", 2)]),
    ],
)
def test_auto_takes_every_gpu_and_the_cpus_they_leave(
    choice: DeviceChoice, resources: dict[str, object], pools: list[tuple[str, int]]
) -> None:
    """A run on a GPU takes a CPU too."""
    found = choose_pools(choice, **resources)  # type: ignore[arg-type]
    assert [(pool.device, pool.slots) for pool in found] == pools


def test_what_can_never_be_placed_is_refused() -> None:
    """The line says what was asked for and what there is."""
    with pytest.raises(UserError, match="1 CPU and 1 GPU, and here has 2 CPUs and 0 GPUs"):
        choose_pools("cuda", cpus=2, gpus=0, place="here")
    with pytest.raises(UserError, match="asks for 1 CPU, and here has 0 CPUs"):
        choose_pools("auto", cpus=0, gpus=1, place="here")


def test_a_mixed_cluster_trains_on_all_it_has(
    mixed_ray: None,  # noqa: ARG001 - a running Ray
    study: Study,
    mnist: Mnist,
    results: dict[Run, TrainingResult],
) -> None:
    """Tasks for the GPU are given one, the others none, and all runs come back."""
    result = next(iter(results.values()))

    def note_device(_run: Run, _mnist: Mnist, device: DeviceChoice) -> TrainingResult:
        from dataclasses import replace  # noqa: PLC0415 - as above

        import ray as in_worker  # noqa: PLC0415 - the worker's own

        gpus = len(in_worker.get_runtime_context().get_accelerator_ids()["GPU"])
        return replace(result, device=f"{device} with {gpus} GPUs")

    runs = study.model_copy(update={"seeds": tuple(range(10))}).runs()
    pools = [Pool(device="cuda", slots=1), Pool(device="cpu", slots=2)]
    outcomes = list(fan_out(runs, mnist, pools, train=note_device))
    assert len(outcomes) == 20
    devices = {o.result.device for o in outcomes if isinstance(o, Finished)}
    assert devices == {"cuda with 1 GPUs", "cpu with 0 GPUs"}
