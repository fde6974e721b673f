"""Own networks on the way to where they train: looked at before, and held to the plan there."""

from typing import TYPE_CHECKING

from mnistcmp.study.sources import custom_networks, record_sources, verify_source
from mnistcmp.study.study import Study

if TYPE_CHECKING:
    from mnistcmp.cluster.fanout import Train
    from mnistcmp.cluster.stacks import Stack
    from mnistcmp.data.mnist import Mnist
    from mnistcmp.training.device import DeviceChoice
    from mnistcmp.training.result import TrainingResult


def check_custom_networks(study: Study) -> Study:
    """The study with its own networks' sources, each of them checked under each recipe.

    Raises:
        UserError: One cannot be trained, or is not what the study says.
    """
    names = custom_networks(study)
    if not names:
        return study
    from mnistcmp.training.check import check_network  # noqa: PLC0415 - imports torch

    noted = record_sources(study)
    for condition in study.conditions:
        if condition.architecture in names:
            check_network(condition.architecture, condition.recipe)
    return noted


def train_as_planned(
    train: "Train",
    sources: dict[str, str],
    stack: "Stack",
    mnist: "Mnist",
    device: "DeviceChoice",
) -> "list[TrainingResult]":
    """In a worker: trains what the study means, and not another copy of it.

    Raises:
        UserError: What this process would import has another source than `sources` says.
    """
    name = stack[0].architecture
    if name in sources:
        verify_source(name, sources[name])
    return train(stack, mnist, device)
