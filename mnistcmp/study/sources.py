"""What the custom networks of a study are made of: the source that was launched, and no other."""

from collections.abc import Iterable

from mnistcmp.errors import UserError
from mnistcmp.networks.custom import is_custom
from mnistcmp.networks.source import find_source, source_digest
from mnistcmp.study.study import Study


def custom_networks(study: Study) -> tuple[str, ...]:
    """The study's architectures that are custom networks."""
    return tuple(filter(is_custom, study.architectures))


def record_sources(study: Study) -> Study:
    """The study with the digests of its custom networks' sources, as they are here and now.

    Raises:
        UserError: One is not found, or is not what the study says.
    """
    sources = {name: find_source(name).digest for name in custom_networks(study)}
    for name, digest in sources.items():
        _refuse_other(name, digest, study.sources.get(name, digest))
    return study.model_copy(update={"sources": sources})


def verify_launched_source(name: str, launches: Iterable[Study]) -> None:
    """Checks that this process imports under a name what the launches into a folder trained.

    Raises:
        UserError: It does not.
    """
    planned = [study.sources[name] for study in launches if name in study.sources]
    if is_custom(name) and not planned:
        raise UserError(
            f"no launch into this folder notes the source of {name}, so it is not imported: any "
            "module could stand there. Take results that you trust."
        )
    for digest in planned:
        verify_source(name, digest)


def verify_source(name: str, planned: str) -> None:
    """Checks that this process imports under a name what was planned.

    Raises:
        UserError: The source is not found, or is another one.
    """
    _refuse_other(name, source_digest(name), planned)


def _refuse_other(name: str, found: str, planned: str) -> None:
    if found != planned:
        raise UserError(
            f"the source of {name} here ({found}) is not that of the study ({planned}): it was "
            "changed, or this is another copy. Launch again with --fresh or another --output, or "
            "use the study's source."
        )
