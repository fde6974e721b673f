"""The report for people, in the terminal and as Markdown, and for programs, as JSON."""

import io
import json
from collections import defaultdict
from dataclasses import asdict

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from mnistcmp.report.explanation import explanation
from mnistcmp.report.table1 import Report, Row
from mnistcmp.study import describe_seeds

TEXT_COLUMNS = ("model", "weight sharing", "auxiliary loss")
DESCRIPTIONS = ("weight sharing", "auxiliary loss", "parameters")
"""Columns that a narrow terminal goes without: the model's name says as much."""


def print_report(report: Report, console: Console) -> None:
    """Table I, what is missing from it, and how to read it."""
    table = _table(report, box.SIMPLE_HEAD)
    unbounded = console.options.update(max_width=1000)
    if Measurement.get(console, unbounded, table).maximum > console.width:
        table = _table(report, box.SIMPLE_HEAD, without=DESCRIPTIONS)
    console.print(table)
    for line in notes(report):
        console.print(line, style="yellow", highlight=False, markup=False)
    console.print(explanation(report), highlight=False)


def to_markdown(report: Report) -> str:
    """The same as Markdown."""
    text = io.StringIO()
    Console(file=text, width=200, color_system=None).print(_table(report, box.MARKDOWN))
    table = "\n".join(line.strip() for line in text.getvalue().strip().splitlines())
    title, body = table.split("\n", 1)
    parts = [f"**{title}**", body.strip(), *notes(report), explanation(report)]
    return "\n\n".join(parts) + "\n"


def to_json(report: Report) -> str:
    """The same for programs; accuracies in %, unrounded."""
    return json.dumps(
        {
            "study": report.study,
            "recipe": report.recipe.model_dump(mode="json") | {"hash": report.recipe.hash},
            "rows": [asdict(row) | {"difference": row.difference} for row in report.rows],
            "missing": [
                {
                    "architecture": run.architecture,
                    "seed": run.seed,
                    "run_id": run.run_id,
                    "error": report.failures.get(run.run_id),
                }
                for run in report.missing
            ],
        },
        indent=2,
    )


def notes(report: Report) -> list[str]:
    """A line for each architecture with runs missing, and one for each way in which they failed."""
    seeds: dict[str, list[int]] = defaultdict(list)
    errors: dict[str, int] = defaultdict(int)
    for run in report.missing:
        seeds[run.architecture].append(run.seed)
        if run.run_id in report.failures:
            errors[report.failures[run.run_id]] += 1
    lines = [
        f"Missing: {name}, seeds {describe_seeds(missing)}. Launch again to train what is missing."
        for name, missing in seeds.items()
    ]
    return lines + [f"Failed, {count} runs: {error}" for error, count in errors.items()]


def _table(report: Report, style: box.Box, *, without: tuple[str, ...] = ()) -> Table:
    title = f"Table I: study {report.study}, recipe {report.recipe.label}"
    table = Table(
        title=title,
        box=style,
        title_justify="left",
        title_style="bold",
        pad_edge=style is not box.SIMPLE_HEAD,
    )
    rows = [_cells(row) for row in report.rows]
    shown = [header for header in rows[0] if header not in without]
    for header in shown:
        table.add_column(header, justify="left" if header in TEXT_COLUMNS else "right")
    for row in rows:
        table.add_row(*(row[header] for header in shown))
    return table


def _cells(row: Row) -> dict[str, str]:
    """Header to text, in the order of the columns."""
    accuracy = row.accuracy
    spread = "" if accuracy.deviation is None else f" ± {accuracy.deviation:.2f}"
    interval = "one run"
    if accuracy.low is not None and accuracy.high is not None:
        interval = f"{accuracy.low:.2f} to {accuracy.high:.2f}"
    return {
        "model": row.architecture,
        "weight sharing": {None: "-", True: "yes", False: "no"}[row.weight_sharing],
        "auxiliary loss": "yes" if row.auxiliary_loss else "no",
        "parameters": f"{row.parameters:,}",
        "n": str(accuracy.n),
        "test, %": f"{accuracy.mean:.2f}{spread}",
        "95% CI": interval,
        "published, %": f"{row.published.mean:.2f} ± {row.published.deviation:.2f}",
        "diff.": f"{row.difference:+.2f}",
    }
