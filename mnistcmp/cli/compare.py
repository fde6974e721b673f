"""`mnistcmp compare`: two conditions of a study, or two results folders."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import Terminal, print_json
from mnistcmp.errors import UserError

if TYPE_CHECKING:
    from mnistcmp.report.pairs import SideBySide

DEFAULT_RESULTS = "results/table1"


def compare(
    first: Annotated[
        str,
        typer.Argument(
            metavar="A", help="An architecture, a condition or a recipe; or a results folder."
        ),
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="Another of the same kind.")],
    results: Annotated[
        str | None,
        typer.Option(
            help=f"Results folder or URI that names are looked up in. Default: {DEFAULT_RESULTS}."
        ),
    ] = None,
    json: options.Json = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page too, one HTML file.")
    ] = None,
) -> None:
    """Compare two networks seed by seed and test pair by test pair: A less B.

    A and B are two names within one study, or two results folders: before and after a change, a
    laptop's and a cluster's.
    """
    from mnistcmp.report.as_json import comparisons_to_json
    from mnistcmp.report.text import print_comparison

    found = _compare(first, second, results)
    if html is not None:
        from mnistcmp.report.html.comparison import comparison_page
        from mnistcmp.report.html.template import write_page

        write_page(html, comparison_page(found, first=first, second=second))
    if json:
        print_json(comparisons_to_json(found))
        return
    terminal = Terminal()
    print_comparison(found, terminal)
    if html is not None:
        terminal.say(f"The page is {html}.")


def _compare(first: str, second: str, results: str | None) -> "tuple[SideBySide, ...]":
    from mnistcmp.report.pairing import compare_folders, compare_in_study
    from mnistcmp.results.location import is_uri
    from mnistcmp.results.store import ResultsStore

    places = [is_uri(name) or Path(name).is_dir() for name in (first, second)]
    if results is None and all(places):
        return compare_folders(ResultsStore(first), ResultsStore(second))
    for name in (first, second):
        if results is None and (any(places) or "/" in name) and not Path(name).is_dir():
            raise UserError(
                f"there is no results folder {name}. Compare two folders, or two names of one "
                "study with --results FOLDER."
            )
    return compare_in_study(ResultsStore(results or DEFAULT_RESULTS), first, second)
