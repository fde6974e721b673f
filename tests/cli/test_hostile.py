"""A results folder that somebody prepared, given to every command that reads one."""

import hashlib
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mnistcmp.cluster.live import FILE, _adapter
from mnistcmp.data.mnist import Mnist
from mnistcmp.errors import UserError
from mnistcmp.report.html.pages import report_page
from mnistcmp.results import reading
from mnistcmp.results.outcome import Failed
from mnistcmp.results.schema import IDENTITY, SCHEMA_VERSION
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.results.weights import FOLDER, SUFFIX, encode_weights
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run, Study
from mnistcmp.training.result import Weights
from mnistcmp.watch.state import Watched
from tests.fuzz.test_messages import LIVE, PROGRESS
from tests.support.commands import run_command
from tests.support.pages import WINDOWS, assert_fine, needs_browser, open_browser
from tests.support.stored import NOON
from tests.support.synthetic import made_up

MARKUP = '<script>document.title="x"</script><img src="https://example.com/x" onerror="alert(1)">'
ESCAPE = "\x1b]0;title\x07\x1b[31m\x9b2J"
PRIVATE = 'token = "s3cret"\n'
PRIVATE_NAME = hashlib.sha256(PRIVATE.encode()).hexdigest()[:12]
SAID = {"mnistcmp.schema_version": str(SCHEMA_VERSION)}
STUDY = Study(
    name="small",
    architectures=("baseline", "siamese-shared"),
    seeds=(0, 1),
    recipe=Recipe(epochs=2, train_pairs=100, test_pairs=6),
)
COMMANDS = (
    "report {0}",
    "report {0} --markdown",
    "report {0} --json",
    "report {0} --html",
    "compare baseline siamese-shared --results {0}",
    "compare baseline siamese-shared --results {0} --html compared.html",
    "failures {0}",
    "failures {0} --json",
    "export csv {0}",
    "export parquet {0}",
    "export tensorboard {0}",
    "predict {0} digit.png digit.png",
    "figures {0} --format svg",
)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a launch leaves it: three runs, one of them with weights, and a failure."""
    store = ResultsStore(tmp_path_factory.mktemp("honest") / "results")
    store.prepare(STUDY)
    *runs, last = STUDY.runs()
    weights = Weights(tensors={"x": np.zeros(1, np.float32)}, mean=0.1, deviation=0.3)
    first, *others = made_up(runs, epochs=2, pairs=6)
    first = replace(first, result=replace(first.result, weights=weights))
    failed = Failed(run=last, error="E: x", traceback="E", host=None, failed_at=NOON)
    store.write(pack(STUDY.name, [first, *others, failed]))
    return Path(store.location.name)


@pytest.fixture
def prepared(folder: Path, honest: Path) -> Path:
    """A copy of it, to be prepared; beside it is what is nobody else's business."""
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save(folder / "digit.png")
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "private").write_text(PRIVATE, encoding="utf-8")
    shutil.copytree(honest, folder / "results")
    return folder / "results"


def _file(results: Path, table: str) -> Path:
    return max((results / table).iterdir(), key=lambda file: pq.read_metadata(file).num_rows)


def _saying(column: str, value: object, table: str = "runs") -> Callable[[Path], None]:
    """Has a column of a table say something else, in a file that is whole."""

    def prepare(results: Path) -> None:
        file = _file(results, table)
        rows = pq.read_table(file)
        array = pa.array([value] * len(rows), rows.schema.field(column).type)
        rows = rows.set_column(rows.schema.get_field_index(column), column, array)
        pq.write_table(rows.replace_schema_metadata(SAID), file)

    return prepare


def _taken_launch(results: Path) -> str:
    """The study that was launched, which is not there any more."""
    (file,) = (results / "launches").iterdir()
    text = file.read_text(encoding="utf-8")
    file.unlink()
    return text


def _launch(results: Path, text: str) -> None:
    """Under the name that such a file has."""
    name = f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.toml"
    (results / "launches" / name).write_text(text, encoding="utf-8")


def _asking(question: str) -> Callable[[Path], None]:
    """Has the study ask something else."""

    def prepare(results: Path) -> None:
        text = re.sub("^question.*\n", "", _taken_launch(results))
        _launch(results, f"question = {json.dumps(question)}\n{text}")

    return prepare


def _named(name: str) -> Callable[[Path], None]:
    def prepare(results: Path) -> None:
        _launch(results, _taken_launch(results).replace('"small"', json.dumps(name)))

    return prepare


def _linking(place: str, to: str) -> Callable[[Path], None]:
    """Has a file be a link out of the folder."""

    def prepare(results: Path) -> None:
        (results / place).unlink(missing_ok=True)
        (results / place).symlink_to(results.parent.parent / to)

    return prepare


class _Executed:
    """Runs a command where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch executed",)


def _pickled_weights(results: Path) -> None:
    for file in (results / FOLDER).iterdir():
        file.write_bytes(pickle.dumps(_Executed()))


def _weights_of_a_module(results: Path) -> None:
    """Whole, and of a network that would be imported from where the command is."""
    Path("executing.py").write_text("open('executed', 'w')\n", encoding="utf-8")
    run = Run(architecture="executing:Net", seed=0, recipe=STUDY.recipe)
    weights = Weights(tensors={"x": np.zeros(1, np.float32)}, mean=0.1, deviation=0.3)
    for file in (results / FOLDER).iterdir():
        file.write_bytes(encode_weights(run, weights))


def _a_run_of_a_module(results: Path) -> None:
    """The same, with the run in the table too, and its file named as it has to be."""
    _weights_of_a_module(results)
    run = Run(architecture="executing:Net", seed=0, recipe=STUDY.recipe)
    (file,) = (results / FOLDER).iterdir()
    file.rename(file.with_name(f"{run.run_id}{SUFFIX}"))
    rows = pq.read_table(_file(results, "runs")).slice(0, 1)
    for column, value in {"architecture": run.architecture, "run_id": run.run_id}.items():
        rows = rows.set_column(rows.schema.get_field_index(column), column, pa.array([value]))
    pq.write_table(rows.replace_schema_metadata(SAID), results / "runs" / "further.parquet")


def _python_types(results: Path) -> None:
    """Arrow once unpickled what a column's type says of itself."""
    file = _file(results, "runs")
    rows = pq.read_table(file)
    type_ = {
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": pickle.dumps(_Executed(), protocol=0),
    }
    fields = [
        field.with_metadata(type_) if field.name == "host" else field for field in rows.schema
    ]
    pq.write_table(rows.cast(pa.schema(fields, metadata=SAID)), file)


def _pandas_index(results: Path) -> None:
    """What pandas would make its index of."""
    file = _file(results, "runs")
    pandas = {"index_columns": ["seed", "../x"], "columns": [{"name": MARKUP}], "column_indexes": 5}
    rows = pq.read_table(file).replace_schema_metadata(SAID | {"pandas": json.dumps(pandas)})
    pq.write_table(rows, file)


def _account(results: Path) -> None:
    (results / "live.json").write_text(f'{{"place": "{MARKUP}", "process": -1}}', encoding="utf-8")


PREPARED: dict[str, Callable[[Path], None]] = {
    "a network's name is a path": _saying("architecture", "../../outside/x"),
    "a study's name is a path": _saying("study", "../../outside/x"),
    "a recipe's hash is a path": _saying("recipe_hash", "/../../outside"),
    "a run's id is a path": _saying("run_id", "../../outside/private"),
    "a name with NUL": _saying("architecture", "a\0b:N"),
    "a name with a line's end": _saying("architecture", "a\nb:N"),
    "a launch's name is a path": _named("../../outside/x"),
    "a recipe is markup": _saying("recipe", MARKUP),
    "an error is markup": _saying("error", MARKUP, "failures"),
    "an error is obeyed": _saying("error", ESCAPE, "failures"),
    "a traceback is obeyed": _saying("traceback", ESCAPE, "failures"),
    "a machine is markup": _saying("host", MARKUP),
    "a machine is obeyed": _saying("host", ESCAPE),
    "a device turns the line": _saying("device", "\u202ecpu"),
    "a question is markup": _asking(MARKUP + " [x](javascript:alert(1)) | `x`"),
    "a question is obeyed": _asking(ESCAPE),
    "the page is a link": _linking("report.html", "outside/private"),
    "a launch is a link": _linking(f"launches/{PRIVATE_NAME}.toml", "outside/private"),
    "a table is a link": _linking("runs/x.parquet", "outside/private"),
    "a folder is a link": _linking("points", "outside"),
    "pickles for weights": _pickled_weights,
    "weights of a module": _weights_of_a_module,
    "a run of a module": _a_run_of_a_module,
    "types for Python": _python_types,
    "an index for pandas": _pandas_index,
    "an account of a launch": _account,
}


def _outside(results: Path) -> dict[str, bytes]:
    """What is beside the folder that the commands are given and the one that they are called in."""
    place = results.parent.parent
    files = (p for p in place.rglob("*") if p.is_file() and results.parent not in p.parents)
    return {str(path): path.read_bytes() for path in files}


@pytest.mark.parametrize("how", PREPARED)
def test_every_command_does_as_asked_or_says_why_not_in_a_line(
    prepared: Path,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is executed, nothing outside is written or shown, and no terminal obeys."""
    PREPARED[how](prepared)
    before = _outside(prepared)
    for command in COMMANDS:
        status = run_command(monkeypatch, *command.format("results").split())
        out, err = capsys.readouterr()
        assert status in {0, 2}, (command, err)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", out + err), command
        assert "s3cret" not in out + err
        assert status == 0 or err.count("\n") == 1, (command, err)
        assert "--markdown" not in command or not re.search(r"(?<!\\)<img", out)
    assert _outside(prepared) == before
    assert not Path("executed").exists()


def test_markdown_has_markup_as_text(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A question's signs are those of no link, no code and no HTML."""
    _asking("<b> [x](y) `z` *a* c|d")(prepared)
    assert run_command(monkeypatch, "report", "results", "--markdown") == 0
    assert r"\<b> \[x\](y) \`z\` \*a\* c\|d" in capsys.readouterr().out


@needs_browser
def test_pages_show_markup_as_text(
    prepared: Path, tmp_path_factory: pytest.TempPathFactory, mnist: Mnist
) -> None:
    """In a browser, no script runs and nothing is asked for."""
    for column in ("host", "device", "python_version", "torch_version", "git_revision"):
        _saying(column, MARKUP)(prepared)
    for column in ("error", "traceback", "host"):
        _saying(column, MARKUP, "failures")(prepared)
    _asking(MARKUP)(prepared)
    named = prepared.rename(prepared.with_name('<img src="x" onerror="alert(1)">'))
    (part,) = PROGRESS.training
    progress = replace(PROGRESS, training=(replace(part, host=MARKUP, device=MARKUP),), failed=1)
    live = replace(LIVE, told_at=datetime.now(UTC), place=MARKUP, progress=progress)
    (named / FILE).write_bytes(_adapter().dump_json(live))
    pages = report_page(ResultsStore(named), mnist), Watched(str(named)).page()
    assert "&lt;img" in pages[1]
    for page in pages:
        assert '<img src="https' not in page
        assert "<script>document" not in page
    with open_browser(tmp_path_factory.mktemp("pages")) as look:
        for window in WINDOWS[:1]:
            assert_fine(look(pages[0], window), window)


def _long_texts(results: Path) -> None:
    """One text of ten megabytes, in two thousand rows: a file of a few kilobytes."""
    names = pa.array(["x" * 10**7])
    places = pa.array(np.zeros(2000, np.int32))
    columns = {f.name: pa.DictionaryArray.from_arrays(places, names) for f in IDENTITY}
    columns["seed"] = pa.array(np.zeros(2000, np.int64))
    rows = pa.table(columns).replace_schema_metadata(SAID)
    file = results / "runs" / "x.parquet"
    pq.write_table(rows, file, store_schema=False, write_statistics=False, compression="zstd")
    assert file.stat().st_size < 10**6


def _many_rows(results: Path) -> None:
    """Sixty million, all alike."""
    rows = pq.read_table(_file(results, "runs"), columns=[f.name for f in IDENTITY]).slice(0, 1)
    rows = pa.concat_tables([rows] * 1000).combine_chunks()
    rows = pa.concat_tables([rows] * 1000).combine_chunks().replace_schema_metadata(SAID)
    with pq.ParquetWriter(results / "runs" / "x.parquet", rows.schema) as file:
        for _ in range(60):
            file.write_table(rows)


def _many_runs(results: Path) -> None:
    names = ", ".join(f'"m:N{number}"' for number in range(10_000))
    text = f'name = "small"\nseeds = 1_000_000\narchitectures = [{names}]\n'
    _launch(results, text)


BOMBS = {"long texts": _long_texts, "many rows": _many_rows, "many runs": _many_runs}
PEAK = """
import sys
from pathlib import Path
from mnistcmp.cli import main
sys.argv[0] = "mnistcmp"
try:
    main()
finally:
    # Of this program alone: what getrusage tells is also of the process that started it.
    (most,) = (l for l in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in l)
    print(int(most.split()[1]) // 1024)
"""


@pytest.mark.process
@pytest.mark.parametrize("bomb", BOMBS)
def test_small_files_do_not_fill_the_memory(prepared: Path, bomb: str) -> None:
    """A report ends in a line, and takes no gigabyte."""
    BOMBS[bomb](prepared)
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "report", "results"],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert int(done.stdout) < 700, done.stdout


def test_many_small_files_do_not_fill_the_memory(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Together they have half of it at most."""
    monkeypatch.setattr(reading, "virtual_memory", lambda: SimpleNamespace(total=1000))
    with pytest.raises(UserError, match="more than half of this machine's memory"):
        ResultsStore(prepared).read("predictions")
