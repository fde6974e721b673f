"""The error a user sees as one line."""

import difflib
from collections.abc import Iterable

LONGEST = 300
"""Characters of another's error that one line quotes."""


class UserError(Exception):
    """A request that cannot be carried out, and is not a bug of ours.

    The message is one line: what was wrong, what is allowed, what to do. The command line prints it
    and exits with 2.
    """


def unknown_name(kind: str, name: str, allowed: Iterable[str]) -> UserError:
    """The error for a name that is in no table, with the nearest names that are."""
    names = list(allowed)
    nearest = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{nearest[0]}'? Allowed" if nearest else "allowed"
    return UserError(f"unknown {kind} '{name}'; {hint}: {', '.join(names)}.")


def in_short(error: BaseException) -> str:
    """An error as one line that every stream takes: its type and the first line of its text."""
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    text = "".join(letter if letter.isprintable() else "?" for letter in cut(lines[0]))
    return f"{type(error).__name__}: {text.rstrip('.')}"


def cut(error: str) -> str:
    """Another's error, as much of it as one line quotes."""
    return error if len(error) <= LONGEST else f"{error[:LONGEST]}..."
