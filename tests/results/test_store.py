"""The results folder."""

import json
import re
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnistcmp.errors import UserError
from mnistcmp.export.tables import export_tables
from mnistcmp.report.build import build_report
from mnistcmp.results.outcome import Failed, Finished, Outcome
from mnistcmp.results.parquet import decode, encode
from mnistcmp.results.reading import read_files
from mnistcmp.results.repair import set_aside
from mnistcmp.results.schema import SCHEMA_VERSION, TABLES, to_table
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run, Study
from mnistcmp.training.result import TrainingResult
from tests.support.fixtures import SMALL
from tests.support.stored import content_of, diverged, files_of, folder_of

Finish = Callable[[Run], Finished]


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """The kernel lets this process write no longer file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def _first_run_file(store: ResultsStore) -> Path:
    return min((Path(store.location.name) / "runs").glob("*.parquet"))


def _failed(run: Run, error: str) -> Failed:
    return Failed(run=run, error=error, traceback="...", host=None, failed_at=datetime.now(UTC))


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31mred\x1b[0m",
        "\x1b]8;;http://x\x1b\\red\x1b]8;;\x1b\\",
        "\x1b]0;title\x07red",
        "\x07r\x08ed\x7f\r",
    ],
)
def test_what_a_terminal_would_obey_is_taken_out_of_an_error(text: str) -> None:
    """Colours, links, titles and bells; lines and tabs stay."""
    run = Run(architecture="baseline", seed=0, recipe=SMALL)
    failure = Failed(
        run=run, error=text, traceback=f"a\n\t{text}", host=None, failed_at=datetime.now(UTC)
    )
    assert (failure.error, failure.traceback) == ("red", "a\n\tred")


def test_what_is_stored_is_what_was_trained(
    store: ResultsStore, study: Study, results: dict[Run, TrainingResult]
) -> None:
    """Every number of a run comes back from the tables as it was."""
    by_id = {row["run_id"]: row for row in store.read("runs").to_pylist()}
    assert set(by_id) == {run.run_id for run in study.runs()}
    for run, result in results.items():
        row = by_id[run.run_id]
        assert (row["architecture"], row["seed"]) == (run.architecture, run.seed)
        assert Recipe.model_validate_json(row["recipe"]) == run.recipe
        assert row["test_accuracy"] == result.test.accuracy
        assert row["best_epoch"] == result.best_epoch
        assert row["digit_accuracy"] == result.predictions.digit_accuracy
        assert row["started_at"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    epochs = store.read("epochs")
    assert len(epochs) == sum(len(result.epochs) for result in results.values())


def test_accuracy_can_be_counted_again_from_the_predictions(store: ResultsStore) -> None:
    """Downstream, the predictions alone give each run's accuracies."""
    predictions = store.read("predictions").to_pandas()
    runs = store.read("runs").to_pandas().set_index("run_id")
    right = (predictions["predicted"] == predictions["label"]).groupby(predictions["run_id"]).mean()
    assert (right == runs["test_accuracy"].reindex(right.index)).all()
    labels = predictions["first_digit"] <= predictions["second_digit"]
    assert (labels == (predictions["label"] == 1)).all()


@pytest.mark.parametrize("name", ["runs", "epochs", "predictions"])
def test_every_row_carries_its_identity_and_every_file_its_version(
    store: ResultsStore, name: str
) -> None:
    """Study, run id, architecture, seed and recipe hash; schema version in the metadata."""
    table = store.read(name)
    identity = ["study", "run_id", "architecture", "seed", "recipe_hash"]
    assert table.schema.names[:5] == identity
    assert all(table[column].null_count == 0 for column in identity)
    for path in (Path(store.location.name) / name).glob("*.parquet"):
        assert pq.read_schema(path).metadata[b"mnistcmp.schema_version"] == b"3"


def test_runs_half_stored_do_not_count(store: ResultsStore, study: Study) -> None:
    """Without their file in `runs`, runs are missing and their details are not read."""
    lost = _first_run_file(store)
    run_ids = set(pq.read_table(lost)["run_id"].to_pylist())
    lost.unlink()
    assert {run.run_id for run in store.missing(study.runs())} == run_ids
    for name in ("epochs", "predictions"):
        assert not run_ids & set(store.read(name)["run_id"].to_pylist())


def test_what_a_task_gives_back_is_a_file_of_one_name_in_each_table(
    store: ResultsStore, study: Study, finish: Finish
) -> None:
    """However many runs it had; those that failed are one too."""
    names = [{path.name for path in folder_of(store, name).iterdir()} for name in TABLES]
    assert names[0] == names[2] == names[3]
    assert [len(files) for files in names] == [2, 0, 2, 2, 1]
    runs = [replace(study.runs()[0], seed=seed) for seed in range(5, 10)]
    done = finish(study.runs()[0])
    outcomes: list[Outcome] = [replace(done, run=run) for run in runs[:3]]
    outcomes += [_failed(run, "ValueError: no") for run in runs[3:]]
    store.write(pack(study.name, outcomes))
    assert [len(list(folder_of(store, name).iterdir())) for name in TABLES] == [3, 0, 3, 3, 2]
    assert len(store.read("runs")) == 7
    assert len(store.read("failures")) == 2


def test_a_write_that_breaks_off_leaves_no_file(
    tmp_path: Path, study: Study, finish: Finish
) -> None:
    """A disk that takes no more costs the run that was being stored, and no other."""
    store = ResultsStore(tmp_path / "results")
    store.prepare(study)
    first, second = study.runs()[:2]
    store.write(pack(study.name, [finish(first)]))
    with _largest_file(1000), pytest.raises(UserError, match="File too large"):
        store.write(pack(study.name, [finish(second)]))
    assert store.finished_run_ids() == {first.run_id}
    stored = [
        path
        for path in Path(store.location.name).rglob("*")
        if path.is_file() and path.suffix != ".toml" and path.stem != "none"
    ]
    assert len(stored) == 3
    assert len({path.name for path in stored}) == 1


def test_storing_runs_again_replaces_them(
    store: ResultsStore, study: Study, finish: Finish
) -> None:
    """No run is ever there twice, in whatever order a task gives them back."""
    before = content_of(store)
    stack = [finish(run) for run in study.runs() if run.architecture == "baseline"]
    store.write(pack(study.name, stack[::-1]))
    assert content_of(store) == before
    assert len(files_of(store)) == 7


def test_nothing_is_written_before_prepare(tmp_path: Path, study: Study) -> None:
    """Looking at a folder does not make it."""
    store = ResultsStore(tmp_path / "results")
    store.check(study)
    assert store.missing(study.runs()) == study.runs()
    assert not Path(store.location.name).exists()


def test_missing_counts_every_launch(store: ResultsStore, study: Study) -> None:
    """Runs wanted by an earlier launch stay wanted."""
    assert store.missing() == ()
    wider = study.model_copy(update={"seeds": (0, 5)})
    store.prepare(wider)
    assert {(run.architecture, run.seed) for run in store.missing()} == {
        ("baseline", 5),
        ("siamese-shared-aux", 5),
    }


def test_a_failure_counts_until_its_run_finishes(
    store: ResultsStore, study: Study, finish: Finish
) -> None:
    """A failed run is missing and has its error; once it is trained, the error counts no more."""
    other = replace(study.runs()[0], seed=9)
    store.write(pack(study.name, [_failed(other, "ValueError: no")]))
    assert store.read("failures")["error"].to_pylist() == ["ValueError: no"]
    assert store.missing([other]) == (other,)
    store.write(pack(study.name, [replace(finish(study.runs()[0]), run=other)]))
    assert len(store.read("failures")) == 0
    assert store.missing([other]) == ()


def test_another_recipe_is_refused(store: ResultsStore, study: Study) -> None:
    """Runs that cannot be compared do not get into one folder."""
    other = study.under(Recipe(epochs=3))
    with pytest.raises(UserError, match=r"would mix the recipes .* and 'epochs-3'"):
        store.check(other)


def test_another_study_is_refused(store: ResultsStore, study: Study) -> None:
    """A folder answers one question."""
    with pytest.raises(UserError, match="holds one study, and was launched for small and other"):
        store.check(study.model_copy(update={"name": "other"}))


def test_further_conditions_of_a_study_are_added(store: ResultsStore, study: Study) -> None:
    """A second recipe joins the first, which now has a name, and nothing is trained again."""
    recipes = {"short": study.recipe, "long": SMALL.model_copy(update={"epochs": 2})}
    wider = Study(name="small", architectures=("baseline",), seeds=(0, 1, 2), recipes=recipes)
    store.check(wider)
    store.prepare(wider)
    assert [condition.name for condition in store.combined().conditions] == [
        "baseline, short",
        "baseline, long",
        "siamese-shared-aux, short",
    ]
    assert [(run.seed, run.recipe.epochs) for run in store.missing(wider.runs())] == [
        (0, 2), (1, 2), (2, 1), (2, 2),
    ]  # fmt: skip


def test_another_recipe_under_the_same_name_is_refused(tmp_path: Path) -> None:
    """Else two launches' results would stand under one name."""
    store = ResultsStore(tmp_path)
    store.prepare(Study(name="x", recipes={"a": Recipe(epochs=1), "b": Recipe(epochs=2)}))
    other = Study(name="x", recipes={"a": Recipe(epochs=3), "b": Recipe(epochs=2)})
    with pytest.raises(UserError, match=r"mix the recipes .* under the name 'a'"):
        store.check(other)


@pytest.mark.parametrize("version", [2, 99])
def test_another_schema_version_is_refused(store: ResultsStore, version: int) -> None:
    """Older or newer: the error names both versions, the writer, and what to do."""
    path = _first_run_file(store)
    said = {"mnistcmp.schema_version": str(version), "mnistcmp.version": "9.0"}
    pq.write_table(pq.read_table(path).replace_schema_metadata(said), path)
    expected = (
        f"schema {version}, written by mnistcmp 9.0; this mnistcmp reads schema {SCHEMA_VERSION}. "
        "Choose another folder, or the mnistcmp that wrote it."
    )
    with pytest.raises(UserError, match=re.escape(expected)) as caught:
        store.read("runs")
    assert "\n" not in str(caught.value)


def test_a_file_of_something_else_is_refused(store: ResultsStore) -> None:
    """Parquet that is not ours is not silently read."""
    pq.write_table(pa.table({"x": [1]}), Path(store.location.name) / "runs" / "x.parquet")
    with pytest.raises(UserError, match="schema unknown"):
        store.read("runs")


def test_other_columns_are_refused(store: ResultsStore) -> None:
    """One that no table has, one of another type, and a table without its runs' ids."""
    path = _first_run_file(store)
    table = pq.read_table(path)
    other = table.append_column("colour", pa.array(["red"] * len(table)))
    retyped = table.set_column(3, "seed", table["seed"].cast(pa.int32()))
    for wrong in (other, retyped, table.drop_columns(["run_id"])):
        pq.write_table(wrong, path)
        with pytest.raises(UserError, match="does not have the columns of the table 'runs'"):
            store.read("runs")


def test_a_column_that_came_later_is_null_in_older_files(
    store: ResultsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old and new files are one table, which is read, reported and exported."""
    before, memory = len(store.read("runs")), pa.field("memory", pa.float64(), nullable=False)
    monkeypatch.setitem(TABLES, "runs", TABLES["runs"].insert(7, memory))
    assert store.read("runs", ["memory"])["memory"].null_count == before
    rows = store.read("runs").to_pylist()
    other = rows[0] | {"run_id": "0" * 16, "seed": 9, "memory": 1.5}
    columns = {name: [other[name]] for name in TABLES["runs"].names}
    store.location.write("runs", "new.parquet", encode(to_table("runs", columns)))
    assert sorted(map(str, store.read("runs")["memory"].to_pylist())) == ["1.5"] + before * ["None"]
    assert sorted(row.n for row in build_report(store).rows) == [2, 3]
    copied = export_tables(store, Path(store.location.name) / "csv", "csv")
    assert copied["runs.csv"] == before + 1


def test_a_truncated_file_is_refused(store: ResultsStore) -> None:
    """The error names the file and what to do."""
    path = _first_run_file(store)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"not a whole Parquet file\. Launch again"):
        store.read("runs")


def test_a_run_that_stands_there_twice_is_refused(store: ResultsStore) -> None:
    """A copied file would count a run twice."""
    path = _first_run_file(store)
    path.with_name("copy.parquet").write_bytes(path.read_bytes())
    with pytest.raises(UserError, match=r"more than one row for the run [0-9a-f]{16} and 1 more"):
        store.read("runs")


def test_an_output_that_is_a_file_is_refused(tmp_path: Path, study: Study) -> None:
    """Whether the folder itself or one above it."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match="file is a file"):
            ResultsStore(folder).check(study)


@pytest.mark.parametrize("below", ["", "table1", "a/b"])
def test_an_output_that_is_a_link_to_nothing_is_refused(
    tmp_path: Path, study: Study, below: str
) -> None:
    """Itself or a folder above it; the line says where it points."""
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    with pytest.raises(UserError, match=r"link is a link to nowhere, where nothing is. Make that"):
        ResultsStore(link / below).check(study)
    (tmp_path / "nowhere").mkdir()
    ResultsStore(link / below).check(study)


def test_a_table_takes_only_its_own_columns() -> None:
    """A column too many, too few, or null where it may not be, is a mistake of ours."""
    columns = {name: ["x"] for name in TABLES["failures"].names} | {
        "seed": [1],
        "failed_at": [datetime.now(UTC)],
    }
    assert len(to_table("failures", columns)) == 1
    for wrong in (columns | {"extra": [1]}, columns | {"error": [None]}):
        with pytest.raises(ValueError, match="failures"):
            to_table("failures", wrong)
    with pytest.raises(pa.ArrowInvalid):
        to_table("failures", columns | {"seed": ["one"]})


def test_a_recipe_is_stored_in_full(store: ResultsStore, study: Study) -> None:
    """Every field, so that a reader needs no defaults of ours."""
    recipe = json.loads(store.read("runs")["recipe"][0].as_py())
    assert recipe == study.recipe.model_dump(mode="json")
    assert set(recipe) == set(Recipe.model_fields)


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_run_that_diverged_is_stored_as_such_and_not_missing(
    tmp_path: Path, study: Study, finish: Finish, epoch: int
) -> None:
    """With its epochs and no scores; nothing is infinite or no number, in any table."""
    store, run = ResultsStore(tmp_path), study.runs()[0]
    store.prepare(study)
    outcome = finish(run)
    store.write(pack(study.name, [replace(outcome, result=diverged(outcome.result, epoch))]))
    assert run not in store.missing(study.runs())
    (row,) = store.read("runs").to_pylist()
    assert row["diverged_epoch"] == epoch
    scores = [name for name in row if name.endswith(("_loss", "_accuracy"))]
    assert len(scores) == 7
    assert all(row[name] is None for name in [*scores, "best_epoch"])
    assert len(store.read("epochs")) == epoch - 1
    assert not len(store.read("predictions"))


def _damaged(content: bytes, how: str) -> bytes:
    quarter = len(content) // 4
    return {
        "cut off": content[:-20],
        "empty": b"",
        "altered": content[:quarter] + bytes(2 * quarter) + content[3 * quarter :],
    }[how]


@pytest.mark.parametrize("how", ["cut off", "empty", "altered"])
@pytest.mark.parametrize("table", ["runs", "predictions", "epochs"])
def test_a_damaged_file_is_set_aside_with_what_belongs_to_it(
    store: ResultsStore, table: str, how: str
) -> None:
    """Its runs are missing, and named; nothing else is, and there is nothing more to do."""
    before = store.finished_run_ids()
    path = max(folder_of(store, table).glob("*.parquet"))
    own = set(read_files(store.location, "runs", [path.name], ["run_id"])["run_id"].to_pylist())
    path.write_bytes(_damaged(path.read_bytes(), how))
    told = set_aside(store) or ""
    assert path.name in told
    assert all(run_id in told for run_id in own)
    assert store.finished_run_ids() == before - own
    assert (Path(store.location.name) / "damaged" / table / path.name).exists()
    for name in ("runs", "predictions", "epochs"):
        assert store.read(name).num_rows
    assert set_aside(store) is None


@pytest.mark.parametrize("how", ["cut off", "empty", "altered"])
def test_a_damaged_note_of_a_launch_is_set_aside(
    store: ResultsStore, study: Study, how: str
) -> None:
    """Whoever launches the study again notes it again; till then nobody guesses what it said."""
    (path,) = folder_of(store, "launches").iterdir()
    path.write_bytes(_damaged(path.read_bytes(), how))
    with pytest.raises(UserError, match=rf"{path.name}: it was cut off or altered\. Launch its"):
        store.missing()
    told = set_aside(store) or ""
    assert path.name in told
    assert told.endswith("No run has to be trained again for it.")
    store.prepare(study)
    assert store.missing() == ()
    assert store.launches() == (study,)


def test_what_is_whole_is_left_alone(store: ResultsStore) -> None:
    """Not one file is moved."""
    before = sorted(Path(store.location.name).rglob("*"))
    assert set_aside(store) is None
    assert sorted(Path(store.location.name).rglob("*")) == before


@pytest.mark.parametrize("table", ["runs", "epochs"])
def test_no_altered_bit_changes_a_row(store: ResultsStore, table: str) -> None:
    """Wherever it is: the file is refused, or says the same as before."""
    path = max(folder_of(store, table).glob("*.parquet"))
    content = path.read_bytes()
    names, refused = TABLES[table].names, 0
    rows = decode(table, pa.py_buffer(content), path.name, names)
    for place in range(0, len(content), 7):
        altered = bytearray(content)
        altered[place] ^= 1 << place % 8
        try:
            found = decode(table, pa.py_buffer(bytes(altered)), path.name, names)
        except UserError:
            refused += 1
        else:
            assert found.equals(rows)
    assert refused > len(content) / 7 / 3
