"""The command line, short of training."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mnistcmp import __version__
from mnistcmp.data.mnist import MD5, load_mnist
from mnistcmp.results.store import ResultsStore
from tests.support.commands import run_command

BAD_REQUESTS = {
    "launch -a siamese-sharde": "unknown architecture 'siamese-sharde'; did you mean 'siamese-shar",
    "launch --recipe refrence-code": "unknown recipe 'refrence-code'; did you mean 'reference-code",
    "launch --seeds a": "seeds 'a': 'a' is not a seed or a range. Allowed: a count",
    "launch --seeds=-1": "seeds '-1': '-1' is not a seed or a range",
    "launch --seeds 5-2": "seeds '5-2': the range 5-2 runs backwards",
    "launch --epochs 0": "recipe field epochs: has to be greater than or equal to 1, not 0",
    "launch --epochs many": "Invalid value for '--epochs'",
    "launch --all -a baseline": "--all is the whole Table I and cannot go with --architecture",
    "launch --all study.toml": "--all is the whole Table I and cannot go with a study file",
    "launch study.toml": "unknown recipe field 'epoch'; did you mean 'epochs'",
    "launch batch.toml": "batch_size 801 is larger than the 800 pairs of the training split",
    "launch one.toml": "batch_size 17 leaves a last batch of one of the 800 pairs",
    "launch nowhere.toml": "cannot read the study file nowhere.toml: No such file or directory",
    "launch --output file": "the output file cannot be a folder: file is a file",
    "launch mixed.toml": "study field seeds.1: has to be a valid integer, not '5-9'",
    "launch --address http://[::1 --all": "is not the address of a Ray dashboard",
    "launch --workers 0": "Invalid value for '--workers'",
    "launch --device tpu": "Invalid value for '--device': 'tpu' is not one of",
    "launch --output= --dry-run": "--output is empty",
    "launch --output ftp://bucket/x --dry-run": "cannot use 'ftp://bucket/x' for results",
    "launch --output s3:/b/x --dry-run": "cannot use 's3:/b/x' for results. Allowed: a folder, or",
    "launch --output GS:/b/x --dry-run": "cannot use 'GS:/b/x' for results",
    "report s3//b/x": "cannot use 's3//b/x' for results",
    "compare s3:b/x s3:b/y": "cannot use 's3:b/x' for results",
    "launch named.toml": "study field name: allowed are small letters, digits, '.', '_' and '-', a",
    "launch inside.toml": "'seeds' is a field of the study, and stands in a recipe; move it above",
    "launch recipes.toml": "'seeds' is a field of the study, and stands in a recipe; move it above",
    "launch outside.toml": "'epochs' is a field of a recipe; move it below a line [recipe]",
    "launch --all --detach --local": "--detach submits to a cluster, and none is named or up",
    "launch --all --notify example.org --local": "--notify 'example.org' is no URL to post to",
    "launch --sedes 3": "No such option: --sedes",
    "launch --output other-version": "is of results schema unknown",
    "launch --study activaton": "unknown study 'activaton'; did you mean 'activation'? Allowed",
    "launch --study softmax --all": "--all is the whole Table I and cannot go with --study",
    "launch --study softmax study.toml": "--study and a study file cannot go together",
    "launch --study softmax --recipe default": "the recipes 'before-head' and 'everywhere' are the",
    "launch --study softmax --recipe plain": "--recipe plain sets batch_norm and branch_dropout, w",
    "launch -a baseline-plain": "unknown architecture 'baseline-plain'; did you mean 'baseline'?",
    "tune --grid lr=0.1 --local": "a search compares at least two points, and this one has one",
    "tune --grid momentun=1,2": "unknown recipe field 'momentun'",
    "tune --grid lr=0.1,0": "recipe field learning_rate: has to be greater than 0, not 0",
    "tune --samples 3": "--samples goes with --search random or bayes",
    "tune --range lr=0.1:1": "--range goes with --search random or bayes",
    "tune --search bayes --range lr=1:0.1": "1.0 is not below 0.1",
    "tune --search annealing": "Invalid value for '--search'",
    "tune --asha --race": "--asha and --race are two rules to stop points by",
    "tune --race --seeds 3": "--race adds seeds after the first 3, and there are 3",
    "tune --local --detach": "--detach submits to a cluster, and none is named or up",
    "tune --local --budget soon": "--budget soon: expected a duration above 0",
    "tune --local --budget 1s": "a budget of 1.0 s is over before a run can end",
    "tune --local -o file": "the output file cannot be a folder: file is a file",
    "studies softmaks": "unknown study 'softmaks'; did you mean 'softmax'",
    "studies --toml": "--toml prints one study: name it",
    "studies softmax --toml --json": "--toml prints one study: name it, and leave --json out",
    "recipes plane": "unknown recipe 'plane'; did you mean 'plain'?",
    "schema -o file/x.json": "cannot write the schema file/x.json: ",
    "lunch": "No such command 'lunch'",
    "report": "there is no results folder results/table1",
    "report --json --markdown": "--markdown, --json and --html cannot go together",
    "report .": "has no finished run",
    "report ftp://x/y": "cannot use 'ftp://x/y' for results",
    "report other-version": "is of results schema unknown",
    "report half-written": "x.parquet: it is not a whole Parquet file",
    "compare baseline siamese-shared": "there is no results folder results/table1",
    "compare . results/other": "there is no results folder results/other",
    "figures nowhere": "there is no results folder nowhere",
    "figures --format svg -o file": "cannot write the figure file/figure-1-baseline.svg: ",
    "architectures basline": "unknown architecture 'basline'; did you mean 'baseline",
    "data sheet -o file/x.png": "working/file is no folder. Choose another place with --output.",
}


@pytest.fixture
def littered(folder: Path) -> Path:
    """A working folder with the files that bad requests name."""
    (folder / "file").touch()
    (folder / "study.toml").write_text('name = "x"\n[recipe]\nepoch = 3\n')
    (folder / "batch.toml").write_text('name = "x"\n[recipe]\nbatch_size = 801\n')
    (folder / "one.toml").write_text('name = "x"\n[recipe]\nbatch_size = 17\n')
    (folder / "mixed.toml").write_text('name = "x"\nseeds = [0, "5-9"]\n')
    (folder / "named.toml").write_text('name = "My study"\n')
    (folder / "inside.toml").write_text('name = "x"\n[recipe]\nepochs = 3\nseeds = 3\n')
    (folder / "recipes.toml").write_text("[recipes]\nseeds = 3\nfast.epochs = 3\n")
    (folder / "outside.toml").write_text('name = "x"\nepochs = 3\n')
    runs = folder / "other-version" / "runs"
    runs.mkdir(parents=True)
    (runs / "x.parquet").write_bytes(_foreign_parquet())
    half = folder / "half-written" / "runs"
    half.mkdir(parents=True)
    (half / "x.parquet").write_bytes(_foreign_parquet()[:-10])
    return folder


def _foreign_parquet() -> bytes:
    import pandas as pd  # noqa: PLC0415 - for this file alone

    return pd.DataFrame({"x": [1]}).to_parquet()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *BAD_REQUESTS.items(),
        # The folder is made once it is known that there is something to train on.
        pytest.param(
            "launch --output /proc/results",
            "cannot write to the output folder /proc/results",
            marks=pytest.mark.ray,
        ),
    ],
)
def test_a_bad_request_gets_one_line_and_writes_nothing(
    littered: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    message: str,
) -> None:
    """Exit status 2, one line on standard error, no new file."""
    before = sorted(littered.rglob("*"))
    assert run_command(monkeypatch, *arguments.split()) == 2
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
    assert run_command(monkeypatch, "launch", "--all", "--device", "cuda") == 2
    assert "torch sees no GPU on this machine" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.ray
def test_damaged_mnist_is_refused(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line that names the file; no results folder."""
    monkeypatch.setitem(MD5, "train-labels-idx1-ubyte", "0" * 32)
    load_mnist.cache_clear()
    assert run_command(monkeypatch, "launch", "--all") == 2
    assert "train-labels-idx1-ubyte is truncated or changed" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_report_prints_json_for_scripts(
    store: ResultsStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing but JSON on standard output."""
    assert run_command(monkeypatch, "report", "--json", store.location.name) == 0
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
    assert run_command(monkeypatch, "report", store.location.name) == 0
    printed = capsys.readouterr().out
    assert "siamese-shared-aux" in printed
    assert "97.74 ± 0.46" in printed
    assert "…" not in printed
    assert ("parameters" in printed) == (columns == "200")


def test_architectures_as_json_have_names_counts_and_layers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The networks; a network's layers add up to its parameters."""
    assert run_command(monkeypatch, "architectures", "--json") == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["parameters"] for entry in entries] == [
        69_530, 71_119, 71_119, 141_361, 141_361, 68_294,
    ]  # fmt: skip
    for entry in entries:
        assert sum(layer["parameters"] for layer in entry["layers"]) == entry["parameters"]


def test_architectures_lists_a_network_s_layers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table with every layer, its output and its parameters."""
    assert run_command(monkeypatch, "architectures", "baseline") == 0
    printed = capsys.readouterr().out
    assert "Conv2d(16, 64, kernel_size=(3, 3), stride=(1, 1))" in printed
    assert "64 x 4 x 4" in printed


def test_data_verifies_and_draws(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four files that are right, and a picture of pairs."""
    assert run_command(monkeypatch, "data", "verify") == 0
    assert capsys.readouterr().out.count("  ok\n") == 4
    assert run_command(monkeypatch, "data", "sheet", "--seed", "3") == 0
    assert (folder / "pairs.png").stat().st_size > 10_000


@pytest.mark.process
def test_the_installed_command_answers() -> None:
    """The console script and `python -m` are the same command."""
    script = Path(sys.executable).with_name("mnistcmp")
    for command in ([str(script)], [sys.executable, "-m", "mnistcmp"]):
        done = subprocess.run([*command, "--version"], capture_output=True, check=True, text=True)
        assert done.stdout == f"mnistcmp {__version__}\n"
