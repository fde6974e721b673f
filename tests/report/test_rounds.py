"""Runs of several rounds, from their rows to the report and its page."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnistcmp.data.mnist import Mnist
from mnistcmp.report.as_json import to_json
from mnistcmp.report.build import build_report
from mnistcmp.report.html.pages import report_page
from mnistcmp.report.text import to_markdown
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run, Study
from mnistcmp.training.result import Round, TrainingResult
from mnistcmp.training.training import train
from tests.support.fixtures import CPU, SMALL

CHAIN = SMALL.model_copy(update={"rounds": 3, "shuffle": False})
STUDY = Study(
    name="chains",
    architectures=("baseline", "siamese-shared"),
    seeds=(0, 1),
    recipes={"independent": SMALL, "carried over": CHAIN},
)
REACHED = {0: (80.0, 82.0, 84.0), 1: (82.0, 83.0, 84.0)}
"""Seed to the test accuracies, in %, that the baseline's rounds are given."""


@pytest.fixture(scope="module")
def trained(mnist: Mnist) -> dict[Recipe, TrainingResult]:
    """A run of one round, and one of three."""
    runs = STUDY.model_copy(update={"architectures": ("baseline",), "seeds": (0,)}).runs()
    return {run.recipe: train([run], mnist, CPU)[0] for run in runs}


@pytest.fixture
def chains(
    tmp_path: Path,
    trained: dict[Recipe, TrainingResult],
    finish: Callable[[Run], Finished],
    study: Study,
) -> ResultsStore:
    """The study's results, the accuracies of the baseline's chains made up."""
    store = ResultsStore(tmp_path / "results")
    store.prepare(STUDY)
    finished = finish(study.runs()[0])
    for run in STUDY.runs():
        result = trained[run.recipe]
        if run.recipe == CHAIN and run.architecture == "baseline":
            given = zip(result.rounds, REACHED[run.seed], strict=True)
            result = replace(result, rounds=tuple(_reach(part, to) for part, to in given))
        store.write(pack(STUDY.name, [replace(finished, run=run, result=result)]))
    return store


def _reach(part: Round, percent: float) -> Round:
    assert part.test is not None
    return replace(part, test=part.test._replace(accuracy=percent / 100))


def test_a_chain_s_rounds_are_rows(
    chains: ResultsStore, trained: dict[Recipe, TrainingResult]
) -> None:
    """One for each round of a run that has several; the run's own row has their means."""
    rows = chains.read("rounds").to_pandas()
    assert len(rows) == 2 * 2 * 3
    assert set(rows["recipe_hash"]) == {CHAIN.hash}
    of_one = rows[(rows["architecture"] == "baseline") & (rows["seed"] == 0)].sort_values("round")
    assert of_one["round"].tolist() == [1, 2, 3]
    assert of_one["best_epoch"].tolist() == [part.best_epoch for part in trained[CHAIN].rounds]
    runs = chains.read("runs").to_pandas()
    run = runs[(runs["run_id"] == of_one["run_id"].iloc[0])].iloc[0]
    for column in ("test_accuracy", "validation_loss", "train_accuracy"):
        assert run[column] == pytest.approx(of_one[column].mean())
    epochs, pairs = (chains.read(name).to_pandas() for name in ("epochs", "predictions"))
    assert sorted(epochs[epochs["run_id"] == run["run_id"]]["epoch"]) == [1, 2, 3]
    positions = np.sort(pairs[pairs["run_id"] == run["run_id"]]["pair"])
    assert np.array_equal(positions, np.arange(3 * SMALL.test_pairs))


def test_the_report_has_rounds_beside_the_published_means(chains: ResultsStore) -> None:
    """Means of rounds over the chains, and the deviation over the rounds of a chain."""
    report = build_report(chains)
    assert [part.condition for part in report.rounds] == [
        "baseline, carried over",
        "siamese-shared, carried over",
    ]
    baseline = report.rounds[0]
    assert baseline.chains == 2
    assert baseline.means == pytest.approx((81, 82.5, 84))
    # Deviations of 80, 82, 84 and of 82, 83, 84 are 2 and 1.
    assert baseline.accuracy.mean == pytest.approx(82.5)
    assert baseline.deviation == pytest.approx(1.5)
    # Published: 82.17 with a deviation of 1.686.
    assert baseline.within_published
    assert not report.rounds[1].within_published


def test_rounds_are_printed_explained_and_on_the_page(chains: ResultsStore, mnist: Mnist) -> None:
    """In Markdown, as JSON and as HTML, with the rows that stay unexplained."""
    report = build_report(chains)
    row = "| baseline, carried over | 2 | 81.0 | 82.5 | 84.0 | 82.50 ± 1.50 | 82.17 ± 1.69 | yes |"
    markdown = to_markdown(report)
    assert row in "\n".join(" ".join(line.split()) for line in markdown.splitlines())
    assert "published standard deviation of the published mean: baseline, carried" in markdown
    assert "stay unexplained: siamese-shared, carried over." in markdown
    stored = json.loads(to_json(report))["rounds"]
    assert [part["within_published"] for part in stored] == [True, False]
    page = report_page(chains, mnist, report)
    assert "82.50 ± 1.50" in page
    assert "stay unexplained: siamese-shared, carried over." in page


def _stored(
    folder: Path, study: Study, mnist: Mnist, finish: Callable[[Run], Finished], other: Run
) -> ResultsStore:
    store = ResultsStore(folder)
    store.prepare(study)
    for run in study.runs():
        result = train([run], mnist, CPU)[0]
        store.write(pack(study.name, [replace(finish(other), run=run, result=result)]))
    return store


def test_recipes_of_different_rounds_stand_in_one_table(
    tmp_path: Path, mnist: Mnist, finish: Callable[[Run], Finished], study: Study
) -> None:
    """With a dash where one has no such round."""
    two = SMALL.model_copy(update={"rounds": 2})
    chains = Study(
        name="x", architectures=("baseline",), seeds=(0,), recipes={"three": CHAIN, "two": two}
    )
    report = build_report(_stored(tmp_path, chains, mnist, finish, study.runs()[0]))
    means = next(part for part in report.rounds if part.condition == "two").means
    rows = [" ".join(line.split()) for line in to_markdown(report).splitlines()]
    assert any(f"| two | 1 | {means[0]:.1f} | {means[1]:.1f} | – |" in row for row in rows)
    assert "–</td>" in report_page(ResultsStore(tmp_path), mnist, report)


def test_a_study_of_one_recipe_shows_its_rounds_too(
    tmp_path: Path, mnist: Mnist, finish: Callable[[Run], Finished], study: Study
) -> None:
    """And does not explain them as independent runs."""
    chains = Study(name="x", architectures=("baseline",), seeds=(0, 1), recipe=CHAIN)
    report = build_report(_stored(tmp_path, chains, mnist, finish, study.runs()[0]))
    markdown = to_markdown(report)
    assert "Rounds, mean over n chains" in markdown
    assert "Why it differs from the published table" not in markdown
