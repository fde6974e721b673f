"""The command line, short of training."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mnistcmp import __version__
from mnistcmp.cli import main
from mnistcmp.cluster.address import ADDRESS_VARIABLES, ClusterState
from mnistcmp.data import ensure_mnist
from mnistcmp.results import ResultsStore
from mnistcmp.study import format_study


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnist_folder: Path) -> Path:
    """An empty working folder, MNIST unpacked elsewhere, no Ray named by the environment."""
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    monkeypatch.setenv("MNISTCMP_DATA_DIR", str(mnist_folder))
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ADDRESS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return working


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["mnistcmp", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


BAD_REQUESTS = {
    "launch -a siamese-sharde": "unknown architecture 'siamese-sharde'; did you mean 'siamese-shar",
    "launch --recipe refrence-code": "unknown recipe 'refrence-code'; did you mean 'reference-code",
    "launch --seeds a": "seeds 'a': 'a' is not a seed or a range. Allowed: a count",
    "launch --seeds=-1": "seeds '-1': '-1' is not a seed or a range",
    "launch --seeds 5-2": "seeds '5-2': the range 5-2 runs backwards",
    "launch --epochs 0": "recipe field epochs: Input should be greater than or equal to 1, not 0",
    "launch --epochs many": "Invalid value for '--epochs'",
    "launch --all -a baseline": "--all is the whole Table I and cannot go with --architecture",
    "launch --all study.toml": "--all is the whole Table I and cannot go with a study file",
    "launch study.toml": "unknown recipe field 'epoch'; did you mean 'epochs'",
    "launch batch.toml": "batch_size 801 is larger than the 800 pairs of the training split",
    "launch one.toml": "batch_size 17 leaves a last batch of one of the 800 pairs",
    "launch nowhere.toml": "cannot read the study file nowhere.toml: No such file or directory",
    "launch --output file": "the output file cannot be a folder: file is a file",
    "launch --output /proc/results": "cannot write to the output folder /proc/results",
    "launch --data-dir file": "cannot use the data folder file: Not a directory",
    "launch mixed.toml": "study field seeds.1: Input should be a valid integer, not '5-9'",
    "launch --address http://[::1 --all": "is not the address of a Ray dashboard",
    "launch --workers 0": "Invalid value for '--workers'",
    "launch --device tpu": "Invalid value for '--device': 'tpu' is not one of",
    "launch --output= --dry-run": "--output is empty",
    "launch --output gs://bucket/x --dry-run": "cannot use 'gs://bucket/x' for results",
    "launch --sedes 3": "No such option: --sedes",
    "launch --output other-version": "is of results schema unknown",
    "lunch": "No such command 'lunch'",
    "report": "there is no results folder results/table1",
    "report --json --markdown": "--markdown and --json cannot go together",
    "report .": "has no finished run",
    "architectures basline": "unknown architecture 'basline'; did you mean 'baseline",
    "data sheet -o nowhere/x.png": "cannot write the picture nowhere/x.png",
    "data verify --data-dir file": "cannot use the data folder file",
}


@pytest.fixture
def littered(folder: Path) -> Path:
    """A working folder with the files that bad requests name."""
    (folder / "file").touch()
    (folder / "study.toml").write_text('name = "x"\n[recipe]\nepoch = 3\n')
    (folder / "batch.toml").write_text('name = "x"\n[recipe]\nbatch_size = 801\n')
    (folder / "one.toml").write_text('name = "x"\n[recipe]\nbatch_size = 17\n')
    (folder / "mixed.toml").write_text('name = "x"\nseeds = [0, "5-9"]\n')
    runs = folder / "other-version" / "runs"
    runs.mkdir(parents=True)
    (runs / "x.parquet").write_bytes(_foreign_parquet())
    return folder


def _foreign_parquet() -> bytes:
    import pandas as pd  # noqa: PLC0415 - for this file alone

    return pd.DataFrame({"x": [1]}).to_parquet()


@pytest.mark.parametrize(("arguments", "message"), BAD_REQUESTS.items())
def test_a_bad_request_gets_one_line_and_writes_nothing(
    littered: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    message: str,
) -> None:
    """Exit status 2, one line on standard error, no new file."""
    before = sorted(littered.rglob("*"))
    assert _run(monkeypatch, *arguments.split()) == 2
    written = capsys.readouterr()
    assert message in written.err
    assert written.err.startswith("mnistcmp: ")
    assert written.err.count("\n") == 1
    assert sorted(littered.rglob("*")) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything starts or is written."""
    assert _run(monkeypatch, "launch", "--all", "--device", "cuda") == 2
    assert "torch sees no GPU on this machine" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_damaged_mnist_is_refused(
    folder: Path,
    mnist_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line that names the file; no results folder."""
    damaged = folder.parent / "damaged"
    raw = shutil.copytree(ensure_mnist(mnist_folder), damaged / "MNIST" / "raw")
    (raw / "train-labels-idx1-ubyte").write_bytes(b"short")
    assert _run(monkeypatch, "launch", "--all", "--data-dir", str(damaged)) == 2
    assert "train-labels-idx1-ubyte is truncated or changed" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_dry_run_shows_the_plan_of_table1_and_writes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--all is five architectures with ten seeds under the default recipe."""
    assert _run(monkeypatch, "launch", "--all", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "50 runs to train" in printed
    assert "results/table1" in printed
    assert printed.count("0-9") == 5
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ("launch", "results/table1"),
        ("launch --seeds 3 -a baseline", "results/table1"),
        ("launch --recipe reference-code", "results/table1-reference-code"),
        ("launch --epochs 2", "results/table1-epochs-2"),
        ("launch --output elsewhere --epochs 2", "elsewhere"),
        ("launch mine.toml", "results/mine"),
        ("launch mine.toml --epochs 4", "results/mine-epochs-4"),
    ],
)
def test_each_recipe_has_a_results_folder_of_its_own(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    where: str,
) -> None:
    """The same recipe adds to a folder, another gets another."""
    (folder / "mine.toml").write_text('name = "mine"\n[recipe]\nepochs = 3\n')
    assert _run(monkeypatch, *arguments.split(), "--dry-run") == 0
    assert f"Results folder: {where}." in capsys.readouterr().out


def test_dry_run_looks_where_the_cluster_s_results_appear(
    store: ResultsStore,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is there already is counted; what cannot be seen from here is said."""
    results = folder / "results"
    shutil.copytree(store.location.name, results / "small")
    (folder / "small.toml").write_text(format_study(store.launches()[0]))
    (folder / ".cluster").mkdir()
    (folder / ".cluster" / "token").write_text("token")
    ClusterState(
        address="http://127.0.0.1:9",
        kind="containers",
        results=str(results),
        results_there="/results",
        workers=1,
        worker_cpus=1,
    ).write(folder)
    assert _run(monkeypatch, "launch", "small.toml", "--dry-run") == 0
    assert "Results folder: results/small. 0 runs to train." in capsys.readouterr().out
    arguments = ("small.toml", "--dry-run", "--address", "http://elsewhere:8265")
    assert _run(monkeypatch, "launch", *arguments) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "not seen from here. 4 runs to train" in printed


def test_a_long_recipe_gets_a_short_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that a folder can have, and that a study file can say."""
    fields = "batch_size = 16\nlearning_rate = 0.00125\ntrain_pairs = 500\ntest_pairs = 400\n"
    (folder / "x.toml").write_text(f'name = "{"x" * 40}"\n[recipe]\n{fields}')
    assert _run(monkeypatch, "launch", "x.toml", "--epochs", "3", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert re.search(rf"Results folder: results/{'x' * 40}-[0-9a-f]{{12}}\.", printed)


def test_fresh_starts_beside_the_old_folder(
    store: ResultsStore,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing of the old folder is counted, changed or deleted."""
    before = sorted(Path(store.location.name).rglob("*"))
    output = store.location.name
    assert _run(monkeypatch, "launch", "--fresh", "--dry-run", "--output", output) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "50 runs to train" in printed
    assert sorted(Path(store.location.name).rglob("*")) == before
    assert list(folder.iterdir()) == []


def test_report_prints_json_for_scripts(
    store: ResultsStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing but JSON on standard output."""
    assert _run(monkeypatch, "report", "--json", store.location.name) == 0
    assert [row["accuracy"]["n"] for row in json.loads(capsys.readouterr().out)["rows"]] == [2, 2]


@pytest.mark.parametrize("columns", ["80", "200"])
def test_report_fits_the_terminal(
    store: ResultsStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: str,
) -> None:
    """A narrow terminal gets fewer columns, never cut names or numbers."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert _run(monkeypatch, "report", store.location.name) == 0
    printed = capsys.readouterr().out
    assert "siamese-shared-aux" in printed
    assert "97.74 ± 0.46" in printed
    assert "…" not in printed
    assert ("parameters" in printed) == (columns == "200")


def test_architectures_as_json_have_names_counts_and_layers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The six networks; a network's layers add up to its parameters."""
    assert _run(monkeypatch, "architectures", "--json") == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["parameters"] for entry in entries] == [
        69_530, 71_119, 71_119, 141_361, 141_361, 68_850,
    ]  # fmt: skip
    for entry in entries:
        assert sum(layer["parameters"] for layer in entry["layers"]) == entry["parameters"]


def test_architectures_lists_a_network_s_layers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table with every layer, its output and its parameters."""
    assert _run(monkeypatch, "architectures", "baseline") == 0
    printed = capsys.readouterr().out
    assert "Conv2d(16, 64, kernel_size=(3, 3), stride=(1, 1))" in printed
    assert "64 x 4 x 4" in printed


def test_data_verifies_and_draws(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four files that are right, and a picture of pairs."""
    assert _run(monkeypatch, "data", "verify") == 0
    assert capsys.readouterr().out.count("  ok\n") == 4
    assert _run(monkeypatch, "data", "sheet", "--seed", "3") == 0
    assert (folder / "pairs.png").stat().st_size > 10_000


def test_the_installed_command_answers() -> None:
    """The console script and `python -m` are the same command."""
    script = Path(sys.executable).with_name("mnistcmp")
    for command in ([str(script)], [sys.executable, "-m", "mnistcmp"]):
        done = subprocess.run([*command, "--version"], capture_output=True, check=True, text=True)
        assert done.stdout == f"mnistcmp {__version__}\n"
