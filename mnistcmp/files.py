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


@contextmanager
def whole_file(path: Path, content: str) -> Iterator[Path]:
    """A file, or a folder, to write in place of `path`, which it becomes once all is written.

    Folders on the way are made; a link is written where it points, and stays.

    Raises:
        UserError: It cannot be written; `content` says what it holds.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(target)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        if isinstance(error, FileExistsError):
            reason = f"{error.filename} is no folder"
        raise UserError(
            f"cannot write {content} {path}: {reason}. Choose another place with --output."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        with suppress(OSError):
            temporary.unlink()
