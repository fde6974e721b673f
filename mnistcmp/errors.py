"""The error a user sees as one line."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

_T = TypeVar("_T")

LONGEST = 300
"""Characters of another's error that one line quotes."""
LONGEST_LINE = 2000
"""Characters of an error of ours; what stands in its middle may be as long as a file."""
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What terminals obey, and what turns the direction in which a line is read."""


class UserError(Exception):
    """A request that cannot be carried out, and is not a bug of ours.

    The message is one line: what was wrong, what is allowed, what to do. The command line prints it
    and exits with 2. What it quotes may be anybody's.
    """

    def __init__(self, message: str) -> None:
        line = printable(" ".join(message.split()))
        if len(line) > LONGEST_LINE:
            half = LONGEST_LINE // 2
            line = f"{line[:half]} ... {line[-half:]}"
        super().__init__(line)


def look_up(kind: str, name: str, table: Mapping[str, _T], *others: str) -> _T:
    """What a table has under a name.

    Args:
        kind: What the names are of, for the error.
        name: The name.
        table: What there is.
        others: What else is allowed where the name comes from.

    Raises:
        UserError: It has nothing.
    """
    if name not in table:
        raise unknown_name(kind, name, [*table, *others])
    return table[name]


def unknown_name(kind: str, name: str, allowed: Iterable[str]) -> UserError:
    """The error for a name that is in no table, with the nearest names that are."""
    names = list(allowed)
    nearest = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{nearest[0]}'? Allowed" if nearest else "allowed"
    return UserError(f"unknown {kind} '{name}'; {hint}: {', '.join(names)}.")


def printable(text: str) -> str:
    """A text that no terminal obeys; lines and tabs stay."""
    return _OBEYED.sub("?", text)


def quoted(value: object) -> str:
    """A value as Python writes it, as much of it as one line quotes."""
    try:
        return cut(repr(value))
    except (ValueError, RecursionError):
        return f"one {type(value).__name__} that is too large to be shown"


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
