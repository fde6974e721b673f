"""The terminal that commands print to."""

from rich.console import Console

FILE_WIDTH = 130
"""Columns of what is printed to a file or a pipe, which have no width of their own."""


def make_console(*, stderr: bool = False) -> Console:
    """Standard output or error: as wide as the terminal, or as wide as the widest table."""
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(width=FILE_WIDTH, stderr=stderr)
