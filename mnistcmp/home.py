"""The home folder, as people write it: `~/results`."""

import os

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
