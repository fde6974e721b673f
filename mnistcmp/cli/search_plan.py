"""`mnistcmp tune --dry-run`: what a search would do."""

from rich.table import Table

from mnistcmp.cli.console import make_console
from mnistcmp.results.location import fresh_place
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.seeds import describe_seeds
from mnistcmp.tune.folder import SearchFolder
from mnistcmp.tune.search import Search
from mnistcmp.tune.space import Choice, Dimension, in_short


def print_search_plan(search: Search, output: str, *, fresh: bool) -> None:
    """The points, or the space that they are looked for in, and what is there already."""
    folder = SearchFolder(search, ResultsStore(fresh_place(output) if fresh else output))
    points = [folder.named(point) for point in search.points()]
    folder.check(points)
    table = Table(title=f"Plan of search {search.name}", title_justify="left")
    if points:
        for header in ("point", "there already"):
            table.add_column(header)
        for point in points:
            known = folder.settled(point)
            table.add_row(point.name, known.state if known else "no")
    else:
        for header in ("field", "values"):
            table.add_column(header)
        for dimension in search.dimensions:
            table.add_row(in_short(dimension.field), _describe(dimension))
    console = make_console()
    console.print(table)
    base, count = search.base, len(points) or search.samples
    console.print(
        f"{count} points, each of {len(base.architectures)} architectures with the seeds "
        f"{describe_seeds(base.seeds)}: {count * len(base.architectures) * len(base.seeds)} runs. "
        f"Results folder: {folder.store.location}. Nothing was done.",
        highlight=False,
        markup=False,
    )


def _describe(dimension: Dimension) -> str:
    if isinstance(dimension, Choice):
        return ", ".join(map(str, dimension.values))
    return f"{dimension.low} to {dimension.high}{', logarithmic' if dimension.is_log else ''}"
