"""Lines and tables for people, as wide as the terminal, in whatever the stream can take."""

import codecs
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from typing_extensions import override

from mnistcmp.errors import printable

if TYPE_CHECKING:
    from rich.text import Text

UNBOUNDED = 10_000
"""Columns of what goes into a file or a pipe, where no line is broken."""
REPLACING = "mnistcmp-replacing"
"""Names what streams do about characters that their encoding lacks."""
SPARKS = "▁▂▃▄▅▆▇█"
SUBSTITUTES = {"±": "+-", "≤": "<=", "≥": ">=", "×": "x", "–": "-", "−": "-", "→": "->", "…": "..."}
SUBSTITUTES |= dict(zip(SPARKS, "_.,-=+*#", strict=True))
NUMBER = re.compile(r"[-+]?\d[\d,.]*( ± [\d.]+|%| min| h)?|–|")


class Terminal(Console):
    """Standard output or error: as wide as the terminal; where there is none, as wide as lines."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr)
        if not self.file.isatty() and not (self.is_terminal and "COLUMNS" in os.environ):
            self.width = UNBOUNDED

    @override
    def render_str(self, text: str, **options: Any) -> "Text":
        # Before it is laid out: a substitute may be longer.
        plain = printable(text).encode(self.encoding, REPLACING).decode(self.encoding)
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


codecs.register_error(REPLACING, _replace)
