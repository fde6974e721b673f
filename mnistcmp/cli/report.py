"""`mnistcmp report` and `compare`: what stored results say."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import FAILED, echo, print_json
from mnistcmp.display.terminal import Terminal
from mnistcmp.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mnistcmp.report.contents import Report, SideBySide
    from mnistcmp.results.store import ResultsStore
    from mnistcmp.statistics import Inference, Intervals

DEFAULT_RESULTS = "results/table1"
PAGE = "report.html"


def report(
    results: options.Results = DEFAULT_RESULTS,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    json: options.Json = False,
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
    intervals: options.IntervalsOption = "student",
    within: options.Within = None,
    fail_unless_better: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="End with status 1 unless A is shown to be better than B, as 'compare' has them: "
            "unless the interval of their difference is above 0.",
        ),
    ] = None,
) -> None:
    """Print what a study's stored results say: its conditions, their differences, its answer.

    A study of one recipe, as Table I, stands beside the published numbers.
    With --html the same, and more, becomes a page.
    """
    from mnistcmp.report.as_json import to_json
    from mnistcmp.report.build import build_report
    from mnistcmp.report.compare import compare_in_study
    from mnistcmp.report.gates import not_better, not_better_by_rule
    from mnistcmp.report.text import print_report, to_markdown
    from mnistcmp.results.store import ResultsStore

    if markdown + json + html > 1:
        raise UserError("--markdown, --json and --html cannot go together. Take one of them.")
    if output is not None and not html:
        raise UserError("--output is the page's file and goes with --html. Take both.")
    how = _inference(intervals, within)
    store = ResultsStore(results)
    if store.is_search and not (html or fail_unless_better):
        _report_search(store, markdown=markdown, json=json)
        return
    found = build_report(store, how)
    if html:
        path = output or default_page(results)
        make_page(store, found, path)
        echo(f"The page is {path}")
    elif json:
        print_json(to_json(found))
    elif markdown:
        echo(to_markdown(found), nl=False)
    else:
        print_report(found, Terminal())
    if fail_unless_better is not None:
        first, second = fail_unless_better
        if found.until is not None:
            _gate(not_better_by_rule(found, first, second))
        else:
            _gate(not_better(compare_in_study(store, first, second, how)))


def _inference(intervals: "Intervals", within: float | None) -> "Inference":
    from mnistcmp.statistics import Inference

    if within is not None:
        options.check_points("--within", within, example="--within 0.5")
    return Inference(intervals=intervals, within=within)


def _gate(failures: "Sequence[str]") -> None:
    """Ends the command with status 1, and says why, where there are failures."""
    for line in failures:
        echo(f"mnistcmp: {line}", err=True)
    if failures:
        raise typer.Exit(FAILED)


def _report_search(store: "ResultsStore", *, markdown: bool, json: bool) -> None:
    from mnistcmp.tune.report import build_search_report
    from mnistcmp.tune.text import print_search, search_to_json, search_to_markdown

    found = build_search_report(store)
    if json:
        print_json(search_to_json(found))
    elif markdown:
        echo(search_to_markdown(found), nl=False)
    else:
        print_search(found, Terminal())


def default_page(results: str) -> Path:
    """In the results folder; where that is in an object store, in the working folder.

    Raises:
        UserError: The folder has a link there: whoever made it says which file would be written.
    """
    from mnistcmp.results.location import is_uri

    path = Path(PAGE) if is_uri(results) else Path(results) / PAGE
    if path.is_symlink():
        raise UserError(
            f"{path} is a link to {path.readlink()}, where the page would be written. Remove it, "
            "or name the page's file with --output."
        )
    return path


def make_page(store: "ResultsStore", found: "Report", path: Path) -> None:
    """Writes the page of a results folder.

    Raises:
        UserError: The results or MNIST cannot be read, or the file cannot be written.
    """
    from mnistcmp.data.mnist import load_mnist
    from mnistcmp.report.html.pages import report_page
    from mnistcmp.report.html.template import write_page

    write_page(path, report_page(store, load_mnist(), found))


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
    intervals: options.IntervalsOption = "student",
    within: options.Within = None,
    fail_if_worse: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            help="End with status 1 where A is shown to be worse than B by more than that: where "
            "the interval of a difference is below.",
        ),
    ] = None,
) -> None:
    """Compare two networks seed by seed and test pair by test pair: A less B.

    A and B are two names within one study, or two results folders: before and after a change, a
    laptop's and a cluster's.
    """
    from mnistcmp.report.as_json import comparisons_to_json
    from mnistcmp.report.gates import worse
    from mnistcmp.report.html.pages import comparison_page
    from mnistcmp.report.html.template import write_page
    from mnistcmp.report.text import print_comparison

    if fail_if_worse is not None and not 0 <= fail_if_worse < math.inf:
        raise UserError(
            f"--fail-if-worse {fail_if_worse:g}: expected points, 0 or above, as in "
            "--fail-if-worse 0.5."
        )
    found = _compared(first, second, results, _inference(intervals, within))
    if html is not None:
        write_page(html, comparison_page(found, first=first, second=second))
    if json:
        print_json(comparisons_to_json(found))
    else:
        print_comparison(found, Terminal())
        if html is not None:
            echo(f"The page is {html}.")
    if fail_if_worse is not None:
        _gate(worse(found, fail_if_worse))


def _compared(
    first: str, second: str, results: str | None, how: "Inference"
) -> "tuple[SideBySide, ...]":
    from mnistcmp.report.compare import compare_folders, compare_in_study
    from mnistcmp.results.location import is_uri
    from mnistcmp.results.store import ResultsStore

    names = first, second
    are_there = [is_uri(name) or Path(name).is_dir() for name in names]
    if results is None and all(are_there):
        return compare_folders(ResultsStore(first), ResultsStore(second), how)
    for name, is_there in zip(names, are_there, strict=True):
        if results is None and not is_there and (any(are_there) or "/" in name):
            raise UserError(
                f"there is no results folder {name}. Compare two folders, or two names of one "
                "study with --results FOLDER."
            )
    return compare_in_study(ResultsStore(results or DEFAULT_RESULTS), first, second, how)
