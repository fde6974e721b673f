"""What a launch does about custom networks: it checks them, and ships their files to a cluster."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mnistcmp.errors import UserError
from mnistcmp.networks.given import is_kept_by_value
from mnistcmp.networks.source import find_source
from mnistcmp.study.sources import custom_networks, record_sources
from mnistcmp.study.study import Study

MOST_BYTES = 100 * 2**20
"""What Ray takes as a job's working folder."""


def check_custom_networks(study: Study, *, keep_weights: bool = False) -> Study:
    """The study with its custom networks' sources, each network checked under each recipe.

    Raises:
        UserError: One cannot be trained, or is not what the study says.
    """
    names = custom_networks(study)
    if not names:
        return study
    from mnistcmp.training.check import check_network  # noqa: PLC0415 - imports torch

    recorded = record_sources(study)
    for condition in study.conditions:
        if condition.architecture in names:
            check_network(condition.architecture, condition.recipe, keep_weights=keep_weights)
    return recorded


@contextmanager
def shipped(study: Study) -> Iterator[str | None]:
    """A folder with the sources of a study's custom networks; None where there is nothing to ship.

    They are copied, since Ray takes a whole folder and leaves out what a .gitignore names. What is
    installed here has to be installed there, and is not shipped.

    Raises:
        UserError: A source is not found, or is too large.
    """
    files: dict[str, Path] = {}
    for name in custom_networks(study):
        if is_kept_by_value(name):
            raise UserError(
                f"'{name}' is defined in a script or notebook, which a cluster's processes cannot "
                "import. Put it into a module beside (in a notebook: %%writefile nets.py), and "
                "give it from there; or train on this machine."
            )
        source = find_source(name)
        if source.installed:
            continue
        if source.size > MOST_BYTES:
            raise UserError(
                f"the source of {name} has {source.size / 2**20:.0f} MiB, and a cluster takes "
                f"{MOST_BYTES // 2**20} MiB. Move out of its folder what is no part of it, or "
                "install it on the cluster's nodes."
            )
        files |= source.files
    if not files:
        yield None
        return
    with TemporaryDirectory(prefix="mnistcmp-") as folder:
        for place, path in files.items():
            target = Path(folder) / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        yield folder
