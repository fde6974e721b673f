"""How commands print: streams that take whatever is printed, and JSON that stands alone."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

import typer

from mnistcmp.display.terminal import REPLACING
from mnistcmp.errors import printable

FAILED, REFUSED, INTERRUPTED = 1, 2, 130
"""Exit statuses: runs failed or a job broke off; the request cannot be carried out; interrupted,
or detached from a job that goes on."""

_json_streams: list[TextIO] = []
"""Where JSON goes while standard output is kept free for it."""


def echo(line: object, *, err: bool = False, nl: bool = True) -> None:
    """Prints a line on standard output or error; nothing in it is obeyed by a terminal.

    Named, since what typer finds by itself is UTF-8 where the stream is ASCII.
    """
    typer.echo(printable(str(line)), file=sys.stderr if err else sys.stdout, nl=nl)


def print_json(text: str) -> None:
    """Prints JSON on standard output, also while `only_json` keeps others from it."""
    typer.echo(text, file=_json_streams[-1] if _json_streams else sys.stdout)


@contextmanager
def only_json() -> Iterator[None]:
    """Keeps standard output for `print_json`; what anybody else prints goes to standard error.

    That holds below Python too, for libraries in C and the programs that they start.
    """
    stdout = sys.stdout
    stdout.flush()
    own = os.dup(1)
    with suppress(io.UnsupportedOperation):
        if stdout.fileno() == 1:
            stdout = os.fdopen(os.dup(1), "w", encoding=stdout.encoding, errors=REPLACING)
    _json_streams.append(stdout)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
        stdout.flush()
    finally:
        os.dup2(own, 1)
        os.close(own)
        _json_streams.pop()


def soften_streams() -> None:
    """Has standard output and error replace what their encoding lacks, where they would fail."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Closed by whoever started the command.
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - left open
            setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=REPLACING)
