"""Two conditions of a study, or two results folders, compared."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from scipy import stats

from mnistcmp.data.mnist import Mnist
from mnistcmp.errors import UserError
from mnistcmp.provenance import environment
from mnistcmp.report.compare import compare_folders, compare_in_study
from mnistcmp.report.html.pages import comparison_page
from mnistcmp.report.words import comparison_notes, comparison_sentence
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.study import Run, Study
from mnistcmp.training.result import TrainingResult
from mnistcmp.training.training import train
from tests.support.commands import run_command
from tests.support.fixtures import CPU
from tests.support.pages import (
    WINDOWS,
    Look,
    Window,
    assert_fine,
    needs_browser,
    open_browser,
    query,
)
from tests.support.stored import remove_seed

A, B = "siamese-shared-aux", "baseline"


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    """Shows pages in one browser."""
    with open_browser(tmp_path_factory.mktemp("pages")) as opened:
        yield opened


@pytest.fixture
def copy(store: ResultsStore, tmp_path: Path) -> ResultsStore:
    """Another folder with the same results."""
    shutil.copytree(store.location.name, tmp_path / "copy")
    return ResultsStore(tmp_path / "copy")


def test_differences_are_paired_by_seed(
    store: ResultsStore, results: dict[Run, TrainingResult]
) -> None:
    """The mean of the differences, its deviation and p, as SciPy has them."""
    [comparison] = compare_in_study(store, A, B)
    first, second = (
        [100 * result.test.accuracy for run, result in results.items() if run.architecture == name]
        for name in (A, B)
    )
    difference = comparison.difference
    assert difference is not None
    assert comparison.differences == pytest.approx([first[0] - second[0], first[1] - second[1]])
    assert difference.n == 2
    assert difference.p == pytest.approx(stats.ttest_rel(first, second).pvalue)
    assert comparison.paired_seeds == (0, 1)


def test_agreements_are_counted_pair_by_pair(store: ResultsStore) -> None:
    """The four counts of each seed, by SQL over the Parquet files."""
    [comparison] = compare_in_study(store, A, B)
    counted = query(
        store,
        "select a.seed, count(*) filter (a.predicted = a.label and b.predicted = b.label), "
        "count(*) filter (a.predicted = a.label and b.predicted != b.label), "
        "count(*) filter (a.predicted != a.label and b.predicted = b.label), "
        "count(*) filter (a.predicted != a.label and b.predicted != b.label) "
        "from predictions a join predictions b using (seed, pair) "
        "where a.architecture = 'siamese-shared-aux' and b.architecture = 'baseline' "
        "group by 1 order by 1",
    )
    assert counted == [
        (s.seed, s.both_right, s.only_first, s.only_second, s.both_wrong) for s in comparison.seeds
    ]
    assert comparison.pooled.only_first == sum(row[2] for row in counted)
    assert sum(d.pairs for d in comparison.digits) == 80
    assert sum(d.second_wrong for d in comparison.digits) == sum(r[2] + r[4] for r in counted)


def test_the_other_way_round_is_the_same_with_the_other_sign(store: ResultsStore) -> None:
    """A less B, B less A."""
    [one], [other] = compare_in_study(store, A, B), compare_in_study(store, B, A)
    assert one.difference is not None
    assert other.difference is not None
    assert one.difference.mean == -other.difference.mean
    assert one.difference.p == other.difference.p
    assert one.pooled.only_first == other.pooled.only_second


def test_identical_folders_are_said_to_be(store: ResultsStore, copy: ResultsStore) -> None:
    """Every condition, run by run."""
    found = compare_folders(store, copy)
    assert [comparison.subject for comparison in found] == [B, A]
    for comparison in found:
        assert comparison.all_identical
        assert "are identical run by run: all 2 runs" in comparison_sentence(comparison)


def test_one_changed_prediction_is_not_identical(store: ResultsStore, copy: ResultsStore) -> None:
    """A probability that differs in one pair of one run."""
    path = min((Path(copy.location.name) / "predictions").glob("*.parquet"))
    table = pq.read_table(path)
    column = table.schema.get_field_index("probability")
    values = table["probability"].to_numpy().copy()
    values[0] = 0.5
    changed = table.set_column(column, table.schema.field(column), [values])
    pq.write_table(changed, path)
    assert sum(not comparison.all_identical for comparison in compare_folders(store, copy)) == 1


def test_seeds_that_one_side_has_alone_are_left_out(
    store: ResultsStore, copy: ResultsStore
) -> None:
    """And their number is said; of the one seed that is left no interval is made."""
    remove_seed(copy, 1)
    for comparison in compare_folders(store, copy):
        assert comparison.paired_seeds == (0,)
        assert comparison.unpaired == (1, 0)
        assert comparison_notes(comparison)[0] == (
            f"1 run of {store.location} has a seed that the other has not, and is left out."
        )
        assert comparison_sentence(comparison).endswith(
            f" gives the same results as {copy.location} (1 seed)."
        )
        assert comparison.difference is not None
        assert comparison.difference.p is None


def test_nothing_in_common_is_refused(
    store: ResultsStore, copy: ResultsStore, tmp_path: Path, study: Study
) -> None:
    """No seed, no condition, no result: a line that says what there is."""
    remove_seed(store, 0)
    remove_seed(copy, 1)
    with pytest.raises(UserError, match="have no finished seed in common"):
        compare_folders(store, copy)
    empty = ResultsStore(tmp_path / "empty")
    empty.prepare(study)
    with pytest.raises(UserError, match="empty has no finished run"):
        compare_folders(store, empty)


def test_folders_of_other_recipes_are_compared_by_architecture(
    store: ResultsStore, tmp_path: Path, mnist: Mnist, study: Study
) -> None:
    """Where each has one recipe; that they differ is said."""
    recipe = study.recipe.model_copy(update={"learning_rate": 0.01})
    run = Run(architecture="baseline", seed=0, recipe=recipe)
    other = ResultsStore(tmp_path / "other")
    other.prepare(Study(name="other", architectures=("baseline",), seeds=(0,), recipe=recipe))
    now = datetime(2026, 1, 2, tzinfo=UTC)
    finished = Finished(
        run=run,
        result=train([run], mnist, CPU)[0],
        environment=environment(),
        started_at=now,
        finished_at=now,
    )
    other.write(pack("other", [finished]))
    [comparison] = compare_folders(store, other)
    assert comparison.subject == "baseline"
    assert comparison_notes(comparison)[0] == (
        "Their recipes differ: epochs-1-train-pairs-100-test-pairs-40 and "
        "epochs-1-learning-rate-0.01-train-pairs-100-test-pairs-40."
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (f"{A} baselin", "unknown condition 'baselin'; did you mean 'baseline'"),
        (f"{A} {A}", f"'{A}' is named twice"),
        (f"{A} siamese-separate", "unknown condition 'siamese-separate'"),
    ],
)
def test_a_wrong_name_gets_one_line(
    store: ResultsStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    message: str,
) -> None:
    """Exit status 2."""
    command = ["compare", *arguments.split(), "--results", store.location.name]
    assert run_command(monkeypatch, *command) == 2
    written = capsys.readouterr()
    assert message in written.err
    assert written.err.count("\n") == 1


def test_the_command_prints_json_and_writes_a_page(
    store: ResultsStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Standard output is JSON alone; the page is where it was asked for."""
    page = tmp_path / "page.html"
    command = ["compare", A, B, "--results", store.location.name, "--json", "--html", str(page)]
    assert run_command(monkeypatch, *command) == 0
    content = json.loads(capsys.readouterr().out)
    [comparison] = content["comparisons"]
    assert comparison["difference"]["n"] == 2
    assert comparison["sentence"] in page.read_text(encoding="utf-8")
    assert "Cochran-Mantel-Haenszel" in content["methods"]["pooled"]


def test_the_command_takes_two_folders(
    store: ResultsStore,
    copy: ResultsStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before and after a change, a laptop's and a cluster's."""
    assert run_command(monkeypatch, "compare", store.location.name, copy.location.name) == 0
    assert "identical run by run" in " ".join(capsys.readouterr().out.split())


@needs_browser
@pytest.mark.parametrize("window", WINDOWS)
def test_a_browser_has_nothing_to_complain_about(
    store: ResultsStore, look: Look, window: Window
) -> None:
    """As for the page of a study."""
    page = comparison_page(compare_in_study(store, A, B), first=A, second=B)
    assert_fine(look(page, window), window)
