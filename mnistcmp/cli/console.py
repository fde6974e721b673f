"""What commands print: lines and tables for people, and JSON, in whatever the stream can take."""

import codecs
import io
import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from typing_extensions import override

if TYPE_CHECKING:
    from rich.text import Text

FAILED, REFUSED, INTERRUPTED = 1, 2, 130
"""Exit statuses: runs failed or a job broke off; the request cannot be carried out; interrupted,
or detached from a job that goes on."""
UNBOUNDED = 10_000
"""Columns of what goes into a file or a pipe, where no line is broken."""
REPLACING = "mnistcmp-replacing"
"""Names what streams do about characters that their encoding lacks."""
SPARKS = "▁▂▃▄▅▆▇█"
SUBSTITUTES = {"±": "+-", "≤": "<=", "≥": ">=", "×": "x", "–": "-", "−": "-", "→": "->", "…": "..."}
SUBSTITUTES |= dict(zip(SPARKS, "_.,-=+*#", strict=True))
NUMBER = re.compile(r"[-+]?\d[\d,.]*( ± [\d.]+|%| min| h)?|–|")

_json_streams: list[TextIO] = []
"""Where JSON goes while standard output is kept free for it."""


class Terminal(Console):
    """Standard output or error: as wide as the terminal; where there is none, as wide as lines."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr)
        if not self.file.isatty() and not (self.is_terminal and "COLUMNS" in os.environ):
            self.width = UNBOUNDED

    @override
    def render_str(self, text: str, **options: Any) -> "Text":
        # Before it is laid out: a substitute may be longer.
        plain = text.encode(self.encoding, REPLACING).decode(self.encoding)
        return super().render_str(plain, **options)

    def say(self, line: object, style: str | None = None) -> None:
        """Prints a line as it is: paths in it can be copied, and a script finds it whole."""
        self.print(str(line), style=style, highlight=False, markup=False, soft_wrap=True)

    def show(self, title: str, rows: Sequence[Mapping[str, str]]) -> None:
        """Prints rows, from column to text, as a table; columns of numbers stand to the right."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in rows[0]:
            cells = [row[column] for row in rows]
            is_number = all(NUMBER.fullmatch(cell) for cell in cells)
            parts = [word for text in (column, *cells) for word in text.split()]
            table.add_column(
                column,
                justify="right" if is_number else "left",
                min_width=max(map(len, [*parts, *cells] if is_number else parts)),
            )
        for row in rows:
            table.add_row(*row.values())
        least = Measurement.get(self, self.options, table).minimum
        if least > self.width:
            # The terminal breaks such lines; no number is cut.
            table.width = least
        self.say(title, style="bold")
        self.print(table, crop=False, highlight=False, markup=False)


def echo(line: object, *, err: bool = False, nl: bool = True) -> None:
    """Prints a line on standard output or error.

    Named, since what typer finds by itself is UTF-8 where the stream is ASCII.
    """
    typer.echo(line, file=sys.stderr if err else sys.stdout, nl=nl)


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
    codecs.register_error(REPLACING, _replace)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Closed by whoever started the command.
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - left open
            setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=REPLACING)


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    if error.encoding == "utf-8":
        # It lacks halves of surrogate pairs alone, as bytes that are no text are kept.
        return ("\N{REPLACEMENT CHARACTER}" * len(lost)).encode(), error.end
    return "".join(_substitute(character, error.encoding) for character in lost), error.end


def _substitute(character: str, encoding: str) -> str:
    letters = unicodedata.normalize("NFKD", character)
    without_accents = "".join(c for c in letters if not unicodedata.combining(c) and c not in '"\\')
    for candidate in (SUBSTITUTES.get(character), without_accents):
        with suppress(UnicodeEncodeError):
            if candidate and candidate.encode(encoding):
                return candidate
    return "?"
