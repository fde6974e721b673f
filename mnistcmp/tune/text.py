"""A search's points for people, in the terminal and as Markdown, and for programs, as JSON."""

import io
import json
from dataclasses import asdict

from rich import box
from rich.console import Console
from rich.table import Table

from mnistcmp.study.seeds import describe_seeds
from mnistcmp.tune.report import PointRow, SearchReport
from mnistcmp.tune.space import in_short


def print_search(report: SearchReport, console: Console) -> None:
    """The points, the best first, and what choosing among them means."""
    console.print(_title(report), style="bold", highlight=False, markup=False)
    console.print(_table(report, box.SIMPLE_HEAD))
    for line in _notes(report):
        console.print(line, style="yellow", highlight=False, markup=False)
    console.print(choice(report), highlight=False, markup=False)


def search_to_markdown(report: SearchReport) -> str:
    """The same as Markdown."""
    text = io.StringIO()
    Console(file=text, width=1000, color_system=None).print(_table(report, box.MARKDOWN))
    table = "\n".join(line.strip() for line in text.getvalue().strip().splitlines())
    return "\n\n".join([f"**{_title(report)}**", table, *_notes(report), choice(report)]) + "\n"


def search_to_json(report: SearchReport) -> str:
    """The same for programs; accuracies in %, unrounded."""
    rows = [
        asdict(row)
        | {"recipe": row.recipe.model_dump(mode="json") | {"hash": row.recipe.hash}}
        | {"is_best": row == report.best}
        for row in report.rows
    ]
    return json.dumps(asdict(report) | {"rows": rows, "choice": choice(report)}, indent=2)


def choice(report: SearchReport) -> str:
    """Which point was chosen, by what, and what that says of its accuracy."""
    best = report.best
    if best is None or best.accuracy is None:
        return "No point has finished, so none was chosen."
    finished = [row for row in report.rows if row.state == "finished"]
    said = (
        f"Validation accuracy chose {best.point}, of {len(report.rows)} points; no test pair was "
        f"looked at. Its {best.accuracy.mean:.2f}% is optimistic: it is the best of all "
        "points', and by default each run's epoch was chosen by the same pairs."
    )
    if len(report.seeds) == 1:
        said += " With one seed there is no deviation and no interval; take --seeds 3 or more."
    elif close := [row.point for row in finished[1:] if not _clearly_worse(row)]:
        said += f" Not clearly worse (95%): {', '.join(close)}."
    return said


def _clearly_worse(row: PointRow) -> bool:
    difference = row.difference
    return difference is not None and difference.high is not None and difference.high < 0


def _title(report: SearchReport) -> str:
    return (
        f"Search {report.study}: validation accuracy, mean over {', '.join(report.architectures)}; "
        f"seeds {describe_seeds(report.seeds)}"
    )


def _notes(report: SearchReport) -> list[str]:
    if not report.missing:
        return []
    return [f"Not there yet: {', '.join(report.missing)}. Search again to train what is missing."]


def _table(report: SearchReport, style: box.Box) -> Table:
    table = Table(box=style, pad_edge=style is not box.SIMPLE_HEAD)
    for field in report.fields:
        table.add_column(in_short(field), justify="right")
    for header in ("n", "validation, %", "95% CI", "epochs", "less the best", "its 95% CI"):
        table.add_column(header, justify="right")
    for row in report.rows:
        values = row.recipe.model_dump(mode="json")
        table.add_row(*(str(values[field]) for field in report.fields), *_cells(row))
    return table


def _cells(row: PointRow) -> list[str]:
    accuracy, difference = row.accuracy, row.difference
    if accuracy is None:
        score = f"{row.score:.2f}" if row.state == "stopped" else ""
        return ["0", score, row.state, str(row.epochs), "", ""]
    spread = "" if accuracy.deviation is None else f" ± {accuracy.deviation:.2f}"
    cells = [str(accuracy.n), f"{accuracy.mean:.2f}{spread}"]
    cells += [_interval(accuracy.low, accuracy.high, ""), str(row.epochs)]
    if difference is None:
        return [*cells, "best", ""]
    return [*cells, f"{difference.mean:+.2f}", _interval(difference.low, difference.high, "+")]


def _interval(low: float | None, high: float | None, sign: str) -> str:
    return "one seed" if low is None or high is None else f"{low:{sign}.2f} to {high:{sign}.2f}"
