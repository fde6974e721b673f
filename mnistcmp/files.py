"""Paths as people write them, and files that are written whole or not at all."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mnistcmp.errors import UserError


def expand_home(path: str) -> str:
    """A path, or a URI, with the home folder in place of a `~` at its beginning.

    Shells do so only where a word begins with it, which `--output=~/results` does not.

    Raises:
        UserError: There is no such home folder.
    """
    expanded = os.path.expanduser(path)  # noqa: PTH111 - a URI may not become a Path
    if expanded.startswith("~"):
        raise UserError(
            f"there is no home folder for {path}. Write the whole path, or ./{path} for a file of "
            "that name."
        )
    return expanded


def make_folder(path: Path) -> list[Path]:
    """Makes a folder, for good; those on the way that were not there, the innermost first.

    Raises:
        OSError: It cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        _sync(folder.parent)
    return missing


def move(source: Path, target: Path) -> None:
    """Renames a file or folder, in place of a file that is there, and has the disk know of it.

    Raises:
        OSError: It cannot be renamed.
    """
    source.replace(target)
    _sync(target.parent)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file, or a folder, to write in place of `path`, which it becomes once all is on the disk.

    Raises:
        OSError: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        for written in (temporary, *temporary.rglob("*")):
            _sync(written)
        move(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def whole_file(path: Path, content: str) -> Iterator[Path]:
    """As `replacing`; folders on the way are made; a link is written where it points, and stays.

    Raises:
        UserError: It cannot be written; `content` says what it holds.
    """
    target = Path(os.path.realpath(path))
    try:
        make_folder(target.parent)
        with replacing(target) as temporary:
            yield temporary
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        if isinstance(error, FileExistsError):
            reason = f"{error.filename} is no folder"
        raise UserError(
            f"cannot write {content} {path}: {reason}. Choose another place with --output."
        ) from error


def _sync(path: Path) -> None:
    """Forces a file's content, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
