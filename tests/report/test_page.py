"""The page of a results folder, in numbers and in a browser."""

import base64
import html
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistcmp.cli.view import leave_page
from mnistcmp.data.mnist import Mnist
from mnistcmp.data.pairs import draw_pair_sets
from mnistcmp.display.terminal import Terminal
from mnistcmp.provenance import environment
from mnistcmp.report import runs
from mnistcmp.report.as_json import to_json
from mnistcmp.report.build import build_report
from mnistcmp.report.html.pages import report_page
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.study import Study
from mnistcmp.training.training import train
from tests.support.commands import run_command
from tests.support.fixtures import CPU, SMALL
from tests.support.pages import (
    WINDOWS,
    Look,
    Window,
    assert_fine,
    needs_browser,
    open_browser,
    query,
)

Fill = Callable[[Study], ResultsStore]
Draw = Callable[[ResultsStore], str]


@pytest.fixture(scope="module")
def fill(mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Fill:
    """Trains a small study into a folder of its own."""

    def filled(study: Study) -> ResultsStore:
        store = ResultsStore(tmp_path_factory.mktemp(study.name) / "results")
        store.prepare(study)
        start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        for condition in study.conditions:
            kind = condition.architecture, condition.recipe
            stack = [run for run in study.runs() if (run.architecture, run.recipe) == kind]
            finished = [
                Finished(
                    run=run,
                    result=result,
                    environment=environment(),
                    started_at=start,
                    finished_at=start + timedelta(seconds=1),
                )
                for run, result in zip(stack, train(stack, mnist, CPU), strict=True)
            ]
            store.write(pack(study.name, finished))
        return store

    return filled


@pytest.fixture(scope="module")
def table(fill: Fill) -> ResultsStore:
    """Table I's five networks, three seeds, three short epochs."""
    recipe = SMALL.model_copy(update={"epochs": 3})
    return fill(Study(name="small-table", seeds=(0, 1, 2), recipe=recipe))


@pytest.fixture(scope="module")
def unfinished(fill: Fill) -> ResultsStore:
    """One seed of two wanted."""
    study = Study(name="unfinished", architectures=("baseline",), seeds=(4,), recipe=SMALL)
    store = fill(study)
    store.prepare(study.model_copy(update={"seeds": (4, 5)}))
    return store


@pytest.fixture(scope="module")
def conditions(fill: Fill) -> ResultsStore:
    """Two networks under two recipes."""
    recipes = {"one epoch": SMALL, "two epochs": SMALL.model_copy(update={"epochs": 2})}
    return fill(
        Study(
            name="conditions",
            question="What does a second epoch do?",
            architectures=("baseline", "siamese-shared"),
            seeds=(0, 1),
            recipes=recipes,
        )
    )


@pytest.fixture(scope="module")
def page_of(mnist: Mnist) -> Draw:
    """Makes the page of a folder, once for all tests that look at it."""
    return cache(lambda store: report_page(store, mnist))


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    """Shows pages in one browser."""
    with open_browser(tmp_path_factory.mktemp("pages")) as opened:
        yield opened


def _cells(page: str, name: str) -> list[str]:
    """The cells of a condition's row in the table of results."""
    table = page.split('<table id="results">', 1)[1].split("</table>", 1)[0]
    row = table.split(f'<th scope="row">{name}</th>', 1)[1].split("</tr>", 1)[0]
    return re.findall(r"<td[^>]*>(.*?)</td>", row)


def test_the_numbers_are_those_of_the_report_and_of_the_files(
    table: ResultsStore, page_of: Draw
) -> None:
    """Table I on the page, `report --json`, and SQL over the Parquet files say the same."""
    page = page_of(table)
    rows = json.loads(to_json(build_report(table)))["rows"]
    counted = query(
        table,
        "select architecture, count(*), avg(100 * test_accuracy), stddev_samp(100 * test_accuracy) "
        "from runs group by 1",
    )
    by_name = {name: numbers for name, *numbers in counted}
    assert len(rows) == len(by_name) == 5
    for row in rows:
        n, mean, deviation = by_name[row["architecture"]]
        cells = _cells(page, row["architecture"])
        assert cells[:2] == [str(n), f"{mean:.2f} ± {deviation:.2f}"]
        assert cells[2] == f"{row['accuracy']['low']:.2f} to {row['accuracy']['high']:.2f}"
        assert cells[4] == f"{row['difference']:+.2f}"


def test_the_map_counts_the_stored_predictions(table: ResultsStore, page_of: Draw) -> None:
    """Each of the hundred cells, by SQL over the Parquet files."""
    page = page_of(table)
    counted = query(
        table,
        "select first_digit, second_digit, count(*) filter (predicted != label), count(*) "
        "from predictions where architecture = 'siamese-shared' group by 1, 2",
    )
    expected = {(first, second): (wrong, pairs) for first, second, wrong, pairs in counted}
    section = page.split("<caption>siamese-shared:")[1].split("</table>")[0]
    hints = re.findall(r'title="([^"]*)"', section)
    assert len(hints) == 100
    for position, hint in enumerate(hints):
        cell = expected.get(divmod(position, 10))
        assert hint == (f"{cell[0]} of {cell[1]} wrong" if cell else "no such pair was tested")


def test_the_gallery_shows_the_test_pairs(table: ResultsStore, page_of: Draw, mnist: Mnist) -> None:
    """A tile's image is the pair that its seed was tested on, and the answer a wrong one."""
    page = page_of(table)
    page = html.unescape(page)
    section = page.split("The most confident mistakes")[1].split("<h3>siamese-shared</h3>")[0]
    tiles = re.findall(
        r'<img src="data:image/png;base64,([^"]+)" alt="handwritten (\d) and (\d)".*?'
        r"<strong>\d (.) \d</strong>.*?“(.*?)”.*?seed (\d+), pair (\d+)",
        section,
        flags=re.DOTALL,
    )
    assert len(tiles) == 8
    recipe = SMALL.model_copy(update={"epochs": 3})
    for image, first, second, sign, answer, seed, pair in tiles:
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(image))))
        test = draw_pair_sets(mnist, int(seed), recipe).test
        left, right = np.rint(255 * mnist.test.images[test.sources[int(pair)]])
        assert (pixels[:, :14] == left).all()
        assert (pixels[:, 16:] == right).all()
        assert [int(first), int(second)] == test.digits[int(pair)].tolist()
        assert (sign == "≤") == (int(first) <= int(second)) == (answer == "greater than")


def test_the_most_confident_mistakes_come_first(table: ResultsStore, page_of: Draw) -> None:
    """The first tile is what SQL over the Parquet files finds."""
    page = page_of(table)
    [found] = query(
        table,
        "select seed, pair from (select *, if(predicted = 1, probability, 1 - probability) sure "
        "from predictions) where predicted != label "
        "and architecture = 'siamese-separate-aux' order by sure desc, seed, pair limit 1",
    )
    section = page.split("<h3>siamese-separate-aux</h3>")[1]
    assert re.findall(r"seed (\d+), pair (\d+)", section)[0] == tuple(map(str, found))


def test_the_same_results_give_the_same_page(
    table: ResultsStore, page_of: Draw, mnist: Mnist
) -> None:
    """No date of its own, nothing random."""
    assert report_page(table, mnist) == page_of(table)


def test_an_unfinished_study_says_what_is_missing(unfinished: ResultsStore, page_of: Draw) -> None:
    """And one run has no interval, which is said where there would be one."""
    page = page_of(unfinished)
    assert "This study is not finished." in page
    assert "Missing: baseline, seeds 5." in page
    assert _cells(page, "baseline")[2] == "one run"
    assert "One seed: its own errors, without a band." in page


def test_several_recipes_stand_under_their_names(conditions: ResultsStore, page_of: Draw) -> None:
    """Conditions with their differences; sections by recipe; no published numbers."""
    page = page_of(conditions)
    assert "What does a second epoch do?" in page
    differences = page.split('<table id="differences">', 1)[1].split("</table>", 1)[0]
    assert '"row">baseline, two epochs</th><td class="text">baseline, one epoch</td>' in differences
    assert '"row">baseline, one epoch</th>' not in differences
    assert page.count("<h3>two epochs</h3>") == 3
    assert "published" not in page.split('<table id="results">')[1].split("</table>")[0]


def test_what_a_study_asks_is_text(fill: Fill, mnist: Mnist) -> None:
    """Words from the files cannot become part of the page's code."""
    study = Study(
        name="quoted",
        question="<script>alert(1)</script> & more?",
        architectures=("baseline",),
        seeds=(0,),
        recipe=SMALL,
    )
    page = report_page(fill(study), mnist)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more?" in page


def test_of_very_many_runs_some_are_looked_at(
    fill: Fill, mnist: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of the others are not opened, and the page says so."""
    monkeypatch.setattr(runs, "MOST_DETAILED", 2)
    monkeypatch.setattr("mnistcmp.report.html.pages.MOST_DETAILED", 2)
    study = Study(name="many", architectures=("baseline",), seeds=(0, 1, 2), recipe=SMALL)
    page = report_page(fill(study), mnist)
    assert "are those of the 2 runs with the\nsmallest seeds" in page
    assert "n = 2 runs" in page
    assert _cells(page, "baseline")[0] == "3"


@needs_browser
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", ["table", "unfinished", "conditions"])
def test_a_browser_has_nothing_to_complain_about(
    request: pytest.FixtureRequest, look: Look, page_of: Draw, name: str, window: Window
) -> None:
    """No error, no request, no sideways scrolling; axe-core finds nothing, in either scheme."""
    assert_fine(look(page_of(request.getfixturevalue(name)), window), window)


def test_the_command_writes_the_page_beside_the_results(
    store: ResultsStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Or where it is told to; the terminal says where it is."""
    folder = Path(store.location.name)
    elsewhere = folder.parent / "page.html"
    assert run_command(monkeypatch, "report", str(folder), "--html") == 0
    assert capsys.readouterr().out == f"The page is {folder / 'report.html'}\n"
    assert run_command(monkeypatch, "report", str(folder), "--html", "-o", str(elsewhere)) == 0
    assert elsewhere.read_bytes() == (folder / "report.html").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--html --json", "--json and --html cannot go together"),
        ("-o page.html", "--output is the page's file and goes with --html"),
        ("--html -o /proc/page.html", "cannot write the page /proc/page.html: No such file"),
    ],
)
def test_a_page_that_cannot_be_made_gets_one_line(
    store: ResultsStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    message: str,
) -> None:
    """Exit status 2, and no file."""
    folder = Path(store.location.name).parent
    monkeypatch.chdir(folder)
    assert run_command(monkeypatch, "report", "results", *arguments.split()) == 2
    assert message in capsys.readouterr().err
    assert list(folder.rglob("*.html")) == []


def test_a_launch_leaves_its_page(store: ResultsStore, capsys: pytest.CaptureFixture[str]) -> None:
    """In the results folder; what stands in its way is said, and an object store is left alone."""
    folder, found = store.location.name, build_report(store)
    leave_page(folder, found, Terminal())
    assert capsys.readouterr().out == f"The page is {folder}/report.html\n"
    page = Path(folder) / "report.html"
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    page.unlink()
    page.mkdir()
    leave_page(folder, found, Terminal())
    assert "No page was made: cannot write the page" in capsys.readouterr().out
    leave_page("s3://bucket/x", found, Terminal())
    assert "mnistcmp report s3://bucket/x --html" in capsys.readouterr().out
