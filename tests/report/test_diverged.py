"""Runs that diverged: counted beside the others, in no mean, and in nobody's way."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from mnistcmp.data.mnist import Mnist
from mnistcmp.errors import UserError
from mnistcmp.report.as_json import comparisons_to_json, to_json
from mnistcmp.report.build import build_report
from mnistcmp.report.compare import compare_folders, compare_in_study
from mnistcmp.report.figures.curves import draw_learning
from mnistcmp.report.figures.dots import draw_accuracies
from mnistcmp.report.figures.drawing import to_png
from mnistcmp.report.html.pages import comparison_page, report_page
from mnistcmp.report.runs import read_groups
from mnistcmp.report.text import print_comparison, print_report, to_markdown
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.statistics import summarise
from mnistcmp.study.study import Run, Study
from tests.support.fixtures import SMALL
from tests.support.stored import diverged, with_accuracy

Store = Callable[[Study, Callable[[Run], bool]], ResultsStore]
TABLE = Study(name="table1", seeds=(0, 1, 2), recipe=SMALL)
RECIPES = Study(
    name="rates",
    architectures=("baseline", "siamese-shared"),
    seeds=(0, 1, 2),
    recipes={"small": SMALL, "huge": SMALL.model_copy(update={"learning_rate": 9.0})},
)
CHAINS = TABLE.under(SMALL.model_copy(update={"rounds": 2}))


@pytest.fixture
def stored(tmp_path: Path, study: Study, finish: Callable[[Run], Finished]) -> Store:
    """Stores a study of which some runs diverged, in their first epoch or later."""
    finished = finish(study.runs()[0])

    def store_study(study: Study, broke: Callable[[Run], bool]) -> ResultsStore:
        store = ResultsStore(tmp_path / "results")
        store.prepare(study)
        ended = []
        for run in study.runs():
            result = with_accuracy(finished.result, 0.8 + 0.01 * run.seed)
            if broke(run):
                result = diverged(result, 1 + run.seed % 2)
            ended.append(replace(finished, run=run, result=result))
        store.write(pack(study.name, ended))
        return store

    return store_study


def _forms(store: ResultsStore, mnist: Mnist) -> list[str]:
    """Terminal, Markdown and page of a folder; JSON and figures as PNG are made too."""
    report = build_report(store)
    printed = io.StringIO()
    print_report(report, Console(file=printed, width=200))
    groups = read_groups(store, report.conditions)
    for drawing in draw_learning(groups) + draw_accuracies(report.rows, groups, name="d"):
        assert to_png(drawing, dots_per_inch=20)
    assert "NaN" not in to_json(report)
    forms = [printed.getvalue(), to_markdown(report), report_page(store, mnist, report)]
    assert not any("nan" in form.split() or "nan%" in form for form in forms)
    return forms


def test_a_run_that_diverged_counts_in_no_mean_and_is_told(stored: Store, mnist: Mnist) -> None:
    """In its row, beside n; in the notes; in the answer; in JSON; on the page."""
    store = stored(TABLE, lambda run: (run.architecture, run.seed) == ("siamese-shared", 1))
    report = build_report(store)
    rows = {row.architecture: row for row in report.rows}
    assert rows["siamese-shared"].accuracy == summarise([80.0, 82.0])
    assert (rows["siamese-shared"].diverged, rows["baseline"].diverged) == (1, 0)
    assert report.missing == ()
    for form in _forms(store, mnist):
        assert "2, 1 diverged" in form
        assert "Diverged: siamese-shared, 1 of 3 runs." in " ".join(form.split())
        assert "Of 15 runs, 1 diverged and counts in none of this." in " ".join(form.split())
        assert "This study is not finished" not in form
    content = json.loads(to_json(report))
    assert [row["diverged"] for row in content["rows"]] == [0, 1, 0, 0, 0]
    assert {c.difference.n for c in report.comparisons if c.difference} == {2, 3}


@pytest.mark.parametrize(
    ("wide", "left"),
    [
        (TABLE, ("siamese-shared", "siamese-separate")),
        (TABLE, ("baseline",)),
        (TABLE, ()),
        (RECIPES, ("small",)),
        (RECIPES, ("huge",)),
        (RECIPES, ()),
        (CHAINS, ()),
    ],
)
def test_a_condition_of_which_every_run_diverged_has_no_numbers(
    stored: Store, mnist: Mnist, wide: Study, left: tuple[str, ...]
) -> None:
    """And no view fails for it: a reference, a cell of the 2 x 2, a recipe, or all there are."""
    kept = {
        (c.architecture, c.recipe)
        for c in wide.conditions
        if c.architecture in left or c.recipe_name in left
    }
    store = stored(wide, lambda run: (run.architecture, run.recipe) not in kept)
    report = build_report(store)
    assert [row.accuracy is not None for row in report.rows] == [
        (c.architecture, c.recipe) in kept for c in wide.conditions
    ]
    assert report.factorial is None
    for form in _forms(store, mnist):
        assert "0, 3 diverged" in form
    if not left:
        assert report.answer == "Every finished run diverged, so there is no result."


def test_a_comparison_is_over_what_did_not_diverge(stored: Store) -> None:
    """It says how many did; where nothing is left, that is the error."""
    store = stored(TABLE, lambda run: run.architecture != "baseline" and run.seed > 1)
    [found] = compare_in_study(store, "siamese-shared", "baseline")
    assert (found.paired_seeds, found.diverged, found.unpaired) == ((0, 1), (1, 0), (0, 1))
    printed = io.StringIO()
    print_comparison([found], Console(file=printed, width=200))
    page = comparison_page([found], first="siamese-shared", second="baseline")
    for form in (printed.getvalue(), page):
        assert "1 run of siamese-shared diverged, and is left out." in form
        assert "2, 1 diverged" in form
    content = json.loads(comparisons_to_json([found]))
    assert content["comparisons"][0]["diverged"] == [1, 0]
    assert {c.paired_seeds for c in compare_folders(store, store)} == {(0, 1, 2), (0, 1)}


def test_nothing_left_to_compare_is_one_line(stored: Store) -> None:
    """With the reason."""
    store = stored(TABLE, lambda run: run.architecture == "siamese-shared")
    with pytest.raises(UserError, match="seed in common that did not diverge; 3 runs did"):
        compare_in_study(store, "siamese-shared", "baseline")
    assert len(compare_folders(store, store)) == 4
