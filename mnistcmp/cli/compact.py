"""`mnistcmp compact`: the many small files of a results folder put together into few."""

import json as json_module
from dataclasses import asdict
from typing import Annotated

import typer


def compact(
    results: Annotated[
        str, typer.Argument(help="Results folder or URI, as 'mnistcmp launch' named it.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Put a results folder's many small files together into few; no row changes.

    May be interrupted at any moment and run again, and may run beside a launch: what is stored
    meanwhile stays for the next time.
    """
    from mnistcmp.results.compaction import compact
    from mnistcmp.results.store import ResultsStore

    done = compact(ResultsStore(results))
    if json:
        typer.echo(json_module.dumps([asdict(table) for table in done], indent=2))
        return
    for table in done:
        what = f"{table.rows:,} rows rewritten" if table.rows else "nothing to do"
        typer.echo(f"{table.table}: files {table.before:,} before, {table.after:,} now; {what}")
