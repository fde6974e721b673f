"""Placement, on the machine's Ray given a pretended GPU: Ray places by what it is told it has."""

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
import ray

from mnistcmp.cluster.fan_out import fan_out
from mnistcmp.cluster.launch import Trains, Worker
from mnistcmp.cluster.placement import Node, Pool, choose_pools
from mnistcmp.cluster.session import own_token
from mnistcmp.cluster.stacks import Stack
from mnistcmp.data.mnist import Mnist
from mnistcmp.errors import UserError
from mnistcmp.results.outcome import Finished
from mnistcmp.study.study import Run, Study
from mnistcmp.training.device import DeviceChoice
from mnistcmp.training.result import TrainingResult
from tests.support.stored import outcomes_of

CPU_ONLY = (Node(cpus=2, gpus=0),)
MIXED = (Node(cpus=1, gpus=1), Node(cpus=2, gpus=0))


@pytest.fixture
def mixed_ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three CPUs and a GPU, as far as Ray knows."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", own_token())
    ray.init(address="local", num_cpus=3, num_gpus=1, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.parametrize(
    ("choice", "nodes", "pools"),
    [
        ("auto", CPU_ONLY, [(False, "cpu", 2)]),
        ("auto", MIXED, [(True, "auto", 1), (False, "cpu", 2)]),
        ("cpu", MIXED, [(False, "cpu", 3)]),
        ("cuda", MIXED, [(True, "cuda", 1)]),
        ("auto", [Node(cpus=4, gpus=4)], [(True, "auto", 4)]),
        ("auto", [Node(cpus=2, gpus=8)], [(True, "auto", 2)]),
        ("auto", [Node(cpus=0, gpus=1), Node(cpus=4, gpus=0)], [(False, "cpu", 4)]),
    ],
)
def test_auto_takes_every_gpu_and_the_cpus_they_leave(
    choice: DeviceChoice, nodes: list[Node], pools: list[tuple[bool, str, int]]
) -> None:
    """A run on a GPU takes a CPU of the same machine too."""
    found = choose_pools(choice, nodes, place="here")
    assert [(pool.gpu, pool.device, pool.slots) for pool in found] == pools


def test_what_can_never_be_placed_is_refused() -> None:
    """The line says what was asked for and what there is."""
    with pytest.raises(UserError, match=r"1 GPU of one machine, and here has 2 CPUs and 0 GPUs"):
        choose_pools("cuda", CPU_ONLY, place="here")
    apart = [Node(cpus=0, gpus=1), Node(cpus=4, gpus=0)]
    with pytest.raises(UserError, match=r"1 GPU of one machine, and here has 4 CPUs and 1 GPU for"):
        choose_pools("cuda", apart, place="here")
    with pytest.raises(UserError, match="asks for 1 CPU, and here has 0 CPUs"):
        choose_pools("auto", [Node(cpus=0, gpus=1)], place="here")


@pytest.mark.ray
def test_a_mixed_cluster_trains_on_all_it_has(
    mixed_ray: None,  # noqa: ARG001 - a running Ray
    study: Study,
    mnist: Mnist,
    results: dict[Run, TrainingResult],
) -> None:
    """Tasks for the GPU are given one, the others none, and all runs come back.

    A process that had the GPU ends with its task, and keeps none of its memory from the next.
    """
    result = next(iter(results.values()))

    class DeviceNoting(Worker):
        def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
            del stack, mnist
            gpus = len(ray.get_runtime_context().get_accelerator_ids()["GPU"])
            yield from ()
            return [replace(result, device=f"{device} with {gpus} GPUs, {os.getpid()}")]

    runs = study.model_copy(update={"seeds": tuple(range(10))}).runs()
    pools = [Pool(gpu=True, device="cuda", slots=1), Pool(gpu=False, device="cpu", slots=2)]
    stacks = [(run,) for run in runs]
    told = fan_out("small", stacks, mnist, DeviceNoting(), pools=lambda: pools)
    outcomes = outcomes_of(told)
    assert len(outcomes) == 20
    devices = [o.result.device.split(", ") for o in outcomes if isinstance(o, Finished)]
    assert {device for device, _ in devices} == {"cuda with 1 GPUs", "cpu with 0 GPUs"}
    with_gpu = [process for device, process in devices if device.startswith("cuda")]
    assert len(set(with_gpu)) == len(with_gpu)
