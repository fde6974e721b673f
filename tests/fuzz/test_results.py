"""A results folder whose files are whole, and say what no run's do."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mnistcmp.export.runs import finished_runs
from mnistcmp.report.as_json import comparisons_to_json, to_json
from mnistcmp.report.build import build_report
from mnistcmp.report.compare import compare_in_study
from mnistcmp.report.figures.curves import Curves
from mnistcmp.report.html.digits import digit_errors
from mnistcmp.report.html.provenance import sources, span, times
from mnistcmp.report.runs import read_groups
from mnistcmp.report.text import to_markdown, to_text
from mnistcmp.results.outcome import Failed
from mnistcmp.results.schema import SCHEMA_VERSION, TABLES
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Study
from tests.fuzz.inputs import numbers, reads, texts
from tests.support.stored import NOON, folder_of
from tests.support.synthetic import made_up

RECIPE = Recipe(epochs=2, rounds=2, train_pairs=100, test_pairs=3)
STUDY = Study(
    name="small",
    architectures=("baseline", "siamese-shared-aux", "tests.support.custom_networks:Net"),
    seeds=(0, 1, 2),
    recipe=RECIPE,
)


@pytest.fixture(scope="module")
def store(scratch: Path) -> ResultsStore:
    """Three conditions, all of their runs but one, which failed."""
    store = ResultsStore(scratch / "results")
    store.prepare(STUDY)
    *runs, last = STUDY.runs()
    failed = Failed(run=last, error="E: x", traceback="E", host=None, failed_at=NOON)
    store.write(pack(STUDY.name, [*made_up(runs, epochs=4, pairs=6), failed]))
    return store


@pytest.fixture(scope="module")
def whole(store: ResultsStore) -> dict[str, pa.Table]:
    """Its tables."""
    return {name: store.read(name) for name in TABLES if name != "rounds"}


def _of(field: pa.Field) -> st.SearchStrategy[Any]:
    """Any value that a column can hold."""
    if field.type == pa.string():
        return texts.map(lambda text: text.encode(errors="replace").decode()) | st.none()
    if pa.types.is_timestamp(field.type):
        return st.integers(-(2**63) + 1, 2**63 - 1)
    if pa.types.is_floating(field.type):
        return numbers.map(float_or_none)
    bits = field.type.bit_width
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) | st.integers(0, 9)


def float_or_none(number: float) -> float | None:
    """A number that a column of floats can hold."""
    try:
        return float(number)
    except OverflowError:
        return None


PLACES = [(name, field) for name in TABLES if name != "rounds" for field in TABLES[name]]
CHANGES = st.lists(
    st.sampled_from(PLACES).flatmap(
        lambda place: st.tuples(
            st.just(place[0]), st.just(place[1].name), st.integers(0, 30), _of(place[1])
        )
    ),
    min_size=1,
    max_size=2,
)
Change = tuple[str, str, int, Any]


def _file(store: ResultsStore, name: str) -> Path:
    """The table's one file of rows; another has none, for other programs."""
    (file,) = (f for f in folder_of(store, name).iterdir() if not f.name.startswith("none."))
    return file


def _write(rows: pa.Table, file: Path) -> None:
    """As the store writes; but it could not write all of these."""
    said = {"mnistcmp.schema_version": str(SCHEMA_VERSION)}
    pq.write_table(rows.replace_schema_metadata(said), file)


def _changed(rows: pa.Table, column: str, place: int, value: object) -> pa.Table:
    """One value another; the row above the last gone, where the place is beyond."""
    if place >= len(rows):
        return rows.slice(0, len(rows) - 1)
    field = rows.schema.field(column).with_nullable(True)
    values = rows[column].cast(pa.int64()) if pa.types.is_timestamp(field.type) else rows[column]
    listed = values.to_pylist()
    listed[place] = value
    array = pa.array(listed, values.type).cast(field.type)
    return rows.set_column(rows.schema.get_field_index(column), field, array)


def _shown(store: ResultsStore) -> None:
    """All that commands make of a folder, but for the figures."""
    report = build_report(store)
    for show in (to_text, to_markdown, to_json):
        assert show(report)
    groups = [group for group in read_groups(store, report.shown) if len(group.stored)]
    for group in groups:
        if len(group.runs):
            Curves.of(group).describe_band()
            digit_errors(group, most_mistakes=3)
    assert times(groups)
    assert span(groups)
    assert sources(groups)
    assert comparisons_to_json(compare_in_study(store, "baseline", "siamese-shared-aux"))


def _exported(store: ResultsStore) -> None:
    for run in finished_runs(store):
        assert run.parameters
        assert run.metrics
        assert not {"/", "\0"} & set(run.name + run.row["study"])
        run.row["finished_at"].timestamp()


@settings(max_examples=settings().max_examples // 10)
@given(CHANGES)
@example([("runs", "architecture", 0, "../../x")])
@example([("runs", "study", 0, "/x")])
@example([("runs", "recipe", 0, "{}x")])
@example([("runs", "test_accuracy", 0, float("inf"))])
@example([("runs", "finished_at", 0, 2**63 - 1)])
@example([("runs", "seed", 0, 1)])
@example([("runs", "seed", 0, -(2**63))])
@example([("runs", "run_id", 0, None)])
@example([("predictions", "first_image", 0, 10_000)])
@example([("predictions", "first_digit", 0, -11)])
@example([("predictions", "pair", 10**6, 0)])
@example([("epochs", "epoch", 10**6, 0)])
@example([("failures", "error", 0, "\x1b[31m")])
def test_values_that_no_run_has(
    store: ResultsStore, whole: dict[str, pa.Table], changes: list[Change]
) -> None:
    """Every report, comparison and export is made, or refused in one line."""
    tables = dict(whole)
    for name, column, place, value in changes:
        tables[name] = _changed(tables[name], column, place, value)
    files = {name: _file(store, name) for name, *_ in changes}
    for name, file in files.items():
        _write(tables[name], file)
    try:
        reads(lambda: _shown(store))
        reads(lambda: _exported(store))
        reads(lambda: store.read("failures").to_pylist())
    finally:
        for name, file in files.items():
            _write(whole[name], file)
