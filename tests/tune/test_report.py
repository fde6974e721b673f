"""What is said of a search's points."""

import json
from dataclasses import replace

import pytest

from mnistcmp.statistics import paired_difference, summarise
from mnistcmp.study.recipe import Recipe
from mnistcmp.tune.report import PointRow, SearchReport
from mnistcmp.tune.text import search_to_json, search_to_markdown

BEST, OTHER = [92.0, 93.0, 94.0], [90.0, 91.5, 91.0]


def _row(rate: float, accuracies: list[float]) -> PointRow:
    summary = summarise(accuracies)
    return PointRow(
        point=f"lr {rate}",
        recipe=Recipe(learning_rate=rate),
        state="finished",
        epochs=150,
        score=summary.mean,
        accuracy=summary,
        difference=None,
    )


@pytest.fixture
def report() -> SearchReport:
    """Two points, one clearly worse, and one that was stopped."""
    other = replace(_row(0.01, OTHER), difference=paired_difference(OTHER, BEST))
    stopped = replace(_row(0.1, OTHER), state="stopped", epochs=17, score=70.0, accuracy=None)
    return SearchReport(
        study="tune-x",
        architectures=("baseline",),
        seeds=(0, 1, 2),
        fields=("learning_rate",),
        rows=(_row(0.005, BEST), other, stopped),
        missing=("lr 0.2",),
    )


def test_the_best_point_is_named_and_called_optimistic(report: SearchReport) -> None:
    """With what chose it, and what is not there yet."""
    printed = search_to_markdown(report)
    assert "Validation accuracy chose lr 0.005, of 3 points; no test pair was looked" in printed
    assert "is optimistic" in printed
    assert "Not clearly worse (95%): " not in printed
    assert "Not there yet: lr 0.2." in printed


def test_each_point_has_its_mean_and_its_difference(report: SearchReport) -> None:
    """The deviation over seeds, the interval, and the paired difference; none where stopped."""
    best, other, stopped = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in search_to_markdown(report).splitlines()
        if line.startswith("| ")
    ][1:]
    assert best[:5] == ["0.005", "3", "93.00 ± 1.00", "90.52 to 95.48", "150"]
    assert other[5:] == ["-2.17", "-4.06 to -0.27"]
    assert stopped == ["0.1", "0", "70.00", "stopped", "17", "", ""]


def test_one_seed_is_said_and_gets_no_interval(report: SearchReport) -> None:
    """There is nothing to tell its uncertainty from."""
    alone = replace(report, seeds=(0,), rows=(_row(0.005, BEST[:1]),))
    printed = search_to_markdown(alone)
    assert "With one seed there is no deviation and no interval" in printed
    assert "| one seed |" in printed


def test_without_a_finished_point_none_is_chosen(report: SearchReport) -> None:
    """Those that were stopped cannot be."""
    assert "none was chosen" in search_to_markdown(replace(report, rows=report.rows[2:]))


def test_what_diverged_or_failed_is_said_with_its_reason(report: SearchReport) -> None:
    """It has no accuracy, and is no choice."""
    stopped = report.rows[2]
    failed = replace(stopped, point="lr 1", state="failed", error="ValueError: no")
    diverged = replace(stopped, point="lr 10", state="diverged")
    printed = search_to_markdown(replace(report, rows=(diverged, failed)))
    assert "lr 1 failed: ValueError: no" in printed
    assert "Never chosen, since the loss of a run was no longer finite: lr 10." in printed
    assert "none was chosen" in printed


def test_json_has_recipes_and_unrounded_numbers(report: SearchReport) -> None:
    """And which point is the best."""
    rows = json.loads(search_to_json(report))["rows"]
    assert [row["is_best"] for row in rows] == [True, False, False]
    assert rows[0]["recipe"]["learning_rate"] == 0.005
    assert rows[1]["difference"]["mean"] == pytest.approx(-13 / 6)
