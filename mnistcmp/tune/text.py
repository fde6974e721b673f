"""A search's points for people, in the terminal and as Markdown, and for programs, as JSON."""

from collections.abc import Iterator
from dataclasses import asdict

from rich.console import Console

from mnistcmp.report.as_json import dumps, recipe_fields
from mnistcmp.report.numbers import CI, LEVEL, interval, plural, points, signed, spread
from mnistcmp.report.tables import Table
from mnistcmp.report.text import as_text, markdown_table, print_table
from mnistcmp.study.seeds import describe_seeds
from mnistcmp.tune.report import PointRow, SearchReport
from mnistcmp.tune.space import in_short


def print_search(report: SearchReport, console: Console) -> None:
    """The points, the best first, and what choosing among them means."""
    for table in _tables(report):
        print_table(table, console)
    for line in _notes(report):
        console.print(line, style="yellow", highlight=False, markup=False)
    console.print(choice(report), highlight=False, markup=False)


def search_to_markdown(report: SearchReport) -> str:
    """The same as Markdown."""
    tables = [part for table in _tables(report) for part in markdown_table(table)]
    return "\n\n".join([*tables, *map(as_text, _notes(report)), choice(report)]) + "\n"


def search_to_json(report: SearchReport) -> str:
    """The same for programs; accuracies in %, unrounded."""
    rows = [
        asdict(row) | {"recipe": recipe_fields(row.recipe), "is_best": row == report.best}
        for row in report.rows
    ]
    return dumps(asdict(report) | {"rows": rows, "choice": choice(report)})


def choice(report: SearchReport) -> str:
    """Which point was chosen, by what, and what that says of its accuracy."""
    best = report.best
    if best is None or best.accuracy is None:
        return "No point has finished, so none was chosen."
    said = (
        f"Validation accuracy chose {best.point}, of {plural(len(report.rows), 'point')}; no test "
        f"pair was looked at. Its {points(best.accuracy.mean)}% is optimistic: it is the best of "
        "all points', and by default each run's epoch was chosen by the same pairs."
    )
    finished = [row for row in report.rows if row.state == "finished"]
    differences = ((row.point, row.difference) for row in finished)
    close = [name for name, d in differences if d and (d.high is None or d.high >= 0)]
    if len(report.seeds) == 1:
        said += " With one seed there is no deviation and no interval; take --seeds 3 or more."
    elif close:
        said += f" Not clearly worse ({LEVEL}): {', '.join(close)}."
    return said


def _notes(report: SearchReport) -> list[str]:
    notes = [f"{row.point} failed: {row.error}" for row in report.rows if row.state == "failed"]
    if diverged := [row.point for row in report.rows if row.state == "diverged"]:
        notes.append(
            f"Never chosen, since the loss of a run was no longer finite: {', '.join(diverged)}."
        )
    if report.missing:
        missing = ", ".join(report.missing)
        notes.append(f"Not there yet: {missing}. Search again to train what is missing.")
    return notes


def _tables(report: SearchReport) -> Iterator[Table]:
    if report.rows:
        title = (
            f"Search {report.study}: validation accuracy, mean over "
            f"{', '.join(report.architectures)}; seeds {describe_seeds(report.seeds)}"
        )
        rows = [_cells(row, report.fields) for row in report.rows]
        yield Table(name="points", title=title, rows=rows)


def _cells(row: PointRow, fields: tuple[str, ...]) -> dict[str, str]:
    values = row.recipe.model_dump(mode="json")
    accuracy, difference = row.accuracy, row.difference
    less, its_interval = "best", ""
    if accuracy is None:
        less, accuracies = "", [points(row.score) if row.state == "stopped" else "", row.state]
    else:
        how_sure = interval(accuracy, alone="one seed")
        accuracies = [spread(accuracy), how_sure if row.state == "finished" else row.state]
    if difference is not None:
        less, its_interval = signed(difference.mean), interval(difference)
    return {in_short(field): str(values[field]) for field in fields} | {
        "n": str(0 if accuracy is None else accuracy.n),
        "validation, %": accuracies[0],
        CI: accuracies[1],
        "epochs": str(row.epochs),
        "less the best": less,
        f"its {CI}": its_interval,
    }
