"""`mnistcmp compare`: two conditions of a study, or two results folders."""

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from mnistcmp.cli.console import make_console
from mnistcmp.errors import UserError

if TYPE_CHECKING:
    from mnistcmp.report.pairs import SideBySide

DEFAULT_RESULTS = "results/table1"
SEEDS_SHOWN = 20
"""Of more paired seeds, the terminal shows the sums alone."""
DIGITS_SHOWN = 5


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
    json: Annotated[bool, typer.Option("--json", help="Print JSON, unrounded.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page too, one HTML file.")
    ] = None,
) -> None:
    """Compare two networks seed by seed and test pair by test pair: A less B.

    A and B are two names within one study, or two results folders: before and after a change, a
    laptop's and a cluster's.
    """
    found = _compare(first, second, results)
    if html is not None:
        from mnistcmp.report.html.comparison import comparison_page
        from mnistcmp.report.html.template import write_page

        write_page(html, comparison_page(found, first=first, second=second))
    if json:
        typer.echo(_to_json(found))
        return
    console = make_console()
    for comparison in found:
        _print(comparison, console)
    _print_claim(found, console)
    if html is not None:
        console.print(f"The page is {html}.", highlight=False, markup=False)


def _compare(first: str, second: str, results: str | None) -> "tuple[SideBySide, ...]":
    from mnistcmp.report.sides import compare_folders, compare_in_study
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


def _to_json(found: "tuple[SideBySide, ...]") -> str:
    from mnistcmp.report.mcnemar import EXACT, POOLED
    from mnistcmp.report.sentences import CLAIM, in_a_sentence, notes

    return json_module.dumps(
        {
            "comparisons": [
                {"sentence": in_a_sentence(comparison), "notes": notes(comparison)}
                | asdict(comparison)
                for comparison in found
            ],
            "methods": {"difference": "paired t test", "within_seed": EXACT, "pooled": POOLED},
            "claim": CLAIM,
        },
        indent=2,
    )


def _print(comparison: "SideBySide", console: Console) -> None:
    from mnistcmp.report.sentences import in_a_sentence, notes

    console.print(in_a_sentence(comparison), style="bold", highlight=False, markup=False)
    for note in notes(comparison):
        console.print(note, style="yellow", highlight=False, markup=False)
    if comparison.all_identical:
        return
    if comparison.seeds:
        console.print(_seeds(comparison))
    differing = [d for d in comparison.digits if d.first_wrong != d.second_wrong][:DIGITS_SHOWN]
    if differing:
        listed = "; ".join(
            f"{d.digits[0]} and {d.digits[1]} ({d.first_wrong} to {d.second_wrong} wrong of "
            f"{d.pairs})"
            for d in differing
        )
        console.print(f"Digits where they differ most: {listed}.\n", highlight=False, markup=False)


def _seeds(comparison: "SideBySide") -> Table:
    from mnistcmp.report.sentences import p_value

    table = Table(title="Test pairs", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("seed")
    for header in ("both right", f"only {comparison.first}", f"only {comparison.second}"):
        table.add_column(header, justify="right", overflow="fold")
    for header in ("both wrong", "p"):
        table.add_column(header, justify="right")
    counts = [seed.counts for seed in comparison.seeds]
    if len(counts) <= SEEDS_SHOWN:
        for seed in comparison.seeds:
            of = seed.counts
            row = (seed.seed, of.both_right, of.only_first, of.only_second, of.both_wrong)
            table.add_row(*map(str, row), p_value(seed.p))
    table.add_section()
    p = "-" if comparison.pooled.p is None else p_value(comparison.pooled.p)
    sums = (
        sum(of.both_right for of in counts),
        comparison.pooled.only_first,
        comparison.pooled.only_second,
        sum(of.both_wrong for of in counts),
    )
    table.add_row("all", *(f"{value:,}" for value in sums), p)
    return table


def _print_claim(found: "tuple[SideBySide, ...]", console: Console) -> None:
    from mnistcmp.report.mcnemar import EXACT, POOLED
    from mnistcmp.report.sentences import CLAIM

    if all(comparison.all_identical for comparison in found):
        return
    console.print(
        f"p within a seed: {EXACT}. p of all: {POOLED}. {CLAIM}", highlight=False, markup=False
    )
