"""`mnistcmp report`: what a results folder says, in the terminal, for scripts, or as a page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcmp.cli.console import make_console
from mnistcmp.cli.options import DataDir
from mnistcmp.cli.page import PAGE, default_page, make_page
from mnistcmp.errors import UserError

if TYPE_CHECKING:
    from mnistcmp.results.store import ResultsStore


def report(
    results: Annotated[
        str, typer.Argument(help="Results folder or URI, as 'mnistcmp launch' named it.")
    ] = "results/table1",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, accuracies in % and unrounded.")
    ] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Write a page, one HTML file that needs nothing else.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help=f"The page's file. Default: {PAGE} in the results folder; of a URI, here.",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Print what a study's stored results say: its conditions, their differences, its answer.

    A study of one recipe, as Table I, stands beside the published numbers.
    With --html the same, and more, becomes a page.
    """
    from mnistcmp.report.as_json import to_json
    from mnistcmp.report.build import build_report
    from mnistcmp.report.searches import point_files
    from mnistcmp.report.text import print_report, to_markdown
    from mnistcmp.results.store import ResultsStore

    chosen = [
        name
        for name, wanted in (("--markdown", markdown), ("--json", json), ("--html", html))
        if wanted
    ]
    if len(chosen) > 1:
        raise UserError(f"{' and '.join(chosen)} cannot go together. Take one of them.")
    if output is not None and not html:
        raise UserError("--output is the page's file and goes with --html. Take both.")
    store = ResultsStore(results)
    if point_files(store) and not html:
        _report_search(store, markdown=markdown, json=json)
        return
    found = build_report(store)
    if html:
        path = output or default_page(results)
        make_page(store, found, path, data_dir)
        typer.echo(f"The page is {path}")
    elif json:
        typer.echo(to_json(found))
    elif markdown:
        typer.echo(to_markdown(found), nl=False)
    else:
        print_report(found, make_console())


def _report_search(store: "ResultsStore", *, markdown: bool, json: bool) -> None:
    from mnistcmp.tune.report import build_search_report
    from mnistcmp.tune.text import print_search, search_to_json, search_to_markdown

    found = build_search_report(store)
    if json:
        typer.echo(search_to_json(found))
    elif markdown:
        typer.echo(search_to_markdown(found), nl=False)
    else:
        print_search(found, make_console())
