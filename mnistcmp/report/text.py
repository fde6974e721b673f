"""Reports and comparisons for people, in the terminal and as Markdown."""

import io
import re
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table as RichTable

from mnistcmp.report.contents import Report, SideBySide
from mnistcmp.report.methods import FLIPS, tests_note
from mnistcmp.report.numbers import CI
from mnistcmp.report.tables import Table, comparison_tables, report_tables
from mnistcmp.report.words import (
    CLAIM,
    EXACT,
    POOLED,
    comparison_notes,
    comparison_sentence,
    explanation,
    notes,
)

SEEDS_SHOWN = 20
"""Of more paired seeds, the terminal shows the sums alone."""
DETAILS = {"weight sharing", "auxiliary loss", "parameters", CI, "p", FLIPS}
"""Columns that a narrow terminal goes without: what is left says as much."""
FURTHER = {"published, %", "diff.", "within one ±", f"difference's {CI}", "p (Holm)"}
"""Those that a still narrower one goes without."""
BETWEEN = 3
"""Characters between two columns of a printed table; one less stands outside of all."""
UNBOUNDED = 10_000
"""Columns of what nothing makes narrower."""


def print_report(report: Report, console: Console) -> None:
    """The tables, what is missing from them, what they say, and how to read them."""
    for table in report_tables(report):
        print_table(table, console)
    for line in notes(report):
        _print(console, line, "yellow")
    _print(console, report.question or "What came out:", "bold")
    _print(console, f"{report.answer}\n")
    _print(console, "\n\n".join(explanation(report)))


def to_text(report: Report, *, columns: int = 100) -> str:
    """The report as `print_report` prints it where lines have so many columns."""
    file = io.StringIO()
    print_report(report, Console(file=file, width=columns, color_system=None, force_jupyter=False))
    return file.getvalue().strip()


def to_markdown(report: Report) -> str:
    """The report as Markdown."""
    tables = [part for table in report_tables(report) for part in markdown_table(table)]
    said = f"**{as_text(report.question or 'What came out:')}** {report.answer}"
    return "\n\n".join([*tables, *map(as_text, notes(report)), said, *explanation(report)]) + "\n"


def as_text(text: str) -> str:
    """Anybody's text in Markdown: no link, no code, no HTML."""
    return re.sub(r"([\\`*\[\]<|])", r"\\\1", text)


def print_comparison(found: Sequence[SideBySide], console: Console) -> None:
    """Each comparison's sentence and tables, and what their tests can say."""
    for number, comparison in enumerate(found):
        _print(console, comparison_sentence(comparison), "bold")
        for line in comparison_notes(comparison):
            _print(console, line, "yellow")
        if not comparison.all_identical:
            for table in comparison_tables(comparison, name=str(number), most_seeds=SEEDS_SHOWN):
                print_table(table, console)
    if not all(comparison.all_identical for comparison in found):
        tests = tests_note(found[0].inference)
        _print(console, f"p within a seed: {EXACT}. p of all: {POOLED}. {CLAIM} {tests}")


def print_table(table: Table, console: Console) -> None:
    """A title and its table: whole, or as whole columns less, names wrapped between words.

    What is too wide even so goes beyond the terminal's edge, and nothing is cut.
    """
    _print(console, table.title, "bold")
    shown, dropped = table, set[str]()
    widths, excess = _fit(table, console, wrap=False)
    for less in (DETAILS, {name for name in table.columns if name.isdecimal()}, FURTHER):
        if not excess:
            break
        dropped |= less
        shown = table.without(dropped)
        widths, excess = _fit(shown, console)
    drawn = _rich_table(shown, box.SIMPLE_HEAD, widths)
    drawn.width = sum(widths) + BETWEEN * len(widths) - 1
    console.print(drawn, crop=False)


def markdown_table(table: Table) -> list[str]:
    """A title and its table, as two paragraphs of Markdown."""
    text = io.StringIO()
    console = Console(file=text, width=UNBOUNDED, color_system=None)
    widths, _ = _fit(table, console)
    console.print(_rich_table(table, box.MARKDOWN, widths))
    lines = text.getvalue().strip().splitlines()
    return [f"**{table.title}**", "\n".join(line.strip() for line in lines)]


def _print(console: Console, line: str, style: str | None = None) -> None:
    console.print(line, style=style, highlight=False, markup=False)


def _fit(table: Table, console: Console, *, wrap: bool = True) -> tuple[list[int], int]:
    """Columns' widths and by how much they are too wide; texts and headers may `wrap` at spaces."""

    def width(text: str) -> int:
        # With substitutes for what the stream's encoding lacks, which may be longer.
        printed = console.render_str(text, markup=False, emoji=False, highlight=False)
        return cell_len(printed.plain)

    widths, least = [], []
    for name in table.columns:
        cells = [row[name] for row in table.rows]
        parts = " ".join(cells).split() if table.is_text(name) else cells
        widths.append(max(map(width, [name, *cells])))
        least.append(max(map(width, [*name.split(), *parts])))
    excess = max(0, sum(widths) + BETWEEN * len(widths) - 1 - console.width)
    if wrap:
        for position in sorted(range(len(widths)), key=widths.__getitem__, reverse=True):
            cut = min(excess, widths[position] - least[position])
            widths[position] -= cut
            excess -= cut
    return widths, excess


def _rich_table(table: Table, style: box.Box, widths: Sequence[int]) -> RichTable:
    drawn = RichTable(box=style, pad_edge=style is not box.SIMPLE_HEAD)
    for column, width in zip(table.columns, widths, strict=True):
        justify: JustifyMethod = "left" if table.is_text(column) else "right"
        drawn.add_column(column, justify=justify, width=width)
    for row in table.rows:
        drawn.add_row(*row.values())
    return drawn
