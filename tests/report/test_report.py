"""Table I from stored results."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mnistcmp.errors import LONGEST, UserError
from mnistcmp.report.as_json import to_json
from mnistcmp.report.build import build_report
from mnistcmp.report.text import to_markdown
from mnistcmp.results.outcome import Failed, Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.statistics import summarise
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run, Study
from mnistcmp.training.result import TrainingResult
from tests.support.stored import NOON, remove_seed, with_accuracy


def test_rows_are_the_stored_runs(store: ResultsStore, results: dict[Run, TrainingResult]) -> None:
    """Mean, deviation and interval of each architecture's test accuracies, in %."""
    report = build_report(store)
    assert [row.architecture for row in report.rows] == ["baseline", "siamese-shared-aux"]
    for row in report.rows:
        accuracies = [
            100 * result.test.accuracy
            for run, result in results.items()
            if run.architecture == row.architecture
        ]
        assert row.accuracy == summarise(accuracies)


def test_markdown_has_the_published_numbers_beside_ours(store: ResultsStore) -> None:
    """A table with every column."""
    text = to_markdown(build_report(store))
    title, table, *_ = text.split("\n\n")
    assert title.startswith("**Study small, recipe ")
    header, rule, *rows = table.splitlines()
    assert header.count("|") == rule.count("|") == 10
    assert len(rows) == 2
    assert "97.74 ± 0.46" in rows[1]
    assert "71,119" in rows[1]


def test_json_has_the_same_unrounded(store: ResultsStore) -> None:
    """Scripts read what people read."""
    report = build_report(store)
    content = json.loads(to_json(report))
    assert content["study"] == "small"
    row, accuracy = content["rows"][0], report.rows[0].accuracy
    assert accuracy is not None
    assert row["accuracy"]["mean"] == accuracy.mean
    assert row["published"] == {"mean": 82.17, "deviation": 1.686}
    assert row["difference"] == pytest.approx(row["accuracy"]["mean"] - 82.17)


def test_missing_runs_are_named(store: ResultsStore, study: Study) -> None:
    """An unfinished study says which runs are missing, in every form."""
    store.prepare(study.model_copy(update={"seeds": (0, 1, 2, 3)}))
    report = build_report(store)
    assert "Missing: baseline, seeds 2-3." in to_markdown(report)
    assert len(json.loads(to_json(report))["missing"]) == 4


def test_errors_are_cut_on_the_screen_and_whole_in_json(store: ResultsStore, study: Study) -> None:
    """A text of 200,000 characters, of as many lines, and one for each of very many runs."""
    wide = study.model_copy(update={"seeds": tuple(range(40))})
    store.prepare(wide)
    texts = ["x" * 200_000, "line\n" * 40_000, *(f"ValueError: {n}" for n in range(40))]
    lost = [run for run in wide.runs() if run.seed > 1]
    failed = [
        Failed(run=run, error=text, traceback="...", host=None, failed_at=NOON)
        for run, text in zip(lost, texts, strict=False)
    ]
    store.write(pack(wide.name, [*failed, replace(failed[0], run=lost[-1])]))
    report = build_report(store)
    text = to_markdown(report)
    assert f"Failed, 2 runs: {'x' * LONGEST}...\n" in text
    assert len(text) < 10_000
    assert "Failed in other ways: 32 runs; 'failures' has their errors." in text
    missing = json.loads(to_json(report))["missing"]
    assert {run["error"] for run in missing if run["error"]} == set(texts)


def test_one_run_has_no_interval(store: ResultsStore, study: Study) -> None:
    """With one seed there is a value, and nothing more is claimed."""
    for path in (Path(store.location.name) / "launches").iterdir():
        path.unlink()
    store.prepare(study.model_copy(update={"seeds": (0,)}))
    remove_seed(store, 1)
    text = to_markdown(build_report(store))
    assert text.count("| one run |") == 2


def test_an_empty_or_absent_folder_is_refused(tmp_path: Path, study: Study) -> None:
    """The error says what to run."""
    with pytest.raises(UserError, match="there is no results folder"):
        build_report(ResultsStore(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"has no finished run\. Run 'mnistcmp launch'"):
        build_report(ResultsStore(tmp_path))
    store = ResultsStore(tmp_path / "prepared")
    store.prepare(study)
    with pytest.raises(UserError, match="has no finished run of the 4 launched"):
        build_report(store)


def test_mixed_recipes_are_refused(store: ResultsStore, study: Study, tmp_path: Path) -> None:
    """Results copied together from two recipes do not make one table."""
    other = ResultsStore(tmp_path / "other")
    other.prepare(study.under(Recipe(epochs=7)))
    shutil.copytree(
        Path(store.location.name) / "runs", Path(other.location.name) / "runs", dirs_exist_ok=True
    )
    with pytest.raises(UserError, match="has mixed recipes: 2 results of baseline under"):
        build_report(other)
    for path in (Path(other.location.name) / "launches").iterdir():
        shutil.copy(path, Path(store.location.name) / "launches")
    with pytest.raises(UserError, match="would mix the recipes"):
        build_report(store)


@pytest.fixture
def two_recipes(tmp_path: Path, study: Study, finish: Callable[[Run], Finished]) -> ResultsStore:
    """The study's results under one recipe, and under another one better point by point.

    The other recipe's results are the first's with accuracies raised by 1 and 2 points for the
    seeds 0 and 1; siamese-shared-aux has no result under it.
    """
    other = study.recipe.model_copy(update={"learning_rate": 0.01})
    wide = Study(
        name="rates",
        question="Is 0.01 better?",
        architectures=study.architectures,
        seeds=study.seeds,
        recipes={"0.005": study.recipe, "0.01": other},
    )
    store = ResultsStore(tmp_path / "rates")
    store.prepare(wide)
    for run in study.runs():
        finished = finish(run)
        store.write(pack("rates", [finished]))
        if run.architecture == "baseline":
            better = finished.result.test.accuracy + 0.01 * (run.seed + 1)
            result = with_accuracy(finished.result, better)
            moved = replace(finished, run=replace(run, recipe=other), result=result)
            store.write(pack("rates", [moved]))
    return store


def test_a_study_of_several_recipes_has_a_row_for_each_condition(two_recipes: ResultsStore) -> None:
    """Under the condition's name, without published numbers; what has no run is missing."""
    report = build_report(two_recipes)
    assert [(row.condition, row.n, row.published) for row in report.rows] == [
        ("baseline, 0.005", 2, None),
        ("baseline, 0.01", 2, None),
        ("siamese-shared-aux, 0.005", 2, None),
    ]
    assert list(report.missing_runs()) == ["siamese-shared-aux, 0.01"]
    text = to_markdown(report)
    assert "**Study rates**" in text
    assert "**Is 0.01 better?** baseline, 0.01 makes no clear difference to baseline, 0.005" in text
    assert "Missing: siamese-shared-aux, 0.01, seeds 0-1." in text
    assert "0.01: epochs-1-learning-rate-0.01-train-pairs-100" in text
    content = json.loads(to_json(report))
    assert content["recipe"] is None
    assert [row["recipe"]["learning_rate"] for row in content["rows"]] == [0.005, 0.01, 0.005]


def test_each_architecture_is_compared_with_itself_under_the_first_recipe(
    two_recipes: ResultsStore,
) -> None:
    """Seed by seed: 1 and 2 points more are 1.5 points, give or take t(0.975, 1) = 12.706 / 2."""
    report = build_report(two_recipes)
    (comparison,) = report.comparisons
    assert (comparison.condition, comparison.reference) == ("baseline, 0.01", "baseline, 0.005")
    difference = comparison.difference
    assert difference is not None
    assert difference.n == 2
    assert difference.mean == pytest.approx(1.5)
    assert difference.low == pytest.approx(1.5 - 12.7062 / 2, rel=1e-4)
    text = " ".join(to_markdown(report).split())
    assert "| +1.50 ± 0.71 | -4.85 to +7.85 | 0.205 |" in text
    assert report.averages == ()
