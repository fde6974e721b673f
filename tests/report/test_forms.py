"""Terminal, Markdown, JSON and page say the same numbers in one form."""

import io
import json

import pytest
from rich.console import Console

from mnistcmp.data.mnist import Mnist
from mnistcmp.report.as_json import comparisons_to_json, dumps, to_json
from mnistcmp.report.build import build_report
from mnistcmp.report.compare import compare_in_study
from mnistcmp.report.html.pages import comparison_page, report_page
from mnistcmp.report.tables import comparison_tables, report_tables
from mnistcmp.report.text import print_comparison, print_report, print_table, to_markdown
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.study import Study
from tests.report.conftest import MakeStore
from tests.support.fixtures import SMALL

OTHER = SMALL.model_copy(update={"activation": "tanh"})
STUDY = Study(
    name="x",
    architectures=("baseline",),
    seeds=(0, 1, 2),
    recipes={"ReLU": SMALL, "tanh": OTHER},
)
P, INTERVAL, DIFFERENCE = "0.020", "+1.52 to +6.48", "+4.00 ± 1.00"


@pytest.fixture
def store(made_up: MakeStore) -> ResultsStore:
    """Differences of 3, 4 and 5 points: 4, deviation 1, interval 4 -+ 4.303 / sqrt(3)."""
    return made_up(STUDY, lambda r: 80 + r.seed + (r.recipe == OTHER) * (3 + r.seed))


def test_a_report_s_forms_agree(store: ResultsStore, mnist: Mnist) -> None:
    """One p, one interval, one difference, in all that people read; JSON has them unrounded."""
    report = build_report(store)
    printed = io.StringIO()
    print_report(report, Console(file=printed, width=130))
    page = report_page(store, mnist, report)
    for form in (printed.getvalue(), to_markdown(report), page):
        assert f" {P} " in form or f">{P}<" in form
        for text in (INTERVAL, DIFFERENCE, "(95% CI 1.52 to 6.48, 3 seeds)"):
            assert text in form
    [comparison] = json.loads(to_json(report))["comparisons"]
    difference = comparison["difference"]
    assert f"{difference['p']:.3f}" == P
    assert f"{difference['low']:+.2f} to {difference['high']:+.2f}" == INTERVAL
    assert difference["p"] != round(difference["p"], 3)


def test_a_comparison_s_forms_agree_with_the_report(store: ResultsStore) -> None:
    """`mnistcmp compare` says the p and the interval that `mnistcmp report` says."""
    found = compare_in_study(store, "tanh", "ReLU")
    sentence = "tanh is better than ReLU by 4.00 points (95% CI 1.52 to 6.48, 3 seeds, p = 0.020)"
    printed = io.StringIO()
    print_comparison(found, Console(file=printed, width=130))
    page = comparison_page(found, first="tanh", second="ReLU")
    for form in (printed.getvalue(), page):
        assert sentence in form
        assert f" {P} " in f"{form} ".replace("\n", " ") or f">{P}<" in form
        assert INTERVAL in form
        assert DIFFERENCE in form
    [comparison] = json.loads(comparisons_to_json(found))["comparisons"]
    assert comparison["sentence"] == f"{sentence}."
    assert f"{comparison['difference']['p']:.3f}" == P


@pytest.mark.parametrize("width", [20, 40, 60, 64, 80, 100])
def test_a_narrow_terminal_cuts_no_number(made_up: MakeStore, width: int) -> None:
    """Columns go whole, names break between words; what is too wide even so stays whole too."""
    wide = Study(name="table1", seeds=(0, 1, 2), recipe=SMALL)
    found = made_up(wide, lambda r: 80 + len(r.architecture) / 3 + r.seed**2)
    compared = compare_in_study(found, "siamese-shared", "siamese-separate-aux")
    tables = report_tables(build_report(found))
    tables += comparison_tables(compared[0], name="x", most_seeds=9)
    for table in tables:
        printed = io.StringIO()
        print_table(table, Console(file=printed, width=width))
        text = printed.getvalue()
        body = text.rpartition("─")[2]
        words = {word for row in table.rows for cell in row.values() for word in cell.split()}
        assert set(body.split()) <= words
        for column in {"n", "test, %", "both right"} & set(table.columns):
            assert all(row[column] in body for row in table.rows)


def test_json_has_no_nan() -> None:
    """What is not a number is null, which every reader of JSON knows."""
    assert json.loads(dumps({"a": [1.5, float("nan")], "b": (float("inf"),)})) == {
        "a": [1.5, None],
        "b": [None],
    }
