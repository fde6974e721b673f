"""docs/results.md: what it says of the tables holds, and its queries answer its questions."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mnistcmp.data.mnist import Mnist
from mnistcmp.provenance import environment
from mnistcmp.results.outcome import Failed, Finished
from mnistcmp.results.schema import SOURCES, TABLES
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.study import Run, Study
from mnistcmp.training.training import train
from tests.support.fixtures import CPU, SMALL
from tests.support.stored import diverged, store_failure

DOCUMENT = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _queries() -> Iterator[tuple[str, list[str]]]:
    """Each heading that has queries, and those."""
    for section in re.split(r"^##+ ", DOCUMENT, flags=re.MULTILINE)[1:]:
        blocks = re.findall(r"^```python\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
        if blocks and not section.startswith("`weights`"):
            yield section.splitlines()[0], blocks


QUERIES = dict(_queries())


@pytest.fixture(scope="module")
def table1(tmp_path_factory: pytest.TempPathFactory, mnist: Mnist) -> Path:
    """A small `results/table1` of three architectures; two runs failed, and one diverged."""
    study = Study(
        name="table1",
        architectures=("baseline", "siamese-shared", "siamese-separate"),
        seeds=(0, 1, 2),
        recipe=SMALL,
    )
    folder = tmp_path_factory.mktemp("document")
    store = ResultsStore(folder / "results" / "table1")
    store.prepare(study)
    broken = Run(architecture="siamese-shared", seed=4, recipe=SMALL)
    for run in [*study.runs(), broken, replace(broken, architecture="siamese-separate")]:
        (result,) = train([run], mnist, CPU)
        finished = Finished(
            run=run,
            result=diverged(result, epoch=2) if run == broken else result,
            environment=environment(),
            started_at=WHEN,
            finished_at=WHEN,
        )
        store.write(pack(study.name, [finished]))
    for seed, error in ((0, "ValueError: mended"), (3, "ValueError: first"), (3, "OSError: last")):
        run = Run(architecture="baseline", seed=seed, recipe=SMALL)
        failed = Failed(
            run=run, error=error, traceback="...", host=None, failed_at=datetime.now(UTC)
        )
        store.write(pack(study.name, [failed]))
    return folder


def _answer(query: str) -> list[tuple[Any, ...]]:
    """The rows that a query leaves in `answer`, whatever library it is of."""
    names: dict[str, Any] = {}
    exec(query, names)  # noqa: S102 - our own document
    match names["answer"]:
        case pd.DataFrame() as answer:
            return list(answer.itertuples(index=False, name=None))
        case pl.DataFrame() as answer:
            return answer.rows()
        case pa.Table() as answer:
            return list(zip(*answer.to_pydict().values(), strict=True))
        case list() as answer:
            return answer
        case answer:
            rows: list[tuple[Any, ...]] = answer.fetchall()
            return rows


@pytest.mark.parametrize("question", QUERIES)
def test_all_libraries_give_one_answer(
    table1: Path, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To each question."""
    monkeypatch.chdir(table1)
    first, *others = [_rounded(_answer(query)) for query in QUERIES[question]]
    assert first
    assert others
    for other in others:
        assert other == first


def _rounded(rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    """Sums in another order differ in their last digits."""
    return [[round(v, 9) if isinstance(v, float) else v for v in row] for row in rows]


def test_a_run_that_diverged_counts_in_no_answer(
    table1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in numbers of runs, nor in means, nor in those of the epochs before it diverged."""
    monkeypatch.chdir(table1)
    good = {row[0]: row[1] for row in _answer(QUERIES["How good is each architecture?"][0])}
    assert good == {"baseline": 3, "siamese-shared": 3, "siamese-separate": 4}
    ((pairs, *_),) = _answer(QUERIES["Does weight sharing help, seed by seed?"][0])
    assert pairs == 3
    runs = ResultsStore("results/table1").read("runs").to_pandas()
    means = runs.groupby("architecture")["validation_accuracy"].mean()
    for architecture, _, accuracy in _answer(QUERIES["How do they learn?"][0]):
        assert accuracy == pytest.approx(means[architecture])


def test_the_worst_seed_s_wrong_pairs_add_up(table1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as its test accuracy says."""
    monkeypatch.chdir(table1)
    question = "Which seed was worst for siamese-shared, and on which digit pairs?"
    rows = _answer(QUERIES[question][0])
    runs = ResultsStore("results/table1").read("runs").to_pandas()
    shared = runs[runs["architecture"] == "siamese-shared"]
    worst = shared.sort_values(["test_accuracy", "seed"]).iloc[0]
    assert {row[0] for row in rows} == {worst["seed"]}
    assert sum(row[4] for row in rows) == round((1 - worst["test_accuracy"]) * SMALL.test_pairs)


def test_only_the_last_failure_of_an_untrained_run_counts(
    table1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of three attempts."""
    monkeypatch.chdir(table1)
    question = "What failed, and was not trained since?"
    assert _answer(QUERIES[question][0]) == [("baseline", 3, "OSError: last")]


def test_where_nothing_failed_no_failures_are_the_answer(
    store: ResultsStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every library."""
    (tmp_path / "results" / "table1").symlink_to(tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    assert not len(store.read("failures"))
    question = "What failed, and was not trained since?"
    assert [_answer(query) for query in QUERIES[question]] == [[], []]


def test_where_everything_failed_all_failures_are_the_answer(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every library; the other queries have no rows."""
    store = ResultsStore(tmp_path / "results" / "table1")
    store.prepare(study)
    store_failure(store, study, seed=0)
    monkeypatch.chdir(tmp_path)
    assert store.missing() == study.runs()
    question = "What failed, and was not trained since?"
    found = [("baseline", 0, "ValueError: 0")]
    assert [_answer(query) for query in QUERIES[question]] == [found, found]
    for question in ("How good is each architecture?", "How do they learn?"):
        assert [_answer(query) for query in QUERIES[question]] == [[]] * len(QUERIES[question])


@pytest.mark.parametrize("above", ["seed=7", "architecture=mine", "lr=0.01", "test_accuracy=1"])
def test_the_folders_above_the_results_say_nothing(
    table1: Path, tmp_path: Path, above: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However they are called: each answer is as without them."""
    moved = f"{above}/results/table1"
    (tmp_path / above / "results").mkdir(parents=True)
    (tmp_path / moved).symlink_to(table1 / "results" / "table1")
    for queries in QUERIES.values():
        for query in queries:
            monkeypatch.chdir(table1)
            expected = _rounded(_answer(query))
            monkeypatch.chdir(tmp_path)
            assert _rounded(_answer(query.replace("results/table1", moved))) == expected


def test_a_file_s_footer_names_study_recipe_and_writer(
    table1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readable with pyarrow alone."""
    monkeypatch.chdir(table1)
    said = dict(_answer(QUERIES["What a file says of itself"][0]))
    here = environment()
    assert said == {
        "mnistcmp.schema_version": "3",
        "mnistcmp.study": "table1",
        "mnistcmp.recipe_hash": SMALL.hash,
        "mnistcmp.version": here.mnistcmp,
        "mnistcmp.git_revision": here.git_revision or "",
    }
    for key in said:
        assert f"| `{key}` |" in DOCUMENT


def test_every_column_is_documented() -> None:
    """Each table's columns, types, units, meanings and sources, in their order."""
    for name, schema in TABLES.items():
        section = DOCUMENT.split(f"## `{name}`")[1].split("\n## ")[0]
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        assert rows == [_documented(field) for field in schema]
    for source, meaning in SOURCES.items():
        assert f"- {source}: {meaning}\n" in DOCUMENT


def _documented(field: pa.Field) -> str:
    unit, meaning, source = (
        field.metadata[key].decode() for key in (b"unit", b"description", b"source")
    )
    assert source in SOURCES
    type_ = f"{field.type}{' or null' if field.nullable else ''}"
    return f"| `{field.name}` | {type_} | {unit} | {meaning} | {source} |"
