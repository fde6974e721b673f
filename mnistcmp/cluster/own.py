"""Own networks on the way to where they train: looked at before, and held to the plan there."""

from typing import TYPE_CHECKING

from mnistcmp.study import Study, hold_to, note_sources, own_networks

if TYPE_CHECKING:
    from mnistcmp.cluster.fanout import Train
    from mnistcmp.cluster.stacks import Stack
    from mnistcmp.data import Mnist
    from mnistcmp.training import DeviceChoice, TrainingResult


def settle(study: Study) -> Study:
    """The study with its own networks' sources, each of them checked under each recipe.

    Raises:
        UserError: One cannot be trained, or is not what the study says.
    """
    names = own_networks(study)
    if not names:
        return study
    from mnistcmp.training.check import check_network  # noqa: PLC0415 - imports torch

    noted = note_sources(study)
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
        hold_to(name, sources[name])
    return train(stack, mnist, device)
