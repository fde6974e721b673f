"""Table I from stored results."""

import json
import shutil
from pathlib import Path

import pytest

from mnistcmp.errors import UserError
from mnistcmp.report import build_report, to_json, to_markdown
from mnistcmp.results import ResultsStore
from mnistcmp.statistics import summarise
from mnistcmp.study import Recipe, Run, Study
from mnistcmp.training import TrainingResult


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
    """A table with every column, and the text that explains the difference."""
    text = to_markdown(build_report(store))
    header, rule, *rows = [line for line in text.splitlines() if line.startswith("|")]
    assert header.count("|") == rule.count("|") == 10
    assert len(rows) == 2
    assert "97.74 ± 0.46" in rows[1]
    assert "71,119" in rows[1]
    assert "Why it differs from the published table" in text


def test_json_has_the_same_unrounded(store: ResultsStore) -> None:
    """Scripts read what people read."""
    report = build_report(store)
    content = json.loads(to_json(report))
    assert content["study"] == "small"
    row = content["rows"][0]
    assert row["accuracy"]["mean"] == report.rows[0].accuracy.mean
    assert row["published"] == {"mean": 82.17, "deviation": 1.686}
    assert row["difference"] == pytest.approx(row["accuracy"]["mean"] - 82.17)


def test_missing_runs_are_named(store: ResultsStore, study: Study) -> None:
    """An unfinished study says which runs are missing, in every form."""
    store.prepare(study.model_copy(update={"seeds": (0, 1, 2, 3)}))
    report = build_report(store)
    assert "Missing: baseline, seeds 2-3." in to_markdown(report)
    assert len(json.loads(to_json(report))["missing"]) == 4


def test_one_run_has_no_interval(store: ResultsStore) -> None:
    """With one seed there is a value, and nothing more is claimed."""
    for path in (Path(store.location.name) / "launches").iterdir():
        path.unlink()
    for row in store.read("runs").to_pylist():
        if row["seed"] == 1:
            (Path(store.location.name) / "runs" / f"{row['run_id']}.parquet").unlink()
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
    other.prepare(study.model_copy(update={"recipe": Recipe(epochs=7)}))
    for path in (Path(other.location.name) / "launches").iterdir():
        shutil.copy(path, Path(store.location.name) / "launches")
    with pytest.raises(UserError, match="mixes 2 recipes"):
        build_report(store)
