"""`mnistcmp report`: Table I from a results folder."""

from typing import Annotated

import typer

from mnistcmp.cli.console import make_console
from mnistcmp.errors import UserError


def report(
    results: Annotated[
        str, typer.Argument(help="Results folder or URI, as 'mnistcmp launch' named it.")
    ] = "results/table1",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, accuracies in % and unrounded.")
    ] = False,
) -> None:
    """Print Table I of stored results beside the published numbers."""
    from mnistcmp.report import build_report, print_report, to_json, to_markdown
    from mnistcmp.results import ResultsStore

    if markdown and json:
        raise UserError("--markdown and --json cannot go together. Take one of them.")
    found = build_report(ResultsStore(results))
    if json:
        typer.echo(to_json(found))
    elif markdown:
        typer.echo(to_markdown(found), nl=False)
    else:
        print_report(found, make_console())
