"""Reports and comparisons for people, in the terminal and as Markdown."""

import io
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable

from mnistcmp.report.contents import Report
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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mnistcmp.report.pairs import SideBySide

SEEDS_SHOWN = 20
"""Of more paired seeds, the terminal shows the sums alone."""
UNBOUNDED = 1000
"""Columns of a table that nothing makes narrower."""


def print_report(report: Report, console: Console) -> None:
    """The tables, what is missing from them, what they say, and how to read them."""
    for table in report_tables(report):
        print_table(table, console)
    for line in notes(report):
        _print(console, line, "yellow")
    _print(console, report.question or "What came out:", "bold")
    _print(console, f"{report.answer}\n")
    _print(console, "\n\n".join(explanation(report)))


def to_markdown(report: Report) -> str:
    """The report as Markdown."""
    tables = [part for table in report_tables(report) for part in markdown_table(table)]
    said = f"**{report.question or 'What came out:'}** {report.answer}"
    return "\n\n".join([*tables, *notes(report), said, *explanation(report)]) + "\n"


def print_comparison(found: "Sequence[SideBySide]", console: Console) -> None:
    """Each comparison's sentence and tables, and what their tests can say."""
    for number, comparison in enumerate(found):
        _print(console, comparison_sentence(comparison), "bold")
        for line in comparison_notes(comparison):
            _print(console, line, "yellow")
        if not comparison.all_identical:
            for table in comparison_tables(comparison, name=str(number), most_seeds=SEEDS_SHOWN):
                print_table(table, console)
    if not all(comparison.all_identical for comparison in found):
        _print(console, f"p within a seed: {EXACT}. p of all: {POOLED}. {CLAIM}")


def print_table(table: Table, console: Console) -> None:
    """A title and its table, without some columns where the terminal is too narrow for all."""
    _print(console, table.title, "bold")
    printed = _rich_table(table, box.SIMPLE_HEAD)
    unbounded = console.options.update(max_width=UNBOUNDED)
    needed = Measurement.get(console, unbounded, printed)
    if needed.maximum > console.width:
        # Names may take two lines before the columns of single rounds go.
        rounds = needed.minimum <= console.width
        printed = _rich_table(table.without_details(rounds=rounds), box.SIMPLE_HEAD)
    console.print(printed)


def markdown_table(table: Table) -> list[str]:
    """A title and its table, as two paragraphs of Markdown."""
    text = io.StringIO()
    console = Console(file=text, width=UNBOUNDED, color_system=None)
    console.print(_rich_table(table, box.MARKDOWN))
    lines = text.getvalue().strip().splitlines()
    return [f"**{table.title}**", "\n".join(line.strip() for line in lines)]


def _print(console: Console, line: str, style: str | None = None) -> None:
    console.print(line, style=style, highlight=False, markup=False)


def _rich_table(table: Table, style: box.Box) -> RichTable:
    drawn = RichTable(box=style, pad_edge=style is not box.SIMPLE_HEAD)
    for position, column in enumerate(table.columns):
        # Lines break between words, and nothing is cut.
        words = [word for row in table.rows for word in row[position].split()]
        drawn.add_column(
            column,
            justify="left" if table.is_text(column) else "right",
            min_width=max(map(len, words), default=0),
        )
    for row in table.rows:
        drawn.add_row(*row)
    return drawn
