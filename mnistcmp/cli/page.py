"""The page of a results folder: where it goes, and what a launch does about it."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from mnistcmp.errors import UserError

if TYPE_CHECKING:
    from mnistcmp.report.contents import Report
    from mnistcmp.results.store import ResultsStore

PAGE = "report.html"


def default_page(results: str) -> Path:
    """In the results folder; where that is in an object store, in the working folder."""
    from mnistcmp.results.location import is_uri

    return Path(PAGE) if is_uri(results) else Path(results) / PAGE


def make_page(
    store: "ResultsStore", found: "Report", path: Path, data_dir: Path | None = None
) -> None:
    """Writes the page of a results folder.

    Raises:
        UserError: The results or MNIST cannot be read, or the file cannot be written.
    """
    from mnistcmp.data.cache import data_dir as data_folder
    from mnistcmp.data.mnist import load_mnist
    from mnistcmp.report.html.report import report_page
    from mnistcmp.report.html.template import write_page

    write_page(path, report_page(store, load_mnist(data_folder(data_dir)), found))


def leave_page(
    results: str | None, found: "Report | None", console: Console, data_dir: Path | None = None
) -> None:
    """Writes a launch's page into its results folder, and says where it is.

    In an object store it would have to be fetched to be looked at, and a cluster's folder may not
    be seen from here (`results` is None): then it is only said how to make one. What stands in
    the way of a page does not fail a launch.
    """
    from mnistcmp.results.location import is_uri
    from mnistcmp.results.store import ResultsStore

    if found is None or results is None:
        return
    line = f"To look at it as a page: mnistcmp report {results} --html"
    if not is_uri(results):
        path = default_page(results)
        try:
            make_page(ResultsStore(results), found, path, data_dir)
            line = f"The page is {path}"
        except UserError as error:
            line = f"No page was made: {error}"
    console.print(line, highlight=False, markup=False, soft_wrap=True)
