"""Own networks on the way to where they train: looked at before, and held to the plan there."""

from mnistcmp.study.sources import custom_networks, record_sources
from mnistcmp.study.study import Study


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
