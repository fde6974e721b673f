"""What surrounds a command: the home folder, streams of every kind, disks that are full."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from mnistcmp.cluster.address import find_cluster
from mnistcmp.results.store import ResultsStore
from tests.support.commands import mnistcmp_in_turn, run_command
from tests.support.custom_networks import PRINTING

pytestmark = pytest.mark.process

COMMAND = (sys.executable, "-m", "mnistcmp")


@pytest.fixture
def home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own, beside the working folder."""
    home = folder.parent / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


def _run(
    *arguments: str,
    environment: dict[str, str] | None = None,
    stdout: int | IO[bytes] = subprocess.PIPE,
) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return subprocess.run(
        [*COMMAND, *arguments],
        env=inherited | (environment or {}),
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        timeout=120,
    )


@contextmanager
def _most_bytes(most: int) -> Iterator[None]:
    """This process may write files of so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        ("launch --local --dry-run --output=~/mine", "Results folder: {home}/mine."),
        ("launch --local --dry-run -o~/mine", "Results folder: {home}/mine."),
        ("tune --local --dry-run --output=~/mine", "Results folder: {home}/mine."),
        ("data sheet --output=~/made/pairs.png", "in {home}/made/pairs.png"),
        ("export csv {results} -o~/made", "{home}/made/runs.csv: 4 rows"),
    ],
)
def test_a_tilde_is_the_home_folder(
    home: Path,
    store: ResultsStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    arguments: str,
    made: str,
) -> None:
    """However the option is written, and the shell has left it alone."""
    assert run_command(monkeypatch, *arguments.format(results=store.location).split()) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert made.format(home=home) in printed.out
    assert not Path("~").exists()


def test_a_tilde_in_a_variable_is_the_home_folder(home: Path) -> None:
    """As a file of variables has it, where no shell is."""
    (home / "token").write_text("secret")
    variables = {"RAY_AUTH_TOKEN_PATH": "~/token"}
    cluster = find_cluster("http://127.0.0.1:8265", variables, home)
    assert cluster is not None
    assert cluster.token == "secret"  # noqa: S105 - not one


def test_a_home_folder_that_nobody_has_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would become a folder of that name here."""
    assert run_command(monkeypatch, "data", "sheet", "-o", "~nobody-of-that-name/x.png") == 2
    assert "there is no home folder for ~nobody-of-that-name/x.png" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "encoding", "expected"),
    [
        ({"PYTHONIOENCODING": "ascii"}, "ascii", "97.74 +- 0.46"),
        ({"PYTHONIOENCODING": "latin-1"}, "latin-1", "97.74 ± 0.46"),
        ({"PYTHONIOENCODING": "cp437"}, "cp437", "97.74 ± 0.46"),
        ({"PYTHONIOENCODING": "shift_jis"}, "shift_jis", "97.74 ± 0.46"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "ascii", "97.74 +- 0.46"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_report_prints_what_the_stream_can_take(
    store: ResultsStore, environment: dict[str, str], encoding: str, expected: str
) -> None:
    """Whole numbers in columns, whatever characters there are."""
    done = _run("report", str(store.location), environment=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert expected in done.stdout.decode(encoding)


@pytest.mark.parametrize("columns", ["80", "64", "40"])
def test_no_number_is_cut_in_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str
) -> None:
    """Words wrap; where they cannot any more, the table is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    assert run_command(monkeypatch, "architectures") == 0
    printed = capsys.readouterr().out
    assert "…" not in printed
    for whole in ("siamese-separate-aux", "141,361", "97.62 ± 0.78", "published, %"):
        assert whole in printed


@pytest.mark.parametrize("environment", [{}, {"COLUMNS": "80"}, {"FORCE_COLOR": "1"}])
def test_nothing_is_broken_over_lines_in_a_pipe(
    store: ResultsStore, environment: dict[str, str]
) -> None:
    """A script finds a path whole, and a paragraph on its line."""
    long = "/".join(["results"] + 10 * ["a folder of many words"])
    plan = _run("launch", "--dry-run", "--local", "-o", long, environment=environment)
    assert f"Results folder: {long}. 50 runs" in plan.stdout.decode()
    report = _run("report", str(store.location), environment=environment).stdout.decode()
    (line,) = [line for line in report.splitlines() if line.startswith("How to read it:")]
    assert len(line) > 200


def test_other_forms_of_a_report_are_printed_too(store: ResultsStore, tmp_path: Path) -> None:
    """JSON stays JSON."""
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    lines = [f"report {store.location} {form}" for form in ("--markdown", "--json")]
    done = mnistcmp_in_turn(tmp_path, environment, lines, tmp_path)
    for form in done.values():
        assert (form.returncode, form.stderr) == (0, b"")
        assert form.stdout.isascii()
    json.loads(done[lines[1]].stdout)


@pytest.mark.parametrize("arguments", ["studies", "report {} --json", "--version", "launch --help"])
def test_output_that_is_full_gets_one_line(store: ResultsStore, arguments: str) -> None:
    """Exit status 2, as where a folder cannot be written."""
    with Path("/dev/full").open("wb") as full:
        done = _run(*arguments.format(store.location).split(), stdout=full)
    assert done.returncode == 2
    assert done.stderr == b"mnistcmp: cannot print any more: No space left on device.\n"


def test_a_reader_that_has_seen_enough_hears_no_complaint() -> None:
    """As `head` has, after a few lines."""
    reading, writing = os.pipe()
    os.close(reading)
    done = _run("studies", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("export csv {} -o out", "cannot write the table out/runs.csv: File too large."),
        ("export parquet {} -o out", "cannot write the table out/runs.parquet: File too large."),
        ("export tensorboard {} -o out", "cannot write the run out/small/baseline-seed-0: File"),
        ("figures {} -o out --format svg", "cannot write the figure out/figure-1-baseline.svg: F"),
        ("compare {0} {0} --html out/page.html", "cannot write the page out/page.html: File too"),
    ],
)
def test_a_disk_that_is_full_gets_one_line_and_no_half_file(
    store: ResultsStore,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    arguments: str,
    message: str,
) -> None:
    """A limit on a file's bytes stands for the disk's; the results are as they were."""
    results = Path(store.location.name)
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    with _most_bytes(1000):
        assert run_command(monkeypatch, *arguments.format(results).split()) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"mnistcmp: {message}"), said
    assert said.count("\n") == 1
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert {path: path.read_bytes() for path in results.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        ("export csv {} -o link", "nowhere/runs.csv"),
        ("figures {} -o link/below --format svg", "nowhere/below/figure-1-baseline.svg"),
        ("data sheet -o link/x.png", "nowhere/x.png"),
        ("compare {0} {0} --html link", "nowhere"),
    ],
)
def test_what_a_link_names_is_written_where_it_points(
    store: ResultsStore, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, made: str
) -> None:
    """A link to nothing, for a file or a folder; it stays a link."""
    (folder / "link").symlink_to("nowhere")
    assert run_command(monkeypatch, *arguments.format(store.location).split()) == 0
    assert (folder / made).is_file()
    assert (folder / "link").is_symlink()


def test_a_file_where_a_folder_is_to_be_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what stands there stays."""
    (folder / "file").touch()
    assert run_command(monkeypatch, "data", "sheet", "-o", "file/x.png") == 2
    assert "cannot write the picture file/x.png: " in (said := capsys.readouterr().err)
    assert f"{folder}/file is no folder. Choose" in said


@pytest.mark.parametrize("arguments", ["jobs", "report", "launch --all", "data sheet"])
def test_a_working_folder_that_is_gone_gets_one_line(folder: Path, arguments: str) -> None:
    """The shell stands in it still."""
    program = "import os; os.rmdir(os.getcwd()); from mnistcmp.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments.split()],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"mnistcmp: the working folder is gone"), done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_folder_s_name_need_not_be_text(
    store: ResultsStore,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    """It is shown with replacement characters, and used as it is."""
    results = store.location.name
    odd, other = results + os.fsdecode(b"\xff"), os.fsdecode(b"out\xff")
    Path(results).rename(odd)
    assert run_command(monkeypatch, "report", odd) == 0
    assert capsysbinary.readouterr().err == b""
    assert run_command(monkeypatch, "report", "--html", odd) == 0
    assert capsysbinary.readouterr().out == f"The page is {results}\ufffd/report.html\n".encode()
    assert run_command(monkeypatch, "export", "csv", odd, "-o", other) == 0
    assert capsysbinary.readouterr().err == b""
    assert (folder / other / "runs.csv").exists()
    assert run_command(monkeypatch, "report", results) == 2
    assert capsysbinary.readouterr().err.startswith(b"mnistcmp: there is no results folder")


def test_json_is_alone_on_standard_output(folder: Path) -> None:
    """Whatever a custom network prints, by whatever means."""
    (folder / "mine.py").write_text(PRINTING)
    done = _run("architectures", "mine:Net", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)[0]["name"] == "mine:Net"
    for words in (b"from Python", b"from below it", b"from a child"):
        assert words in done.stderr
